"""From a picture to the rectangles of its text."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.deid.boxes import TextBox
from imaging.deid.text.markers import marker
from imaging.deid.text.networks import likelihood, read
from imaging.deid.text.result import Text
from imaging.deid.text.tiles import fine_print
from imaging.deid.text.views import view

VERSION = "ppocr4-db-1"
LOOKED_AT = 760_000
"""Pixels of the picture that the detector looks at: its time grows with them."""
_CORE = 0.2  # likelihood of a pixel that belongs to the core of a line
_TEXT = 0.5  # mean likelihood of a core: with less it is no text
_THICK_TEXT = 0.72  # of a thick one: ribs and cables make these, and a patch over small ones costs little
_SMALL = 12  # pixels: a core thinner than this
_SURE = 0.9
_MARKER = 0.6  # the least certainty of the letters of a marker that stays
_STUBBY = 7  # length by height: a longer line is no marker and need not be read
_THICK = 0.075  # of the picture's mean side: what is thicker must be legible to be text
_LEGIBLE = 0.5
_MANY = 30
_FINE = 0.6  # a picture that the first look shrinks more is looked at a second time, in its own size


@dataclass(frozen=True)
class _Line:
    """Pixels of the picture that the detector saw."""

    left: int
    top: int
    right: int
    bottom: int
    score: float

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def find(stored: NDArray[np.integer]) -> Text:
    """The text in ``stored``: see ``imaging.deid.text.find_text``."""
    if stored.ndim != 2 or stored.size == 0:
        raise ValueError("a radiograph is a two-dimensional array")
    if min(stored.shape) < 16 or stored.min() == stored.max():
        return Text((), False, VERSION)
    ratio = min(2.0, (LOOKED_AT / stored.size) ** 0.5)
    seen = view(stored, ratio)
    boxes, doubtful = _boxes(seen, (0, 0), stored.shape)
    if ratio < _FINE:
        for left, top, tile in fine_print(stored):
            more, doubt = _boxes(tile, (left, top), (top + tile.shape[0], left + tile.shape[1]))
            boxes += [box for box in more if not any(_within(box, other) for other in boxes)]
            doubtful |= doubt
    doubtful |= len(boxes) > _MANY or any(b.painted and b.score < _SURE for b in boxes)
    return Text(tuple(boxes), doubtful, VERSION)


def _boxes(seen: NDArray[np.uint8], at: tuple[int, int], end: tuple[int, ...]) -> tuple[list[TextBox], bool]:
    """Boxes of the stored picture's part from ``at`` (left, top) to ``end`` (bottom, right), shown as ``seen``."""
    x, y = (end[1] - at[0]) / seen.shape[1], (end[0] - at[1]) / seen.shape[0]
    thick = _THICK * float(np.sqrt(seen.shape[0] * seen.shape[1]))
    boxes, doubtful = [], False
    for line in _lines(likelihood(seen)):
        short, long = sorted((line.width, line.height))
        allowed = ""
        if long <= _STUBBY * short:
            ways = _ways(seen, line)
            word, certainty = read(ways[0])
            if certainty < _LEGIBLE and short > thick:
                word, certainty = max((read(way) for way in ways[1:]), key=lambda found: found[1])
                if certainty < _LEGIBLE:
                    doubtful = True
                    continue
            allowed = marker(word) if certainty >= _MARKER else ""
        left, right = at[0] + int(line.left * x), min(end[1], at[0] + int(np.ceil(line.right * x)))
        top, bottom = at[1] + int(line.top * y), min(end[0], at[1] + int(np.ceil(line.bottom * y)))
        score = round(min(1.0, line.score), 3)
        boxes.append(TextBox(left, top, right - left, bottom - top, not allowed, "detector", score, allowed))
    return boxes, doubtful


def _lines(found: NDArray[np.float32]) -> list[_Line]:
    """The lines of text: connected cores, enlarged from the core to the line as DB's unclipping does."""
    cores = cv2.dilate((found > _CORE).astype(np.uint8), np.ones((3, 3), np.uint8))
    count, names, stats, _ = cv2.connectedComponentsWithStats(cores, connectivity=8)
    lines = []
    for index in range(1, count):
        left, top, width, height, area = (int(v) for v in stats[index])
        part = found[top : top + height, left : left + width]
        inside = (names[top : top + height, left : left + width] == index) & (part > _CORE)
        score = float(part[inside].mean())
        thick = min(width, height)
        if score < (_TEXT if thick < _SMALL else _THICK_TEXT) or area < 12:
            continue
        across, along = round(0.65 * thick) + 2, round(1.2 * thick) + 3
        x, y = (along, across) if width >= height else (across, along)
        right, bottom = min(found.shape[1], left + width + x), min(found.shape[0], top + height + y)
        lines.append(_Line(max(0, left - x), max(0, top - y), right, bottom, score))
    return lines


def _ways(seen: NDArray[np.uint8], line: _Line) -> list[NDArray[np.uint8]]:
    """The line as the recogniser may be able to read it, likeliest first: lying, or standing if it is one letter."""
    cut = np.repeat(seen[line.top : line.bottom, line.left : line.right, 1:2], 3, axis=2)
    turns = (1, 3, 0) if line.height > 2.4 * line.width else (0, 2, 1)
    return [np.ascontiguousarray(np.rot90(cut, turn)) for turn in turns]


def _within(box: TextBox, other: TextBox) -> bool:
    """Whether most of ``box`` lies in ``other``, which is painted or the same marker."""
    wide = min(box.left + box.width, other.left + other.width) - max(box.left, other.left)
    high = min(box.top + box.height, other.top + other.height) - max(box.top, other.top)
    return max(0, wide) * max(0, high) > 0.8 * box.width * box.height
