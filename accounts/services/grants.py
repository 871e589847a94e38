"""The permission itself: how it begins and every way in which it ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import mail, policies
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import AccessGrant, AccessRequest, User
from audit.services import record

if TYPE_CHECKING:
    from datasets.models import DiagnosisGroup

MAX_GRANT_DAYS = 5 * 365


def default_days(request: AccessRequest) -> int:
    """How long a grant lasts where nobody says otherwise: as the dataset has it, else `CXR_GRANT_DAYS`."""
    return int(request.dataset.grant_days or settings.CXR_GRANT_DAYS)


def give(
    request: AccessRequest,
    *,
    groups: Iterable[DiagnosisGroup],
    contents: Iterable[str],
    days: int,
    granted_by: User | None,
) -> AccessGrant:
    """The grant of a request, from now on; called inside the transaction that decides it.

    A renewal takes the place of the grant that it renews at the same moment, so there is no gap, and its time counts
    from that one's end, so that nobody loses by asking early."""
    now = timezone.now()
    begin, former = now, None
    if request.renews_id is not None:
        former = AccessGrant.objects.select_for_update().get(pk=request.renews_id)
        if former.revoked_at is None and former.expires_at > now:
            begin = former.expires_at
    grant = AccessGrant.objects.create(
        user=request.user,
        dataset=request.dataset,
        contents=sorted(contents),
        request=request,
        granted_by=granted_by,
        created_at=now,
        expires_at=begin + timedelta(days=days),
    )
    grant.groups.set(groups)
    if former is not None and former.revoked_at is None:
        end_grant(former, ended_by=AccessGrant.End.RENEWED, at=now, actor=granted_by)
    return grant


def revoke(*, grant: AccessGrant, manager: User, reason: str) -> None:
    """A data manager ends a grant at once, with a reason that the researcher gets by e-mail.

    Raises `NotAllowedError` for anybody else, `AlreadyDoneError` where it has ended before its time already,
    `AccountsError` without a reason."""
    reason = reason.strip()
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can revoke a grant."))
    if not reason:
        raise AccountsError(_("Give the reason for revoking. The researcher will read it."))
    with transaction.atomic():
        locked = AccessGrant.objects.select_for_update().get(pk=grant.pk)
        if locked.revoked_at is not None:
            raise AlreadyDoneError(_("This grant has ended already."))
        locked.revoked_by, locked.revoked_reason = manager, reason
        end_grant(locked, ended_by=AccessGrant.End.REVOKED, actor=manager)
        mail.send("grant_revoked", to=locked.user, grant=locked)
    grant.refresh_from_db()


@transaction.atomic
def end_grants(
    *, user: User, ended_by: AccessGrant.End, dataset_id: int | None = None, actor: User | None = None
) -> int:
    """Ends every grant of `user` (for one dataset) that has not ended yet, at once; returns how many. `actor` is who
    caused it, None for the portal itself. Nobody is told by e-mail: whoever calls this knows what to say."""
    grants = AccessGrant.objects.select_for_update().filter(user=user, revoked_at=None, expires_at__gt=timezone.now())
    if dataset_id is not None:
        grants = grants.filter(dataset=dataset_id)
    ended = list(grants.order_by("pk"))
    for grant in ended:
        end_grant(grant, ended_by=ended_by, actor=actor)
    return len(ended)


def end_grant(grant: AccessGrant, *, ended_by: AccessGrant.End, actor: User | None, at: datetime | None = None) -> None:
    """Ends a grant that its caller has locked, with the event."""
    grant.revoked_at, grant.ended_by = at or timezone.now(), ended_by
    grant.save(update_fields=["revoked_at", "revoked_by", "revoked_reason", "ended_by"])
    action = "grant.revoked" if ended_by == AccessGrant.End.REVOKED else "grant.ended"
    details = {} if ended_by == AccessGrant.End.REVOKED else {"ended_by": ended_by.value}
    record(action, actor=actor, about=grant, dataset=grant.dataset_id, person=grant.user_id, **details)
