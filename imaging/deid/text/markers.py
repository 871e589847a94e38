"""The side and position markers that may stay in a picture: they are science and name nobody."""

import re

_WORDS = frozenset(
    "L R D I G P AP PA LAT LL RL LEFT RIGHT LT RT ERECT SUPINE PRONE PORTABLE PORT SITTING SIT STANDING UPRIGHT UPRT "
    "MOBILE SEMI DECUBITUS DECUB LEZACO LEŻĄCO LEZACY LEŻĄCY LEŻĄC STOJACO STOJĄCO STOJACY STOJĄCY STOJĄC "
    "SIEDZACO SIEDZĄCO SIEDZĄCY LEWA PRAWA LEWY PRAWY CHEST INSPIRATION EXPIRATION INSP EXP".split()
)
_LONGEST = 12


def marker(text: str) -> str:
    """``text`` in capitals when every word of it is an allowed marker and it is short, else the empty string."""
    words = re.sub(r"[\s.\-]+", " ", text.upper()).strip().split(" ")
    plain = " ".join(words)
    return plain if len(plain) <= _LONGEST and set(words) <= _WORDS else ""
