"""The search for burned-in text: candidates of the network, markers that stay, and when to ask a person."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.deid.boxes import TextBox

from . import preparation
from .detector import NETWORK, Candidate, candidates, joined
from .markers import marker
from .recogniser import read
from .result import Text

PAINTED = 0.6
"""From this probability on a box is painted."""
DOUBTED = 0.35
"""From this on it makes the picture one that a person should look at first."""
_SMALLEST = 16  # px: no letter fits in less
_MOST_READ = 12  # boxes; a picture with more text than that is painted unread
_LONGEST_MARKER = 7.0  # times its height
_ALONE = 0.8  # heights around a marker in which nothing else is written
_SURE, _LIKELY = 0.85, 0.5  # the least certainty of a marker's letters, of the better and the worse reading
_TRIM = 0.1  # of the letters' height
_FROM_AFAR = 0.4  # by what the picture is made smaller for large letters
_MOST_LARGE = 6
_LEGIBLE = 0.5  # the least certainty of large letters
_MANY = 30  # boxes
_MUCH = 0.1  # part of the picture


def find(stored: NDArray[np.integer[Any]]) -> Text:
    """The text in ``stored``: see ``imaging.deid.text.find_text``."""
    if stored.ndim != 2 or stored.size == 0:
        raise ValueError("a radiograph is a two-dimensional array")
    if min(stored.shape) < _SMALLEST or stored.min() == stored.max():
        return Text((), False, NETWORK.version)
    stretched = preparation.stretched(stored)
    grey = (np.clip(stretched, 0, 1) * 255).astype(np.uint8)
    found = candidates(stretched, DOUBTED)
    # Seen from afar a spine is a line of print as well, so that large letters must be legible.
    found += [area for area in _larger(candidates(stretched, PAINTED, _FROM_AFAR), found) if _legible(grey, area)]
    found = joined(found, *stored.shape)
    sure = [candidate for candidate in found if candidate.score >= PAINTED]
    boxes = tuple(_box(candidate, name) for candidate, name in zip(sure, _markers(grey, sure), strict=True))
    area = sum(box.width * box.height for box in boxes if box.painted)
    doubtful = len(sure) < len(found) or len(boxes) > _MANY or area > _MUCH * stored.size
    return Text(boxes, doubtful, NETWORK.version)


def _box(candidate: Candidate, name: str) -> TextBox:
    left, top, right, bottom = (int(edge) for edge in candidate[:4])
    return TextBox(left, top, right - left, bottom - top, not name, "detector", round(candidate.score, 3), name)


def _larger(afar: list[Candidate], near: list[Candidate]) -> list[Candidate]:
    """The best few of what was seen from afar that the first look has not covered already."""
    new = [area for area in afar if not any(other.holds(area) for other in near)]
    return sorted(new, key=lambda area: -area.score)[:_MOST_LARGE]


def _legible(grey: NDArray[np.uint8], area: Candidate) -> bool:
    """Whether several letters can be read, whichever way they lie."""
    cut = _cut(grey, area)
    return any(
        certainty >= _LEGIBLE and sum(letter.isalnum() for letter in word) > 1
        for word, certainty in (read(_turned(cut, turn)) for turn in _turns(cut))
    )


def _markers(grey: NDArray[np.uint8], sure: list[Candidate]) -> list[str]:
    """For each candidate the marker that it shows for certain, or nothing."""
    if len(sure) > _MOST_READ:
        return [""] * len(sure)
    names = [_marker(_cut(grey, candidate)) for candidate in sure]
    # A marker beside anything else is part of a label: it saves neither that nor itself.
    text = [candidate for candidate, name in zip(sure, names, strict=True) if not name]
    return [
        ""
        if any(one.meets(other, _ALONE * min(one.right - one.left, one.bottom - one.top)) for other in text)
        else name
        for one, name in zip(sure, names, strict=True)
    ]


def _marker(cut: NDArray[np.uint8]) -> str:
    short, long = sorted(cut.shape)
    if long > _LONGEST_MARKER * short:
        return ""
    trim = max(1, round(_TRIM * short))
    for turn in _turns(cut):
        word, certainty = read(_turned(cut, turn))
        if certainty < _LIKELY or not (name := marker(word)):
            continue
        # Once more, cut closer: a name that is taken for a marker once is hardly taken for it again.
        again, once_more = read(_turned(cut[trim:-trim, trim:-trim], turn))
        if marker(again) == name and once_more >= _LIKELY and max(certainty, once_more) >= _SURE:
            return name
    return ""


def _cut(grey: NDArray[np.uint8], area: Candidate) -> NDArray[np.uint8]:
    left, top, right, bottom = (max(0, int(edge)) for edge in area[:4])
    return grey[top:bottom, left:right]


def _turns(cut: NDArray[np.uint8]) -> tuple[int, ...]:
    """Quarter turns in which a line may lie: an upright box holds a standing line or a single letter."""
    return (1, 3, 0) if cut.shape[0] > 1.6 * cut.shape[1] else (0, 2)


def _turned(cut: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """(h, w, 3) for the recogniser."""
    return np.repeat(np.rot90(cut, turn)[..., None], 3, axis=2)
