"""Where a curator wants text painted over, and where not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from curation.services.errors import CurationError
from curation.services.waiting import check_seen, locked
from imaging.deid.boxes import TextBox
from intake import services as intake
from intake.models import Stage, UploadedFile

MOST_BOXES = 200  # that a person may draw on one picture

Rectangle = tuple[int, int, int, int]


def repaint(file: UploadedFile, curator: User, boxes: Sequence[Mapping[str, Any]], seen: str = "") -> UploadedFile:
    """Sends a candidate back to be rewritten from its original with these boxes of text; it comes back to the queue.

    `boxes` are those of `TextBox.as_dict`, in pixels of the stored picture. A rectangle that the report holds keeps its
    origin, score and marker and takes over `painted`; any other is a person's. What is left out stays as it was if the
    detector found it and goes if a person had drawn it, so that text is laid open only where somebody says so.
    `seen`: the SHA-256 of the picture that the curator looked at; empty: not compared. Raises AlreadyJudged and
    CurationError.
    """
    with transaction.atomic():
        row = locked(file, Stage.CURATE)
        check_seen(row, seen)
        found = row.deid_report.get("text")
        if not isinstance(found, list):
            raise CurationError(_("The program has not looked for text in this picture yet, so it cannot be painted."))
        known = {_rectangle(box): box for box in map(TextBox.from_dict, found)}
        wanted = _merged(known, boxes, row.facts["width"], row.facts["height"])
        try:
            intake.repaint(row, [box.as_dict() for box in wanted])
        except intake.IntakeError as error:
            raise CurationError(str(error)) from None
        record(
            "curation.repainted",
            actor=curator,
            about=row,
            painted=sum(box.painted for box in wanted),
            left=sum(not box.painted for box in wanted),
            by_person=sum(box.origin == "person" for box in wanted),
        )
    return row


def _rectangle(box: TextBox) -> Rectangle:
    return box.left, box.top, box.width, box.height


def _merged(
    known: Mapping[Rectangle, TextBox], boxes: Sequence[Mapping[str, Any]], width: int, height: int
) -> list[TextBox]:
    """The detector's boxes in their order, then the person's. Raises CurationError."""
    if len(boxes) > len(known) + MOST_BOXES:
        raise CurationError(_("These are too many rectangles. Draw one large one instead, or reject the image."))
    found = {place: box for place, box in known.items() if box.origin == "detector"}
    drawn: dict[Rectangle, TextBox] = {}
    for plain in boxes:
        try:
            box = TextBox.from_dict(dict(plain))
        except ValueError:
            raise CurationError(_("A rectangle needs whole numbers, and an area of at least one pixel.")) from None
        if box.left + box.width > width or box.top + box.height > height:
            raise CurationError(
                _("A rectangle reaches out of the picture, which is {width} × {height} px.").format(
                    width=width, height=height
                )
            )
        place = _rectangle(box)
        if place in found:
            found[place] = replace(found[place], painted=box.painted)
        elif box.painted:
            drawn[place] = TextBox(*place, painted=True, origin="person")
    if len(drawn) > MOST_BOXES:
        raise CurationError(_("These are too many rectangles. Draw one large one instead, or reject the image."))
    return [*found.values(), *drawn.values()]
