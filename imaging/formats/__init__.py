"""What a radiograph can arrive as: recognised by content, checked, decoded, refused with a reason."""

from .inspection import MAX_AGE, Inspection, decode, inspect, stored, to_png
from .kinds import Format, sniff
from .refusal import Refused

__all__ = ["MAX_AGE", "Format", "Inspection", "Refused", "decode", "inspect", "sniff", "stored", "to_png"]
