"""What reviewers and data managers do about requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import mail, policies
from accounts.errors import AccountsError, NotAllowedError
from accounts.models import AccessGrant, AccessRequest, ReasonTemplate, User
from accounts.services.access import Status, add_message, lock_request
from accounts.services.grants import MAX_GRANT_DAYS, default_days, give
from audit.services import record

if TYPE_CHECKING:
    from datasets.models import DiagnosisGroup


def decide(
    *,
    request: AccessRequest,
    manager: User,
    granted: bool,
    reason: str = "",
    days: int | None = None,
    groups: Iterable[DiagnosisGroup] | None = None,
    contents: Iterable[str] | None = None,
) -> AccessGrant | None:
    """A reviewer of the dataset or a data manager grants the request for `days` (default: the dataset's, else
    `CXR_GRANT_DAYS`; the grant comes back) or refuses it with a reason (None comes back). Fewer `groups` and `contents`
    than were asked for may be granted, never others. The researcher is told by e-mail, with the reason.

    Raises `NotAllowedError` for anybody else and for the own request, `AlreadyDoneError` where it is decided or
    withdrawn, `AccountsError` for a refusal without a reason, a senseless number of days or nothing to grant."""
    reason = reason.strip()
    days = default_days(request) if days is None else days
    if not granted and not reason:
        raise AccountsError(_("Give the reason for the refusal. The researcher will read it."))
    if granted and not 1 <= days <= MAX_GRANT_DAYS:
        raise AccountsError(_("A grant lasts from one day to five years."))
    grant = None
    with transaction.atomic():
        row = _lock_to_decide(request, manager)
        if granted and not row.user.is_active:
            raise AccountsError(_("The account that asked is closed. Refuse the request."))
        row.status = Status.GRANTED if granted else Status.REFUSED
        row.decided_by, row.decided_at, row.reason = manager, timezone.now(), reason
        row.save(update_fields=["status", "decided_by", "decided_at", "reason"])
        details: dict[str, object] = {}
        if granted:
            chosen, kinds = _at_most(row, groups, contents)
            grant = give(row, groups=chosen, contents=kinds, days=days, granted_by=manager)
            details = {
                "grant": grant.pk,
                "days": days,
                "groups": sorted(group.pk for group in chosen),
                "contents": kinds,
                "fewer": len(chosen) < row.groups.count() or len(kinds) < len(row.contents),
            }
        record(f"request.{row.status}", actor=manager, about=row, dataset=row.dataset_id, person=row.user_id, **details)
        mail.send("request_decided", to=row.user, access_request=row)
    request.refresh_from_db()
    return grant


def ask_more(*, request: AccessRequest, reviewer: User, text: str) -> None:
    """Gives the request back with a question; the researcher answers, mends the request and sends it again.

    Raises as `decide` does."""
    with transaction.atomic():
        row = _lock_to_decide(request, reviewer)
        row.status = Status.MORE_INFORMATION
        row.save(update_fields=["status"])
        add_message(row, reviewer, text)
        record("request.more_information", actor=reviewer, about=row, dataset=row.dataset_id, person=row.user_id)
        mail.send("request_more_information", to=row.user, access_request=row)
    request.refresh_from_db()


def _lock_to_decide(request: AccessRequest, person: User) -> AccessRequest:
    if not policies.reviews(person, request.dataset_id):
        raise NotAllowedError(_("Only a reviewer of the dataset or a data manager can decide about a request."))
    row = lock_request(request, (Status.SUBMITTED,))
    if not policies.may_decide(person, row):
        raise NotAllowedError(_("You can't decide about your own request. Somebody else has to."))
    return row


def _at_most(
    row: AccessRequest, groups: Iterable[DiagnosisGroup] | None, contents: Iterable[str] | None
) -> tuple[list[DiagnosisGroup], list[str]]:
    """What is granted of what was asked for. Raises AccountsError where it is nothing, or something else."""
    asked = {group.pk: group for group in row.groups.all()}
    chosen = list(asked.values()) if groups is None else list(groups)
    kinds = sorted(row.contents if contents is None else set(contents))
    if not {group.pk for group in chosen} <= set(asked) or not set(kinds) <= set(row.contents):
        raise AccountsError(_("Only what was asked for can be granted."))
    if (asked and not chosen) or not kinds:
        raise AccountsError(_("Grant at least one group and one kind of files, or refuse the request."))
    return chosen, kinds


@transaction.atomic
def save_reason(
    *,
    manager: User,
    use: str,
    title: str,
    text: str,
    dataset_id: int | None = None,
    template: ReasonTemplate | None = None,
) -> ReasonTemplate:
    """Keeps words that reviewers use again and again, for one dataset or for all (None)."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can change the templates."))
    row = template or ReasonTemplate()
    row.use, row.title, row.text, row.dataset_id = use, title.strip(), text.strip(), dataset_id
    if use not in ReasonTemplate.Use.values or not row.title or not row.text:
        raise AccountsError(_("A template needs a use, a title and a text."))
    row.save()
    record("reason_template.saved", actor=manager, about=row, use=use, dataset=dataset_id)
    return row


@transaction.atomic
def delete_reason(*, manager: User, template: ReasonTemplate) -> None:
    """Throws a template away. What was decided with its words keeps them."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can change the templates."))
    record("reason_template.deleted", actor=manager, about=template)
    template.delete()
