"""Data elements as bytes (PS3.5 7.1 and 7.5): the few representations that the table writes, nothing guessed."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

_LONG = frozenset({"OB", "OW", "SQ"})
_DELIMITERS = 0xFFFE
_ITEM = 0xFFFEE000


@dataclass(frozen=True)
class Encoding:
    """Implicit or explicit VR, little or big endian."""

    implicit: bool
    little: bool

    def head(self, tag: int, vr: str, length: int) -> bytes:
        """Tag, representation and length."""
        order = "<" if self.little else ">"
        group = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
        if self.implicit or tag >> 16 == _DELIMITERS:
            return group + struct.pack(order + "L", length)
        if vr in _LONG:
            return group + vr.encode() + struct.pack(order + "HL", 0, length)
        return group + vr.encode() + struct.pack(order + "H", length)

    def element(self, tag: int, vr: str, values: Sequence[Any]) -> bytes:
        """One whole element. ``values``: text (ASCII), integers for US and SS, data sets for SQ."""
        if vr == "SQ":
            body = b"".join(self._item(item) for item in values)
        elif vr in ("US", "SS"):
            body = struct.pack(f"{'<' if self.little else '>'}{len(values)}{'H' if vr == 'US' else 'h'}", *values)
            if len(body) > 0xFFFE:  # a table of 65,536 entries
                vr = "OW"
        else:
            body = "\\".join(values).encode("ascii")
            body += (b"\x00" if vr == "UI" else b" ") * (len(body) % 2)
        return self.head(tag, vr, len(body)) + body

    def _item(self, item: Dataset) -> bytes:
        body = b"".join(self.element(int(found.tag), found.VR, _list(found.value)) for found in item)
        return self.head(_ITEM, "", len(body)) + body


def file_meta(sop_class: str, instance: str, syntax: str) -> bytes:
    """Preamble of zeros, prefix and file meta information (PS3.10 7.1), made anew."""
    plain = Encoding(implicit=False, little=True)
    body = b"".join(
        [
            plain.head(0x00020001, "OB", 2) + b"\x00\x01",
            plain.element(0x00020002, "UI", [sop_class]),
            plain.element(0x00020003, "UI", [instance]),
            plain.element(0x00020010, "UI", [syntax]),
            plain.element(0x00020012, "UI", [IMPLEMENTATION_UID]),
            plain.element(0x00020013, "SH", ["CXR_COMMONS_1"]),
        ]
    )
    length = plain.head(0x00020000, "UL", 4) + len(body).to_bytes(4, "little")
    return b"\x00" * 128 + b"DICM" + length + body


# 2.25 and a UUID drawn once for this program (PS3.5 B.2).
IMPLEMENTATION_UID = "2.25.271828459045235360287471352662497757247"


def _list(value: Any) -> list[Any]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return [] if value in (None, "") else [value]
    return list(value)
