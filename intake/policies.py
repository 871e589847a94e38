"""Who may see and change what hospitals send. A file belongs to its hospital: nobody of another one gets near it,
and neither do curators and data managers here; what curators may see is in `curation.policies`."""

from typing import Any

from django.db.models import QuerySet

from accounts.models import Hospital
from accounts.policies import is_hospital_user, is_member_of, is_person
from intake.models import UploadBatch, UploadedFile

__all__ = [
    "hospitals_of",
    "is_hospital_user",
    "may_see_batch",
    "may_see_file",
    "visible_batches",
    "visible_files",
]


def may_see_batch(user: Any, batch: UploadBatch) -> bool:
    """Members of the batch's hospital; they may add to it too."""
    return is_member_of(user, batch.hospital_id)


def may_see_file(user: Any, file: UploadedFile) -> bool:
    """Members of the file's hospital: they see its own name and fate, may correct it and take it back."""
    return is_member_of(user, file.hospital_id)


def hospitals_of(user: Any) -> QuerySet[Hospital]:
    return Hospital.objects.filter(memberships__user_id=user.pk) if is_person(user) else Hospital.objects.none()


def visible_batches(user: Any) -> QuerySet[UploadBatch]:
    """The queryset twin of `may_see_batch`."""
    return UploadBatch.objects.filter(hospital__in=hospitals_of(user))


def visible_files(user: Any) -> QuerySet[UploadedFile]:
    """The queryset twin of `may_see_file`."""
    return UploadedFile.objects.filter(hospital__in=hospitals_of(user))
