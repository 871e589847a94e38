"""What the search for text hands back."""

from dataclasses import dataclass

from imaging.deid.boxes import TextBox


@dataclass(frozen=True)
class Text:
    """What was found. ``doubtful``: a person should look at this picture first. ``version``: of the detector."""

    boxes: tuple[TextBox, ...]
    doubtful: bool
    version: str
