"""A walk over one frame of DICOM's RLE coding (PS3.5 Annex G) that cuts what stands behind the last pixel."""

from .refusal import Refused

_HEADER = 64
_MOST_IDLE = 1_000  # bytes of one plane that stand for no pixel


def clean(data: bytes, pixels: int, planes: int) -> tuple[bytes, bool]:
    """The frame with its header rebuilt and each byte plane ending at the last pixel, and whether bytes were cut.

    ``pixels``: rows * columns; ``planes``: bytes per pixel, one segment each. Raises Refused: undecodable, truncated.
    """
    if len(data) < _HEADER:
        raise Refused("truncated")
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, _HEADER, 4)]
    if words[0] != planes or words[1] != _HEADER:
        raise Refused("undecodable")
    segments = []
    for start in words[1 : planes + 1]:
        end = _end(data, start, pixels)
        segment = data[start:end]
        segments.append(segment + b"\x00" * (len(segment) % 2))
    offsets, at = [planes], _HEADER
    for segment in segments:
        offsets.append(at)
        at += len(segment)
    header = b"".join(word.to_bytes(4, "little") for word in offsets).ljust(_HEADER, b"\x00")
    frame = header + b"".join(segments)
    return frame, data.rstrip(b"\x00") != frame.rstrip(b"\x00")


def _end(data: bytes, at: int, pixels: int) -> int:
    """Where the runs starting at ``at`` have given exactly ``pixels`` bytes."""
    left, size, idle = pixels, len(data), _MOST_IDLE
    while left > 0:
        if at >= size:
            raise Refused("truncated")
        if idle < 0:
            raise Refused("undecodable")
        control = data[at]
        if control < 128:
            at += control + 2
            left -= control + 1
        else:
            at += 1 if control == 128 else 2
            left -= 0 if control == 128 else 257 - control
            idle -= control == 128
    if left < 0:
        raise Refused("undecodable")
    if at > size:
        raise Refused("truncated")
    return at
