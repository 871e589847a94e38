"""Where in a picture there is text: one pass of a small network, and the boxes around what it marks."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.inference import Network

from . import preparation

NETWORK = Network(Path(__file__).with_name("weights") / "text.onnx")
_STRIDE = 4  # one output pixel stands for 4 x 4 of the input
_MULTIPLE = 32  # the input's sides are multiples of this
# The network marks the letters; a box reaches as far beyond them as an end of a line may have gone unmarked.
_MARGIN = 0.35  # of the letters' height
_EDGE = 0.2  # probability at the edge of an area


class Candidate(NamedTuple):
    """A box in pixels, and the network's highest probability in it, 0..1."""

    left: float
    top: float
    right: float
    bottom: float
    score: float

    def meets(self, other: "Candidate", reach: float = 0) -> bool:
        """Whether the boxes come nearer to each other than ``reach``."""
        return (
            self.left - reach < other.right
            and other.left < self.right + reach
            and self.top - reach < other.bottom
            and other.top < self.bottom + reach
        )

    def holds(self, other: "Candidate") -> bool:
        """Whether the other box lies in this one."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    @classmethod
    def around(cls, all_: "list[Candidate]") -> "Candidate":
        """The smallest box around all of them."""
        left, top, right, bottom, score = zip(*all_, strict=True)
        return cls(min(left), min(top), max(right), max(bottom), max(score))


def candidates(picture: NDArray[np.float32], low: float, look: float = 1) -> list[Candidate]:
    """Boxes around areas whose highest probability exceeds ``low``, in pixels of the picture.

    ``picture``: (H, W) as ``preparation.stretched`` gives it. ``look``: by what it is made smaller beyond the working
    scale, for letters that are too large there.
    """
    height, width = picture.shape
    scale = preparation.working_scale(height, width) * look
    return _areas(picture, scale, low) if min(height, width) * scale >= _MULTIPLE else []


def joined(areas: list[Candidate], height: int, width: int) -> list[Candidate]:
    """Areas that meet, made one, cut at the edges of a picture of ``height`` x ``width`` pixels, best first."""
    waiting, done = list(areas), []
    while waiting:
        one = waiting.pop()
        meeting = [other for other in waiting if one.meets(other)]
        if meeting:
            waiting = [other for other in waiting if not one.meets(other)]
            waiting.append(Candidate.around([one, *meeting]))
        else:
            left, top = max(0, int(one.left)), max(0, int(one.top))
            right, bottom = min(width, int(np.ceil(one.right))), min(height, int(np.ceil(one.bottom)))
            done.append(Candidate(left, top, right, bottom, one.score))
    return sorted(done, key=lambda candidate: -candidate.score)


def _areas(picture: NDArray[np.float32], scale: float, low: float) -> list[Candidate]:
    """Boxes, in pixels of the picture, around areas found when it is resized by ``scale``."""
    probability = _probability(preparation.resized(picture, scale))
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((probability > _EDGE).astype(np.uint8), connectivity=8)
    best = np.asarray(ndimage.maximum(probability, labels, np.arange(len(boxes))), dtype=np.float32)
    size = _STRIDE / scale
    found = []
    for (x, y, across, down, _), score in zip(boxes[1:].tolist(), best[1:].tolist(), strict=True):
        if score >= low:
            margin = max(1.0, _MARGIN * min(across, down))
            left, top, right, bottom = x - margin, y - margin, x + across + margin, y + down + margin
            found.append(Candidate(left * size, top * size, right * size, bottom * size, score))
    return found


def _probability(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of text, at every fourth row and column."""
    height, width = picture.shape
    padded = np.pad(picture, ((0, -height % _MULTIPLE), (0, -width % _MULTIPLE)), mode="reflect")
    rows, columns = -(-height // _STRIDE), -(-width // _STRIDE)
    probability: NDArray[np.float32] = NETWORK(picture=preparation.channels(padded)[None])[0, :rows, :columns]
    return probability
