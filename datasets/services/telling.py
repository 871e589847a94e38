"""Mails about withdrawn images, to exactly those who downloaded an archive that held one."""

from django.db import transaction

from accounts.mail import send
from accounts.models import Notice, User
from audit.services import record
from datasets.models import Withdrawal
from datasets.selectors.holding import holders

NOTICE = "images_withdrawn"


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
