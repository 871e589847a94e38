"""A rectangle of text in a picture, and what becomes of it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

MARKER_LENGTH = 12  # characters; the longest marker that may stay is shorter


@dataclass(frozen=True)
class TextBox:
    """``left``, ``top``, ``width``, ``height``: pixels of the upright stored picture.

    ``origin``: who drew the box. ``score``: the detector's certainty that it is text, 0..1 (a person's: 1).
    ``marker``: the side or position marker that the recogniser is sure of, else empty; never any other text.
    """

    left: int
    top: int
    width: int
    height: int
    painted: bool = True
    origin: Literal["detector", "person"] = "detector"
    score: float = 1.0
    marker: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> "TextBox":
        """The box that ``as_dict`` gave. Raises ValueError for anything else: the values may come from a form."""
        numbers = [plain.get(key) for key in ("left", "top", "width", "height")]
        if not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
            raise ValueError("left, top, width and height are whole numbers")
        left, top, width, height = (int(n) for n in numbers if n is not None)
        if left < 0 or top < 0 or width < 1 or height < 1:
            raise ValueError("a box lies within the picture and has an area")
        painted, origin = plain.get("painted", True), plain.get("origin", "detector")
        score, marker = plain.get("score", 1.0), plain.get("marker", "")
        if not isinstance(painted, bool) or origin not in ("detector", "person"):
            raise ValueError("painted is true or false, origin is detector or person")
        if not isinstance(score, int | float) or not 0 <= score <= 1:
            raise ValueError("score lies in 0..1")
        if not isinstance(marker, str) or len(marker) > MARKER_LENGTH:
            raise ValueError("marker is one of the allowed markers")
        return cls(left, top, width, height, painted, origin, float(score), marker)
