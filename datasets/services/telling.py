"""Mails about withdrawn images, to exactly those who downloaded an archive that held one; and about releases that
failed, to who made them."""

from typing import Any

from django.db import transaction

from accounts.mail import send
from accounts.models import Notice, User
from audit.services import record
from datasets.models import Release, Withdrawal
from datasets.selectors.holding import holders

NOTICE = "images_withdrawn"
FAILED = "release_failed"


def tell_downloaders(withdrawal: Withdrawal) -> int:
    """Has everybody told, once, who has a withdrawn image on the own disk; returns how many mails were ordered."""
    people = User.objects.filter(pk__in=holders(withdrawal))
    # A closed account has no address any more.
    return sum(_tell(withdrawal, user) for user in people.filter(closed_at=None).order_by("pk"))


@transaction.atomic
def _tell(withdrawal: Withdrawal, user: User) -> bool:
    _notice, new = Notice.objects.get_or_create(
        kind=NOTICE, object_type=withdrawal._meta.label_lower, object_id=f"{withdrawal.pk}/{user.pk}"
    )
    if new:
        send("images_withdrawn", to=user, withdrawal=withdrawal)
        record("withdrawal.told", about=withdrawal, user=user.pk)
    return new


def tell_of_failure(release: Release) -> None:
    """Once, however much of it fails, until it is tried again. Within the caller's transaction."""
    _notice, new = Notice.objects.get_or_create(**_failure(release))
    if new and release.created_by.closed_at is None:
        send("release_failed", to=release.created_by, release=release)


def forget_failure(release: Release) -> None:
    """It is tried again: the next failure is news."""
    Notice.objects.filter(**_failure(release)).delete()


def _failure(release: Release) -> dict[str, Any]:
    return {"kind": FAILED, "object_type": release._meta.label_lower, "object_id": str(release.pk)}
