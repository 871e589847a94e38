"""A look at the first directory of a TIFF (or of EXIF data, which is one) before a library reads it.

Pillow reads the values of all tags into memory, so that tags which share their bytes multiply a file.
"""

import struct
from typing import BinaryIO

from .refusal import Refused

# Bytes of one value by type (TIFF 6.0, section 2; 13 and 16 to 18 from later notes); a library skips other types.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


def check_directory(file: BinaryIO) -> bool:
    """Whether a further directory follows. ``file`` is left at its end.

    Raises Refused: undecodable, decompression_bomb (the tags claim more bytes than the file has).
    """
    file.seek(0)
    head = file.read(8)
    if len(head) < 8 or head[:2] not in (b"II", b"MM"):
        raise Refused("undecodable")
    order = "<" if head[:2] == b"II" else ">"
    file.seek(*struct.unpack(f"{order}L", head[4:]))
    count = int.from_bytes(file.read(2), "little" if order == "<" else "big")
    entries = file.read(12 * count)
    following = file.read(4)
    size = file.seek(0, 2)
    whole = len(entries) // 12 * 12
    fields = struct.iter_unpack(f"{order}HHLL", entries[:whole])
    claims = [(_SIZES.get(kind, 1) * number, start) for _, kind, number, start in fields]
    claimed = sum(length for length, start in claims if start + length <= size)  # others are broken and not read
    if claimed > size:
        raise Refused("decompression_bomb")
    return any(following)
