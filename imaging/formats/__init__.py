"""What a radiograph can arrive as: recognised by content, checked, decoded, refused with a reason."""

from .inspection import MAX_AGE, Inspection, age_on, date_taken, decode, inspect, stored, stored_and_decoded
from .kinds import Format, sniff
from .png import to_png, write_png
from .refusal import Refused

__all__ = [
    "MAX_AGE",
    "Format",
    "Inspection",
    "Refused",
    "age_on",
    "date_taken",
    "decode",
    "inspect",
    "sniff",
    "stored",
    "stored_and_decoded",
    "to_png",
    "write_png",
]
