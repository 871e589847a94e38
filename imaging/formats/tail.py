"""Whether compressed data ends where the picture does: decoders skip what stands behind the last block, so that a
name could ride along there unseen.

The test is the decoder itself: without its last bytes an honest frame decodes to something else, or not at all.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .refusal import Refused

# Fewer bytes than this say nothing about anybody; honest scans of colour images end in up to four that go unneeded,
# because decoders fill a cut block with the same even grey.
_SAYS_NOTHING = 5
# Even areas end in a repeated code of at most 24 bits; text does not repeat that soon.
_PERIODS = (1, 2, 3)

Decoder = Callable[[bytes], NDArray[Any]]


def jpeg_is_exact(frame: bytes, decode: Decoder) -> bool:
    """Whether a clean JPEG stream of one scan without restart intervals holds the picture and no more.

    ``decode`` gives the pixels, and for a cut stream other pixels or Refused. An even area at the end may decode the
    same from fewer bytes; such a tail is honest when it repeats itself.
    """
    whole, end = decode(frame), len(frame) - 2

    def unneeded(count: int) -> bool:
        return _same(decode, frame[: end - count] + b"\xff\xd9", whole)

    if not unneeded(_SAYS_NOTHING):
        return True
    low, high = _SAYS_NOTHING, end - 2  # the first is unneeded, the second is not: without it no scan is left
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if unneeded(middle) else (low, middle)
    return _repeats(frame[end - low : end])


def jpeg2000_is_exact(codestream: bytes, last_part: int, decode: Decoder) -> bool:
    """The same for a clean JPEG 2000 codestream of one tile, whose last tile-part starts at ``last_part``."""
    length = int.from_bytes(codestream[last_part + 6 : last_part + 10]) - _SAYS_NOTHING
    cut = codestream[: last_part + 6] + length.to_bytes(4) + codestream[last_part + 10 : -2 - _SAYS_NOTHING]
    return not _same(decode, cut + b"\xff\xd9", decode(codestream))


def _same(decode: Decoder, data: bytes, whole: NDArray[Any]) -> bool:
    try:
        return bool(np.array_equal(decode(data), whole))
    except Refused:
        return False


def _repeats(tail: bytes) -> bool:
    inner = tail[2:-1]  # the first code may begin within a byte, the last byte is filled up
    return any(len(inner) >= 3 * period and inner[period:] == inner[:-period] for period in _PERIODS)
