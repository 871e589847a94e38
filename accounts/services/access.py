from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import mail, policies, selectors
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import AccessGrant, AccessRequest, User
from accounts.services.grants import MAX_GRANT_DAYS, default_days, give
from audit.services import record

if TYPE_CHECKING:
    from datasets.models import Dataset, DiagnosisGroup


def ask(*, user: User, dataset: Dataset, groups: Iterable[DiagnosisGroup], project: str, purpose: str) -> AccessRequest:
    """The person asks for `groups` of `dataset`; every data manager is told by e-mail. A collection of masks has no
    groups and is asked for as a whole.

    Raises `NotAllowedError` before the e-mail address is confirmed and the agreement signed, `AlreadyDoneError` while
    an earlier request for the dataset waits, `AccountsError` for missing words or groups of another dataset."""
    chosen = list(groups)
    if not policies.is_person(user):
        raise NotAllowedError(_("This account is closed."))
    if not dataset.is_public:
        raise NotAllowedError(_("This dataset is not in the catalogue."))
    if not selectors.has_confirmed_email(user):
        raise NotAllowedError(_("Confirm your e-mail address first."))
    if not selectors.has_signed(user, dataset.agreement):
        raise NotAllowedError(_("Sign the data use agreement first."))
    if bool(chosen) == dataset.is_segmentation or any(group.dataset_id != dataset.pk for group in chosen):
        raise AccountsError(_("Choose at least one group of this dataset."))
    project, purpose = project.strip(), purpose.strip()
    if not project or not purpose:
        raise AccountsError(_("Give the title of the project and what you will use the images for."))
    try:
        with transaction.atomic():
            request = AccessRequest.objects.create(user=user, dataset=dataset, project=project, purpose=purpose)
            request.groups.set(chosen)
            record(
                "request.submitted",
                actor=user,
                about=request,
                dataset=dataset.pk,
                groups=sorted(group.pk for group in chosen),
            )
            for manager in selectors.data_managers().exclude(pk=user.pk):
                mail.send("request_submitted", to=manager, access_request=request)
    except IntegrityError as error:
        raise AlreadyDoneError(
            _("You have asked for this dataset already. The request waits for a decision.")
        ) from error
    return request


def withdraw_request(*, request: AccessRequest, user: User) -> None:
    """The person takes back a request that nobody has decided. Raises `NotAllowedError` for somebody else's,
    `AlreadyDoneError` for a decided one."""
    with transaction.atomic():
        locked = _lock_open(request)
        if locked.user_id != user.pk:
            raise NotAllowedError(_("You can withdraw only your own requests."))
        locked.status = AccessRequest.Status.WITHDRAWN
        locked.decided_at = timezone.now()
        locked.save(update_fields=["status", "decided_at"])
        record("request.withdrawn", actor=user, about=locked, dataset=locked.dataset_id)
    request.refresh_from_db()


def decide(
    *, request: AccessRequest, manager: User, granted: bool, reason: str = "", days: int | None = None
) -> AccessGrant | None:
    """A data manager grants the request for `days` (default `CXR_GRANT_DAYS`; the grant comes back) or refuses it with
    a reason (None comes back). The researcher is told by e-mail, with the reason.

    Raises `NotAllowedError` for anybody else and for the own request, `AlreadyDoneError` where it is decided or
    withdrawn, `AccountsError` for a refusal without a reason or a senseless number of days."""
    reason = reason.strip()
    days = default_days(request) if days is None else days
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can decide about a request."))
    if not granted and not reason:
        raise AccountsError(_("Give the reason for the refusal. The researcher will read it."))
    if granted and not 1 <= days <= MAX_GRANT_DAYS:
        raise AccountsError(_("A grant lasts from one day to five years."))
    grant = None
    with transaction.atomic():
        locked = _lock_open(request)
        if not policies.may_decide(manager, locked):
            raise NotAllowedError(_("You can't decide about your own request. Another data manager has to."))
        if granted and not locked.user.is_active:
            raise AccountsError(_("The account that asked is closed. Refuse the request."))
        now = timezone.now()
        locked.status = AccessRequest.Status.GRANTED if granted else AccessRequest.Status.REFUSED
        locked.decided_by, locked.decided_at, locked.reason = manager, now, reason
        locked.save(update_fields=["status", "decided_by", "decided_at", "reason"])
        if granted:
            grant = give(locked, groups=locked.groups.all(), contents=locked.contents, days=days, granted_by=manager)
        record(
            f"request.{locked.status}",
            actor=manager,
            about=locked,
            dataset=locked.dataset_id,
            person=locked.user_id,
            **({"grant": grant.pk, "days": days} if grant else {}),
        )
        mail.send("request_decided", to=locked.user, access_request=locked)
    request.refresh_from_db()
    return grant


def _lock_open(request: AccessRequest) -> AccessRequest:
    """The row, locked, if nobody was first: of two decisions at the same time the second one finds the first."""
    locked = AccessRequest.objects.select_for_update().get(pk=request.pk)
    if locked.status != AccessRequest.Status.SUBMITTED:
        raise AlreadyDoneError(
            _("This request was %(status)s in the meantime; nothing was changed.")
            % {"status": locked.get_status_display()}
        )
    return locked
