"""The side and position markers that may stay in a picture: they are science and name nobody."""

import re
import unicodedata

from imaging.deid.boxes import MARKER_LENGTH

_LIST = """
    L R D I G P S DX SX LT RT AP PA LAT LL RL LEFT RIGHT ERECT SUPINE SUPINO PRONE PORTABLE PORT SITTING SIT STANDING
    UPRIGHT UPRT MOBILE SEMI DECUBITUS DECUB LEZACO LEŻĄCO LEZACY LEŻĄCY LEŻĄC STOJACO STOJĄCO STOJACY STOJĄCY STOJĄC
    SIEDZACO SIEDZĄCO SIEDZĄCY LEWA PRAWA LEWY PRAWY LEWO PRAWO INSPIRATION EXPIRATION
"""
_WORDS = frozenset(_LIST.split())
_INITIALS = frozenset("LRDIGPS")


def marker(text: str) -> str:
    """``text`` in capitals when every word of it is an allowed marker and it is short, else the empty string.

    At most one word may be a single letter: "R" is a side, "R D" a technologist behind it. Full-width letters, which
    the recogniser likes for lone ones, count as plain ones; "A-P" is "AP".
    """
    upper = unicodedata.normalize("NFKC", text).upper().replace("-", "")
    words = re.sub(r"[\s.,:()]+", " ", upper).strip().split(" ")
    plain = " ".join(words)
    if len(plain) > MARKER_LENGTH or not set(words) <= _WORDS or sum(word in _INITIALS for word in words) > 1:
        return ""
    return plain
