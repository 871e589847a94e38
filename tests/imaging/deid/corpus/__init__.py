"""Files with identifiers planted wherever they can hide, and the search for them.

``simple``: one file with a bit of everything, for tests that look at one thing. ``all_cases``: the corpus, in which
every planted identifier is unlike every other, so that leaks can be counted by kind (also by benchmarks/deid.py).
"""

from .cases import all_cases
from .secrets import Case, Plant, found, summary
from .simple import (
    BIG,
    CHARACTER_SETS,
    CR,
    DEFLATED,
    DX,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    KEY,
    NAMES,
    RLE,
    SC,
    SECRETS,
    dataset,
    leaks,
    native,
    picture,
    texts,
    write,
)

__all__ = [
    "BIG",
    "CHARACTER_SETS",
    "CR",
    "DEFLATED",
    "DX",
    "EXPLICIT",
    "IMPLICIT",
    "JPEG",
    "KEY",
    "NAMES",
    "RLE",
    "SC",
    "SECRETS",
    "Case",
    "Plant",
    "all_cases",
    "dataset",
    "found",
    "leaks",
    "native",
    "picture",
    "summary",
    "texts",
    "write",
]
