"""What a radiograph can arrive as: recognised by content, checked, decoded, refused with a reason."""

from .inspection import MAX_AGE, Inspection, decode, inspect, stored
from .kinds import Format, sniff
from .png import to_png, write_png
from .refusal import Refused

__all__ = ["MAX_AGE", "Format", "Inspection", "Refused", "decode", "inspect", "sniff", "stored", "to_png", "write_png"]
