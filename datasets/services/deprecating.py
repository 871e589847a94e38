"""Old versions that should no longer be used: they stay, with a notice."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from datasets.errors import DatasetError
from datasets.models import Release
from datasets.selectors import latest_release


@transaction.atomic
def deprecate(*, manager: User, release: Release, notice: str) -> Release:
    """Marks a published version as one that should no longer be used; or changes the notice. It stays available.

    Raises DatasetError: no notice, not published, or it is the latest version."""
    row = Release.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=release.pk)
    if not notice.strip():
        raise DatasetError(_("Say why this version should no longer be used."))
    if row.status != Release.Status.PUBLISHED:
        raise DatasetError(_("Only a published version can be deprecated."))
    if latest_release(row.dataset) == row:
        raise DatasetError(_("The latest version can't be deprecated: publish a better one first."))
    row.deprecated_at = row.deprecated_at or timezone.now()
    row.deprecation_notice = notice.strip()[:1000]
    row.save(update_fields=["deprecated_at", "deprecation_notice"])
    record("release.deprecated", actor=manager, about=row, version=row.version)
    return row


@transaction.atomic
def undeprecate(*, manager: User, release: Release) -> Release:
    """Takes the notice back."""
    row = Release.objects.select_for_update().get(pk=release.pk)
    row.deprecated_at, row.deprecation_notice = None, ""
    row.save(update_fields=["deprecated_at", "deprecation_notice"])
    record("release.undeprecated", actor=manager, about=row, version=row.version)
    return row
