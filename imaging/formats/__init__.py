"""What a radiograph can arrive as: recognised by content, checked, decoded, refused with a reason."""

from .inspection import MAX_AGE, Inspection, decode, inspect, stored, stored_and_decoded
from .kinds import Format, sniff
from .png import to_png, write_png
from .refusal import Refused

__all__ = [
    "MAX_AGE",
    "Format",
    "Inspection",
    "Refused",
    "decode",
    "inspect",
    "sniff",
    "stored",
    "stored_and_decoded",
    "to_png",
    "write_png",
]
