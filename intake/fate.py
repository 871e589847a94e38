"""What became of every file of a batch, as a table for the hospital."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.utils import timezone, translation
from django.utils.translation import gettext as _

from intake import names, selectors, words
from intake.models import Stage, UploadBatch, UploadedFile

CHUNK = 500  # rows held in memory


def headings() -> list[str]:
    """The columns, in the reader's language."""
    return [
        *(_("file"), _("identifier"), _("received"), _("size in bytes"), "SHA-256"),
        *(_("diagnosis"), _("class"), _("sex"), _("age"), _("smoking"), _("pack-years")),
        *(_("stage"), _("since"), _("reason"), _("quality"), _("removed from it"), _("checked by a person")),
        _("name in the dataset"),
    ]


def lines(batch: UploadBatch) -> Iterator[str]:
    """The table as CSV, line by line, in the language of the moment of the call; few queries, constant memory."""
    language = translation.get_language()
    files = selectors.files_of(batch).select_related("group", "radiograph")

    def write() -> Iterator[str]:
        with translation.override(language):
            yield "\ufeff" + _line(headings())  # so that spreadsheet programs read it as UTF-8
            for file in files.iterator(chunk_size=CHUNK):
                yield _line(_row(file))

    return write()


def _row(file: UploadedFile) -> list[Any]:
    return [
        *(names.reveal(file.sealed_name), file.pk, _local(file.received_at), file.size, file.sha256),
        *(file.group.label if file.group else "", file.group.class_id if file.group else ""),
        *(file.sex, file.age, file.smoke, file.smoke_packyears),
        *(file.get_stage_display(), _local(file.stage_since), words.reason(file)),
        file.radiograph.quality if file.radiograph else file.assessment.get("quality", ""),
        words.removed(file.deid_report),
        _("yes") if file.deid_report.get("checked") else "",
        file.radiograph.filename if file.radiograph and file.stage == Stage.ACCEPTED else "",
    ]


def _local(moment: Any) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S")


def _line(cells: list[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow(["" if cell is None else _harmless(str(cell)) for cell in cells])
    return buffer.getvalue()


def _harmless(text: str) -> str:
    """Text that a spreadsheet program would take for a formula is marked as text (OWASP, CSV Injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text
