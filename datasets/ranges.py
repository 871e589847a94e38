"""Byte ranges of HTTP (RFC 9110, section 14), as far as a resuming download needs them: one range."""

import re
from dataclasses import dataclass

_SINGLE = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)


class Unsatisfiable(ValueError):  # noqa: N818
    """The range begins behind the end of the file: 416."""


@dataclass(frozen=True)
class ByteRange:
    """The bytes from `first` to `last`, both included, 0-based."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def parse(header: str, size: int) -> ByteRange | None:
    """The range that a `Range` header asks for of a file of `size` bytes.

    None means the whole file: no header, another unit, several ranges or nonsense, which RFC 9110 lets a server
    ignore. Raises Unsatisfiable.
    """
    match = _SINGLE.fullmatch(header)
    if match is None or match[1] == match[2] == "":
        return None
    first, last = match[1][:20], match[2][:20]
    if first == "":  # the last N bytes
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return ByteRange(max(0, size - int(last)), size - 1)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return ByteRange(int(first), min(int(last), size - 1) if last else size - 1)
