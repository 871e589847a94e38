"""People who have downloaded something."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import AccessGrant, AccessRequest, Signature, User
from datasets.models import Archive, Dataset, Download
from tests.datasets.library import Library


def grant(user: User, dataset: Dataset, *class_ids: int) -> AccessGrant:
    """Signs the agreement and gives the groups (none named: all), as if a data manager had."""
    agreement = dataset.agreement
    Signature.objects.get_or_create(
        user=user,
        agreement=agreement,
        defaults={"text_sha256": agreement.sha256, "typed_name": user.name, "institution": user.institution},
    )
    groups = dataset.groups.filter(class_id__in=class_ids) if class_ids else dataset.groups.all()
    request = AccessRequest.objects.create(
        user=user, dataset=dataset, project="Lungs", purpose="To learn.", status="granted"
    )
    request.groups.set(groups)
    given = AccessGrant.objects.create(
        user=user, dataset=dataset, request=request, expires_at=timezone.now() + timedelta(days=30)
    )
    given.groups.set(groups)
    return given


def downloader(library: Library, archive: Archive, bytes_sent: int | None = 100) -> User:
    """A new researcher who got bytes of `archive`; None: nobody knows how many."""
    user = library.people.researcher()
    Download.objects.create(
        user=user,
        archive=archive,
        grant=grant(user, archive.release.dataset),
        last_byte=(archive.size or 1) - 1,
        bytes_sent=bytes_sent,
    )
    return user
