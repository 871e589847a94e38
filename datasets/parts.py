"""Which images go into which part of an archive.

Images stand in the order in which they came into the library (their ids). A part holds the images of a group (or
source) whose ids are greater than its `above` and at most its `upto`. A new release keeps the boundaries of the one
before: only the last part is open, takes new images until it is full, and then the next begins. So a version that adds
images leaves the bytes of all earlier parts as they were, and a withdrawn or changed image touches its own part alone.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from datasets.models.release import OPEN


@dataclass
class Part:
    """`number` counts from 1; `size` is what its files have together, in bytes."""

    number: int
    above: int
    upto: int = OPEN
    items: int = 0
    size: int = 0


@dataclass
class Cutting:
    """Cuts images into parts as they pass by in the order of their ids; `boundaries` are those of the release before
    (each a part's `upto`, ascending, without the open one), `limit` is the greatest size of a new part in bytes."""

    limit: int
    boundaries: deque[int] = field(default_factory=deque)
    parts: list[Part] = field(default_factory=list)
    _above: int = 0
    _last: int = 0

    def add(self, image: int, size: int) -> None:
        """`image` is its id, greater than the one before."""
        while self.boundaries and image > self.boundaries[0]:
            self._close(self.boundaries.popleft())
        part = self.parts[-1] if self.parts and self.parts[-1].upto == OPEN else None
        if part is not None and not self.boundaries and part.size + size > self.limit:
            self._close(self._last)
            part = None
        if part is None:
            part = Part(len(self.parts) + 1, self._above)
            self.parts.append(part)
        part.items += 1
        part.size += size
        self._last = image

    def finish(self) -> list[Part]:
        """The parts, of which only the last may be open: one that ends at a boundary of the release before stays so."""
        if self.boundaries:
            self._close(self.boundaries.popleft())
        return self.parts

    def _close(self, upto: int) -> None:
        if self.parts and self.parts[-1].upto == OPEN:
            self.parts[-1].upto = upto
        self._above = upto


def cut(images: Iterable[tuple[int, int]], limit: int, boundaries: Iterable[int] = ()) -> list[Part]:
    """The parts of `images`, pairs of id and size in bytes in the order of the ids."""
    cutting = Cutting(limit, deque(boundaries))
    for image, size in images:
        cutting.add(image, size)
    return cutting.finish()
