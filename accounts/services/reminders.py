"""What happens by itself as time passes. Everything here may run twice, at the same time, or die anywhere: the row of a
notice and what goes with it are one transaction, and the row can be there only once, so each mail goes once."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import mail, selectors
from accounts.models import AccessGrant, AccessRequest, Notice
from accounts.services.agreements import announce_agreements
from accounts.services.grants import end_grant
from audit.services import record

BEFORE_EXPIRY = (30, 7)  # days
# A portal that was off for longer does not tell people about what they have long noticed.
LATE = timedelta(days=30)


def housekeeping() -> None:
    """Ends what has run out and reminds of what waits; the scheduler calls it every hour."""
    announce_agreements()
    end_superseded()
    remind_researchers()
    remind_reviewers()


def first_time(kind: str, about: AccessGrant | AccessRequest, key: str = "") -> bool:
    """Notes that `kind` is being said about a row (and `key`), and says whether nobody else has. Call it in the
    transaction that does what must happen once: another caller waits for its end."""
    return Notice.objects.get_or_create(kind=kind, object_type=about._meta.label_lower, object_id=f"{about.pk}{key}")[1]


def end_superseded() -> None:
    """Ends the grants of people who have not signed the new version of the agreement in its grace period."""
    now = timezone.now()
    over = AccessGrant.objects.filter(
        revoked_at=None, expires_at__gt=now, user__is_active=True, dataset__agreement__grace_until__lte=now
    )
    for grant in over.select_related("user", "dataset__agreement").order_by("pk"):
        if selectors.has_signed(grant.user, grant.dataset.agreement, now):
            continue
        with transaction.atomic():
            locked = AccessGrant.objects.select_for_update().get(pk=grant.pk)
            if locked.revoked_at is None:
                end_grant(locked, ended_by=AccessGrant.End.AGREEMENT, actor=None)
                mail.send("grant_ended", to=grant.user, grant=locked)


def remind_researchers() -> None:
    """Tells people 30 and 7 days before a grant ends, and when it has; each once. A grant that was not to last that
    long is reminded of later, and one that another grant outlasts not at all."""
    now = timezone.now()
    ending = AccessGrant.objects.filter(
        revoked_at=None,
        user__is_active=True,
        expires_at__gt=now - LATE,
        expires_at__lte=now + timedelta(days=max(BEFORE_EXPIRY)),
    )
    for grant in ending.select_related("user", "dataset").order_by("pk"):
        if _is_outlasted(grant):
            continue
        if grant.expires_at <= now:
            with transaction.atomic():
                if first_time("grant.expired", grant):
                    record("grant.expired", about=grant, dataset=grant.dataset_id, person=grant.user_id)
                    mail.send("grant_expired", to=grant.user, grant=grant)
            continue
        with transaction.atomic():
            # Of several reminders that are due, after the portal was off, one is sent.
            due = [first_time(f"grant.ends.{days}", grant) for days in _due(grant, now)]
            if any(due):
                mail.send("grant_expiring", to=grant.user, grant=grant)


def _due(grant: AccessGrant, now: datetime) -> Iterator[int]:
    for days in BEFORE_EXPIRY:
        span = timedelta(days=days)
        if grant.expires_at - now <= span < grant.expires_at - grant.created_at:
            yield days


def _is_outlasted(grant: AccessGrant) -> bool:
    longer = selectors.current_grants(grant.user).filter(dataset=grant.dataset_id, expires_at__gt=grant.expires_at)
    return longer.exists()


def remind_reviewers() -> None:
    """Reminds those who decide of requests that have waited for `CXR_REQUEST_REMINDER_DAYS`, once for each number of
    days; at the last one the data managers are told too, where a dataset's own reviewers have not decided."""
    now, ages = timezone.now(), sorted(settings.CXR_REQUEST_REMINDER_DAYS)
    if not ages:
        return
    waiting = AccessRequest.objects.filter(
        status=AccessRequest.Status.SUBMITTED, submitted_at__lte=now - timedelta(days=ages[0])
    )
    for request in waiting.select_related("dataset").order_by("pk"):
        since = request.submitted_at or request.created_at
        key = f":{since.timestamp():.0f}"  # a request that was sent again waits anew
        passed = [days for days in ages if since <= now - timedelta(days=days)]
        with transaction.atomic():
            first = [days for days in passed if first_time(f"request.waits.{days}", request, key)]
            if not first:
                continue
            deciders = list(selectors.deciders(request))
            for person in deciders:
                mail.send("request_waiting", to=person, access_request=request)
            if ages[-1] in first:
                known = [person.pk for person in deciders]
                for manager in selectors.data_managers().exclude(pk__in=[*known, request.user_id]):
                    mail.send("request_escalated", to=manager, access_request=request)
            record("request.reminded", about=request, dataset=request.dataset_id, days=max(first))
