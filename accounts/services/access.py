"""What a researcher does about a request for data: drafts, sends, mends, talks about and withdraws it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import mail, policies, selectors
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import AccessGrant, AccessRequest, Content, RequestMessage, User
from accounts.models.access import every_content
from accounts.services.grants import default_days, give
from audit.services import record

if TYPE_CHECKING:
    from datasets.models import Dataset, DiagnosisGroup

Status = AccessRequest.Status
EDITABLE = (Status.DRAFT, Status.MORE_INFORMATION)
MAX_TEXT = 5000  # characters of a message, a purpose, or what was done
DAILY_MESSAGES = 20  # of one person about one request in 24 hours: each is an e-mail to the other side
DAILY_REQUESTS = 5  # that one person sends for one dataset in 24 hours, for the same reason
_TOO_LONG = _("Write at most %(count)s characters.")


def ask(
    *,
    user: User,
    dataset: Dataset,
    groups: Iterable[DiagnosisGroup],
    project: str,
    purpose: str,
    contents: Iterable[str] | None = None,
    renews: AccessGrant | None = None,
    achieved: str = "",
) -> AccessRequest:
    """Asks for `contents` (default: all) of `groups` of `dataset` in one go: `save_request` and `submit_request`."""
    with transaction.atomic():
        request = save_request(
            user=user,
            dataset=dataset,
            groups=groups,
            contents=every_content() if contents is None else contents,
            project=project,
            purpose=purpose,
            renews=renews,
            achieved=achieved,
        )
        submit_request(request=request, user=user)
    return request


def save_request(
    *,
    user: User,
    dataset: Dataset,
    groups: Iterable[DiagnosisGroup],
    contents: Iterable[str],
    project: str,
    purpose: str,
    renews: AccessGrant | None = None,
    achieved: str = "",
    request: AccessRequest | None = None,
) -> AccessRequest:
    """Keeps what the person wrote so far, as a new draft or in `request` (a draft, or one that came back with a
    question). Nothing has to be complete before it is sent. A collection of masks has no groups and is asked for as a
    whole.

    Raises `NotAllowedError` for somebody else's request or grant and for datasets outside the catalogue,
    `AlreadyDoneError` while another request for the dataset is unfinished, `AccountsError` for groups or contents that
    the dataset does not have, for a grant that can't be renewed (yet) and for words longer than `MAX_TEXT`."""
    chosen, wanted = list(groups), sorted(set(contents))
    if not policies.is_person(user):
        raise NotAllowedError(_("This account is closed."))
    if not dataset.is_public:
        raise NotAllowedError(_("This dataset is not in the catalogue."))
    if any(group.dataset_id != dataset.pk for group in chosen):
        raise AccountsError(_("Choose groups of this dataset."))
    if not set(wanted) <= set(Content.values):
        raise AccountsError(_("Choose what you need: images, lung regions, masks."))
    if max(len(purpose), len(achieved)) > MAX_TEXT:
        raise AccountsError(_TOO_LONG % {"count": MAX_TEXT})
    if renews is not None:
        _check_renewal(user, dataset, renews)
    try:
        with transaction.atomic():
            if request is None:
                row = AccessRequest(user=user, dataset=dataset, status=Status.DRAFT, renews=renews)
            else:
                row = lock_request(request, EDITABLE)
                if row.user_id != user.pk or row.dataset_id != dataset.pk:
                    raise NotAllowedError(_("You can change only your own requests."))
            row.project, row.purpose, row.achieved = project.strip(), purpose.strip(), achieved.strip()
            row.contents = wanted
            row.save()
            row.groups.set(chosen)
            record("request.saved", actor=user, about=row, dataset=dataset.pk)
    except IntegrityError as error:
        raise AlreadyDoneError(
            _("You have asked for this dataset already. Finish or withdraw that request first.")
        ) from error
    return row


def submit_request(*, request: AccessRequest, user: User) -> AccessGrant | None:
    """Sends a draft, or one that was asked more about, to those who decide. An open dataset grants at once, and the
    grant comes back; not to data managers, who could open a dataset for themselves, nor to a person whose grant for it
    was revoked: somebody decides about those.

    Raises `NotAllowedError` before the e-mail address is confirmed and the agreement signed, `AlreadyDoneError` where
    it was sent already, `AccountsError` while something is missing, and after `DAILY_REQUESTS` in 24 hours."""
    if not policies.is_person(user):
        raise NotAllowedError(_("This account is closed."))
    grant = None
    with transaction.atomic():
        row = lock_request(request, EDITABLE)
        if row.user_id != user.pk:
            raise NotAllowedError(_("You can send only your own requests."))
        dataset, groups = row.dataset, list(row.groups.all())
        if not dataset.is_public:
            raise NotAllowedError(_("This dataset is not in the catalogue."))
        if not selectors.has_confirmed_email(user):
            raise NotAllowedError(_("Confirm your e-mail address first."))
        if not selectors.has_signed(user, dataset.agreement):
            raise NotAllowedError(_("Sign the data use agreement first."))
        if bool(groups) == dataset.is_segmentation:
            raise AccountsError(_("Choose at least one group of this dataset."))
        if not row.contents:
            raise AccountsError(_("Choose what you need: images, lung regions, masks."))
        if not row.project or not row.purpose:
            raise AccountsError(_("Give the title of the project and what you will use the images for."))
        if row.renews is not None:
            _check_renewal(user, dataset, row.renews)
            if not row.achieved:
                raise AccountsError(_("Say in a few sentences what was done so far."))
        again = row.status == Status.MORE_INFORMATION
        if not again:
            _check_pace(row)
        row.status, row.submitted_at = Status.SUBMITTED, timezone.now()
        row.save(update_fields=["status", "submitted_at"])
        record(
            "request.submitted",
            actor=user,
            about=row,
            dataset=dataset.pk,
            groups=sorted(group.pk for group in groups),
            contents=row.contents,
            renews=row.renews_id,
            again=again,
        )
        if policies.is_granted_at_once(row.user, row.dataset):
            grant = _grant_at_once(row, groups)
        else:
            for reviewer in selectors.deciders(row):
                mail.send("request_answered" if again else "request_submitted", to=reviewer, access_request=row)
    request.refresh_from_db()
    return grant


def _check_pace(row: AccessRequest) -> None:
    """Whoever asks, withdraws and asks again in a loop sends the reviewers a letter each time."""
    sent = AccessRequest.objects.filter(
        user=row.user_id, dataset=row.dataset_id, submitted_at__gt=timezone.now() - timedelta(days=1)
    )
    if sent.count() >= DAILY_REQUESTS:
        raise AccountsError(
            _("You have sent %(count)s requests for this dataset in 24 hours. Send this one tomorrow.")
            % {"count": DAILY_REQUESTS}
        )


def _grant_at_once(row: AccessRequest, groups: list[DiagnosisGroup]) -> AccessGrant:
    row.status, row.decided_at = Status.GRANTED, timezone.now()
    row.save(update_fields=["status", "decided_at"])
    days = default_days(row)
    grant = give(row, groups=groups, contents=row.contents, days=days, granted_by=None)
    record(
        "request.granted",
        about=row,
        dataset=row.dataset_id,
        person=row.user_id,
        grant=grant.pk,
        days=days,
        groups=sorted(group.pk for group in groups),
        contents=row.contents,
    )
    mail.send("request_decided", to=row.user, access_request=row)
    return grant


def write_message(*, request: AccessRequest, author: User, text: str) -> RequestMessage:
    """A line of the conversation: the researcher's, whom those who decide then get an e-mail about, or the other way
    round. The e-mails do not carry the words.

    Raises `NotAllowedError` for anybody else, `AlreadyDoneError` where the request is a draft or finished,
    `AccountsError` for an empty message, one longer than `MAX_TEXT`, and after `DAILY_MESSAGES` in 24 hours."""
    with transaction.atomic():
        row = lock_request(request, (Status.SUBMITTED, Status.MORE_INFORMATION))
        own = row.user_id == author.pk and policies.is_person(author)
        if not own and not policies.may_decide(author, row):
            raise NotAllowedError(_("You can't write about this request."))
        since = timezone.now() - timedelta(days=1)
        if row.messages.filter(author=author, at__gt=since).count() >= DAILY_MESSAGES:
            raise AccountsError(
                _("You have written %(count)s messages about this request today. Go on tomorrow.")
                % {"count": DAILY_MESSAGES}
            )
        message = add_message(row, author, text)
        if own:
            for reviewer in selectors.deciders(row):
                mail.send("request_message", to=reviewer, access_request=row)
        else:
            mail.send("request_message", to=row.user, access_request=row)
    return message


def add_message(row: AccessRequest, author: User, text: str) -> RequestMessage:
    """The row and its event; who may and who is told is the caller's."""
    if not (text := text.strip()):
        raise AccountsError(_("Write a message first."))
    if len(text) > MAX_TEXT:
        raise AccountsError(_TOO_LONG % {"count": MAX_TEXT})
    message = RequestMessage.objects.create(request=row, author=author, text=text)
    record("request.message", actor=author, about=row, dataset=row.dataset_id, message=message.pk)
    return message


def withdraw_request(*, request: AccessRequest, user: User) -> None:
    """The person takes back a request, or throws a draft away. Raises `NotAllowedError` for somebody else's,
    `AlreadyDoneError` for a finished one."""
    with transaction.atomic():
        row = lock_request(request, AccessRequest.UNFINISHED)
        if row.user_id != user.pk:
            raise NotAllowedError(_("You can withdraw only your own requests."))
        _withdraw(row)
    request.refresh_from_db()


@transaction.atomic
def withdraw_requests(*, user: User) -> int:
    """Takes back every unfinished request of an account that is being closed; returns how many."""
    rows = list(selectors.open_requests(user).select_for_update().order_by("pk"))
    for row in rows:
        _withdraw(row)
    return len(rows)


def _withdraw(row: AccessRequest) -> None:
    was = row.status
    row.status, row.decided_at = Status.WITHDRAWN, timezone.now()
    row.save(update_fields=["status", "decided_at"])
    record("request.withdrawn", actor=row.user, about=row, dataset=row.dataset_id, was=was)


def _check_renewal(user: User, dataset: Dataset, grant: AccessGrant) -> None:
    if grant.user_id != user.pk or grant.dataset_id != dataset.pk:
        raise NotAllowedError(_("You can renew only your own access."))
    if not selectors.is_renewable(grant):
        raise AccountsError(_("This access can't be renewed: it was ended or renewed already. Ask again."))
    if not selectors.is_near_its_end(grant):
        raise AccountsError(
            _("Access can be renewed in the last %(days)s days before its end; this one is not there yet.")
            % {"days": selectors.RENEWABLE_BEFORE.days}
        )


def lock_request(request: AccessRequest, states: Iterable[str]) -> AccessRequest:
    """The row, locked, if nobody was first: of two people at the same time the second one finds what the first did."""
    row = AccessRequest.objects.select_for_update().get(pk=request.pk)
    if row.status not in states:
        raise AlreadyDoneError(
            _("This request is in the state '%(status)s' in the meantime; nothing was changed.")
            % {"status": row.get_status_display()}
        )
    return row
