"""What a person can do next to get at data; the page "My access" shows it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts import selectors
from accounts.models import AccessGrant, AccessRequest, Agreement, Signature, User

# A grant that ends within this time can be renewed without a gap.
RENEWAL = timedelta(days=30)


@dataclass(frozen=True)
class Step:
    title: str | Promise
    text: str | Promise
    url: str
    label: str | Promise


def next_steps(user: User) -> list[Step]:
    """The steps that are open to `user` now, the first one first; at least one."""
    asked = list(selectors.open_requests(user).select_related("dataset"))
    current = list(selectors.current_grants(user).select_related("dataset"))
    steps = [*_account(user, asked, current), *_requests(asked), *_renewals(asked, current)]
    return steps or [_rest(asked, current)]


def _account(user: User, asked: list[AccessRequest], current: list[AccessGrant]) -> Iterator[Step]:
    """What the account itself lacks: a confirmed address, signatures, a second factor."""
    if not selectors.has_confirmed_email(user):
        yield Step(
            _("Confirm your e-mail address"),
            _("Open the link in the message that was sent to you, or have it sent again."),
            reverse("account_email"),
            _("E-mail addresses"),
        )
    counting = selectors.signed_agreements(user)
    for agreement in selectors.unsigned_agreements(user):
        url = _signing_page(agreement, reverse("accounts:profile"))
        if agreement.pk in counting and agreement.grace_until is not None:
            yield _sign_again(agreement, agreement.grace_until, url)
        else:
            yield Step(
                _("Sign the data use agreement"),
                _("Downloads open only after you have signed: %(title)s.") % {"title": agreement},
                url,
                _("Read and sign"),
            )
    datasets = [grant.dataset for grant in current] + [request.dataset for request in asked]
    wanting = next((dataset for dataset in datasets if dataset.requires_mfa), None)
    if wanting is not None and not selectors.has_second_factor(user):
        yield Step(
            _("Set up a second factor"),
            _("%(dataset)s needs an account with a passkey or an authenticator app.") % {"dataset": wanting.title},
            reverse("mfa_index"),
            _("Two-factor authentication"),
        )


def sign_again(user: User, agreement: Agreement, back: str) -> Step | None:
    """What somebody has to do whose signature of the version before still counts; `back` is the page to return to."""
    if agreement.grace_until is None or not selectors.has_signed(user, agreement):
        return None
    if Signature.objects.filter(user=user, agreement=agreement).exists():
        return None
    return _sign_again(agreement, agreement.grace_until, _signing_page(agreement, back))


def _sign_again(agreement: Agreement, until: datetime, url: str) -> Step:
    return Step(
        _("Sign the new version of the data use agreement"),
        _("%(title)s: your signature of the version before counts until %(date)s. Your access ends then.")
        % {"title": agreement, "date": date_format(until)},
        url,
        _("Read and sign"),
    )


def _signing_page(agreement: Agreement, back: str) -> str:
    return f"{reverse('accounts:agreement', args=[agreement.pk])}?{urlencode({'next': back})}"


def _requests(asked: list[AccessRequest]) -> Iterator[Step]:
    """Requests that wait for the person, not for those who decide."""
    for request in asked:
        if request.status == AccessRequest.Status.MORE_INFORMATION:
            yield Step(
                _("Answer a question about your request"),
                _("More information is asked about your request for %(dataset)s.") % {"dataset": request.dataset.title},
                reverse("accounts:request", args=[request.pk]),
                _("Read and answer"),
            )
        elif request.status == AccessRequest.Status.DRAFT:
            yield Step(
                _("Finish your request"),
                _("You began a request for %(dataset)s and have not sent it yet.") % {"dataset": request.dataset.title},
                reverse("datasets:request", args=[request.dataset.slug]),
                _("Finish it"),
            )


def _renewals(asked: list[AccessRequest], current: list[AccessGrant]) -> Iterator[Step]:
    now = timezone.now()
    unfinished = {request.dataset_id for request in asked}
    for grant in current:
        later = any(other.dataset_id == grant.dataset_id and other.expires_at > grant.expires_at for other in current)
        if grant.expires_at - now < RENEWAL and grant.dataset_id not in unfinished and not later:
            yield Step(
                _("Renew your access to %(dataset)s") % {"dataset": grant.dataset.title},
                _("Your access ends on %(date)s.") % {"date": date_format(grant.expires_at)},
                f"{reverse('datasets:request', args=[grant.dataset.slug])}?{urlencode({'renew': grant.pk})}",
                _("Renew"),
            )


def _rest(asked: list[AccessRequest], current: list[AccessGrant]) -> Step:
    """Where nothing is lacking."""
    if current:
        dataset = current[0].dataset
        return Step(
            _("Download your data"),
            _("Your access to %(dataset)s is open.") % {"dataset": dataset.title},
            reverse("datasets:detail", args=[dataset.slug]),
            _("Go to the dataset"),
        )
    if asked:
        return Step(
            _("Wait for the decision"),
            _("Somebody reads your request. You get an e-mail once it is decided."),
            reverse("accounts:request", args=[asked[0].pk]),
            _("See your request"),
        )
    return Step(
        _("Choose a dataset"),
        _("Open a dataset and ask for the groups that you need."),
        reverse("datasets:list"),
        _("Look at the datasets"),
    )
