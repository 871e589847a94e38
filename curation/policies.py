"""Who may look at candidates and judge them: curators, every file that waits for a person, of every hospital. They are
never shown the hospital's own file name or patient key."""

from typing import Any

from django.db.models import QuerySet

from accounts.policies import is_curator
from intake.models import Stage, UploadedFile

__all__ = ["OPEN_STAGES", "is_curator", "may_judge", "visible_candidates"]

OPEN_STAGES = (Stage.CURATE, Stage.SET_ASIDE)


def may_judge(user: Any, file: UploadedFile) -> bool:
    return is_curator(user) and file.stage in OPEN_STAGES


def visible_candidates(user: Any) -> QuerySet[UploadedFile]:
    """The queryset twin of `may_judge`."""
    files = UploadedFile.objects.filter(stage__in=OPEN_STAGES)
    return files if is_curator(user) else files.none()
