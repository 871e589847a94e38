"""What a person can do next to get at data; the page "My access" shows it."""

from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from accounts import selectors
from accounts.models import AccessRequest, User

# A grant that ends within this time can be asked for again without a gap.
RENEWAL = timedelta(days=30)


@dataclass(frozen=True)
class Step:
    title: str | Promise
    text: str | Promise
    url: str
    label: str | Promise


def next_steps(user: User) -> list[Step]:
    """The steps that are open to `user` now, the first one first; at least one."""
    steps = []
    if not selectors.has_confirmed_email(user):
        steps.append(
            Step(
                _("Confirm your e-mail address"),
                _("Open the link in the message that was sent to you, or have it sent again."),
                reverse("account_email"),
                _("E-mail addresses"),
            )
        )
    for agreement in selectors.unsigned_agreements(user):
        url = reverse("accounts:agreement", args=[agreement.pk])
        steps.append(
            Step(
                _("Sign the data use agreement"),
                _("Downloads open only after you have signed: %(title)s.") % {"title": agreement},
                f"{url}?{urlencode({'next': reverse('accounts:profile')})}",
                _("Read and sign"),
            )
        )
    now = timezone.now()
    current = list(selectors.current_grants(user).select_related("dataset"))
    waiting = {
        row.dataset_id: row for row in selectors.requests().filter(user=user, status=AccessRequest.Status.SUBMITTED)
    }
    for grant in current:
        later = any(other.dataset_id == grant.dataset_id and other.expires_at > grant.expires_at for other in current)
        if grant.expires_at - now < RENEWAL and grant.dataset_id not in waiting and not later:
            steps.append(
                Step(
                    _("Ask for %(dataset)s again") % {"dataset": grant.dataset.title},
                    _("Your access ends on %(date)s.") % {"date": date_format(grant.expires_at)},
                    reverse("datasets:request", args=[grant.dataset.slug]),
                    _("Ask again"),
                )
            )
    if steps:
        return steps
    if current:
        dataset = current[0].dataset
        return [
            Step(
                _("Download your data"),
                _("Your access to %(dataset)s is open.") % {"dataset": dataset.title},
                reverse("datasets:detail", args=[dataset.slug]),
                _("Go to the dataset"),
            )
        ]
    if waiting:
        return [
            Step(
                _("Wait for the decision"),
                _("A data manager reads your request. You get an e-mail once it is decided."),
                reverse("datasets:list"),
                _("Look at the datasets"),
            )
        ]
    return [
        Step(
            _("Choose a dataset"),
            _("Open a dataset and ask for the groups that you need."),
            reverse("datasets:list"),
            _("Look at the datasets"),
        )
    ]
