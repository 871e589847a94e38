"""Limits that are checked before anything is decoded, and the silence that keeps identifiers out of logs."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from .refusal import Refused

MAX_FILE_BYTES = 256 * 1024**2
MIN_SIDE = 100
MAX_SIDE = 10_000
# The largest detectors have about 20 million pixels, digitised films about 40.
MAX_PIXELS = 50_000_000

# These libraries log or warn with values read from the file (names, tags), which must not reach a log.
for _name in ("pydicom", "pylibjpeg", "libjpeg", "openjpeg", "PIL", "tifffile"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


def check_size(width: int, height: int) -> None:
    """Refuse a picture of ``width`` x ``height`` pixels that is too small or too large to be a radiograph."""
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise Refused("too_many_pixels")
    if width < MIN_SIDE or height < MIN_SIDE:
        raise Refused("too_small")


@contextmanager
def refusing(code: str = "undecodable") -> Iterator[None]:
    """Run a parser on hostile bytes: whatever it raises becomes ``Refused(code)``.

    Parsers of malformed files raise nearly anything, with values of the file in the message, hence the broad
    except and ``from None``. Running out of memory is the machine's fault, not the file's, and is passed on.
    """
    try:
        yield
    except (Refused, MemoryError):
        raise
    except EOFError:
        raise Refused("truncated") from None
    except Exception:
        raise Refused(code) from None


@contextmanager
def guarded(code: str = "undecodable") -> Iterator[None]:
    """The same for a library, which also has to be silent: its warnings carry values of the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with refusing(code):
            yield
