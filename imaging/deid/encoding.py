"""Data elements as bytes (PS3.5 7.1 and 7.5): the few representations that the table writes, nothing guessed."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_LONG = frozenset({"OB", "OW", "SQ"})
_ITEM = 0xFFFEE000

# One item of a sequence: its elements in ascending order, each as tag, representation and values.
Item = Sequence[tuple[int, str, Sequence[Any]]]


@dataclass(frozen=True)
class Encoding:
    """Implicit or explicit VR, little or big endian."""

    implicit: bool
    little: bool
    _short: struct.Struct = field(init=False, repr=False, compare=False)
    _long: struct.Struct = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        order = "<" if self.little else ">"
        object.__setattr__(self, "_short", struct.Struct(order + ("HHL" if self.implicit else "HH2sH")))
        object.__setattr__(self, "_long", struct.Struct(order + ("HHL" if self.implicit else "HH2sHL")))

    def head(self, tag: int, vr: str, length: int) -> bytes:
        """Tag, representation and length."""
        if self.implicit:
            return self._short.pack(tag >> 16, tag & 0xFFFF, length)
        if vr in _LONG:
            return self._long.pack(tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
        return self._short.pack(tag >> 16, tag & 0xFFFF, vr.encode(), length)

    def delimiter(self, tag: int, length: int) -> bytes:
        """The head of an item, or of the end of a sequence: without a representation in every encoding."""
        return struct.pack("<HHL" if self.little else ">HHL", tag >> 16, tag & 0xFFFF, length)

    def element(self, tag: int, vr: str, values: Sequence[Any]) -> bytes:
        """One whole element. ``values``: text (ASCII), integers for US and SS, items for SQ."""
        if vr == "SQ":
            body = b"".join(self._item(item) for item in values)
        elif vr in ("US", "SS"):
            body = struct.pack(f"{'<' if self.little else '>'}{len(values)}{'H' if vr == 'US' else 'h'}", *values)
            if len(body) > 0xFFFE:  # a table of 65,536 entries
                vr = "OW"
        else:
            body = "\\".join(values).encode("ascii")
            if len(body) & 1:
                body += b"\x00" if vr == "UI" else b" "
        return self.head(tag, vr, len(body)) + body

    def _item(self, item: Item) -> bytes:
        body = b"".join(self.element(*element) for element in item)
        return self.delimiter(_ITEM, len(body)) + body


def file_meta(sop_class: str, instance: str, syntax: str) -> bytes:
    """Preamble of zeros, prefix and file meta information (PS3.10 7.1), made anew."""
    body = b"".join(
        [
            _PLAIN.head(0x00020001, "OB", 2) + b"\x00\x01",
            _PLAIN.element(0x00020002, "UI", [sop_class]),
            _PLAIN.element(0x00020003, "UI", [instance]),
            _PLAIN.element(0x00020010, "UI", [syntax]),
            _IMPLEMENTATION,
        ]
    )
    length = _PLAIN.head(0x00020000, "UL", 4) + len(body).to_bytes(4, "little")
    return b"\x00" * 128 + b"DICM" + length + body


# 2.25 and a UUID drawn once for this program (PS3.5 B.2).
IMPLEMENTATION_UID = "2.25.271828459045235360287471352662497757247"
_PLAIN = Encoding(implicit=False, little=True)
_IMPLEMENTATION = _PLAIN.element(0x00020012, "UI", [IMPLEMENTATION_UID]) + _PLAIN.element(
    0x00020013, "SH", ["CXR_COMMONS_1"]
)
