"""From a picture to the rectangles of its text."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.deid.boxes import TextBox
from imaging.deid.text.markers import marker
from imaging.deid.text.networks import likelihood, read
from imaging.deid.text.result import Text
from imaging.deid.text.views import view

VERSION = "ppocr4-db-1"
LOOKED_AT = 960
"""The longer side in pixels at which the detector looks at most pictures: its time grows with the area."""
_CORE = 0.2  # likelihood of a pixel that belongs to the core of a line
_TEXT = 0.4  # of a core's best pixels: a box with less is no text
_SURE = 0.6
_MARKER = 0.75  # the least certainty of the letters of a marker that stays
_MANY = 30


@dataclass(frozen=True)
class _Line:
    left: int
    top: int
    right: int
    bottom: int
    score: float


def find(stored: NDArray[np.integer]) -> Text:
    """The text in ``stored``: see ``imaging.deid.text.find_text``."""
    if stored.ndim != 2 or stored.size == 0:
        raise ValueError("a radiograph is a two-dimensional array")
    if min(stored.shape) < 16 or stored.min() == stored.max():
        return Text((), False, VERSION)
    longest = LOOKED_AT
    seen = view(stored, longest)
    lines = _lines(likelihood(seen))
    words = read([_upright(seen, line) for line in lines])
    scale = (stored.shape[1] / seen.shape[1], stored.shape[0] / seen.shape[0])
    boxes = []
    for line, (word, certainty) in zip(lines, words, strict=True):
        allowed = marker(word) if certainty >= _MARKER else ""
        boxes.append(_box(line, scale, stored.shape, allowed))
    doubtful = len(boxes) > _MANY or any(b.painted and b.score < _SURE for b in boxes)
    return Text(tuple(boxes), doubtful, VERSION)


def _lines(found: NDArray[np.float32]) -> list[_Line]:
    """The lines of text: connected cores, enlarged from the core to the line as DB's unclipping does."""
    cores = cv2.dilate((found > _CORE).astype(np.uint8), np.ones((3, 3), np.uint8))
    count, names, stats, _ = cv2.connectedComponentsWithStats(cores, connectivity=8)
    lines = []
    for index in range(1, count):
        left, top, width, height, area = (int(v) for v in stats[index])
        inside = names[top : top + height, left : left + width] == index
        score = float(np.percentile(found[top : top + height, left : left + width][inside], 90))
        thick = min(width, height)
        if score < _TEXT or area < 12:
            continue
        across, along = round(0.45 * thick) + 2, round(1.1 * thick) + 3
        x, y = (along, across) if width >= height else (across, along)
        lines.append(
            _Line(max(0, left - x), max(0, top - y), min(found.shape[1], left + width + x),
                  min(found.shape[0], top + height + y), score)
        )  # fmt: skip
    return lines


def _upright(seen: NDArray[np.uint8], line: _Line) -> NDArray[np.uint8]:
    """The line as the recogniser wants it: lying, dark planes as they are."""
    cut = seen[line.top : line.bottom, line.left : line.right]
    if cut.shape[0] > 1.6 * cut.shape[1]:
        cut = np.rot90(cut)
    return np.ascontiguousarray(np.repeat(cut[:, :, 1:2], 3, axis=2))


def _box(line: _Line, scale: tuple[float, float], shape: tuple[int, ...], allowed: str) -> TextBox:
    left, right = int(line.left * scale[0]), min(shape[1], int(np.ceil(line.right * scale[0])))
    top, bottom = int(line.top * scale[1]), min(shape[0], int(np.ceil(line.bottom * scale[1])))
    return TextBox(
        left, top, right - left, bottom - top, not allowed, "detector", round(min(1.0, line.score), 3), allowed
    )
