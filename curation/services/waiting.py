"""The row that a curator decides about: locked, still waiting, and the picture on it the one that was looked at."""

from django.utils.translation import gettext as _

from curation.services.errors import AlreadyJudged, CurationError
from intake.models import Stage, UploadedFile


def locked(file: UploadedFile, *stages: Stage) -> UploadedFile:
    """The row, locked in the caller's transaction. Raises AlreadyJudged when it is at none of `stages`."""
    rows = UploadedFile.objects.select_for_update(of=("self",)).select_related("batch__dataset", "group", "hospital")
    row = rows.get(pk=file.pk)
    check_waits(row, *stages)
    return row


def check_waits(row: UploadedFile, *stages: Stage) -> None:
    """Raises AlreadyJudged when the row is at none of `stages`."""
    if row.stage not in stages:
        stage = row.get_stage_display()
        raise AlreadyJudged(
            _("This file is no longer waiting: somebody was faster. It is now: {stage}.").format(stage=stage)
        )


def picture(file: UploadedFile) -> str:
    """What names the present picture of a candidate: the SHA-256 of its image, empty when there is none."""
    return str(file.deid_report.get("output", {}).get("sha256", ""))


def check_seen(row: UploadedFile, seen: str) -> None:
    """Raises CurationError when `seen`, if given, is not the picture that the row has now."""
    if seen and seen != picture(row):
        raise CurationError(_("The picture was written anew after you opened it. Look at it again, then decide."))
