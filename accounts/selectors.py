"""Every read that is more than a filter."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import AccessGrant, AccessRequest, Agreement, Invitation, ReasonTemplate, Signature, User
from accounts.tokens import secret_hash

if TYPE_CHECKING:
    from datasets.models import Dataset

RENEWABLE_BEFORE = timedelta(days=60)  # the end of a grant; if it could be earlier, renewals would pile up


def has_confirmed_email(user: User, email: str | None = None) -> bool:
    """Whether the person has shown to read `email` (default: the account's own address)."""
    addresses = EmailAddress.objects.filter(user_id=user.pk, verified=True)
    return bool(addresses.filter(email__iexact=email or user.email).exists())


def address_is_taken(email: str) -> bool:
    """Whether an account goes by this address, or has confirmed it as a further one."""
    return (
        User.objects.filter(email__iexact=email).exists()
        or EmailAddress.objects.filter(email__iexact=email, verified=True).exists()
    )


def has_signed(user: User, agreement: Agreement, at: datetime | None = None) -> bool:
    """Whether the person meets the demand of `agreement` at `at` (default: now): signed this very text, or, until
    `grace_until`, met the demand of the version that it replaces. A signature under other words does not count."""
    at = at or timezone.now()
    signed = _signed_texts(user, at)
    version: Agreement | None = agreement
    while version is not None:
        if (version.pk, version.sha256) in signed:
            return True
        version = version.replaces if _grace_holds(version.grace_until, at) else None
    return False


def signed_agreements(user: User, at: datetime | None = None) -> set[int]:
    """The ids of the agreements for which `has_signed` holds, in two queries however many there are."""
    at = at or timezone.now()
    signed = _signed_texts(user, at)
    versions = {row[0]: row for row in Agreement.objects.values_list("pk", "sha256", "replaces_id", "grace_until")}

    def met(pk: int) -> bool:
        _pk, sha256, replaces_id, grace_until = versions[pk]
        return (pk, sha256) in signed or (
            replaces_id is not None and _grace_holds(grace_until, at) and met(replaces_id)
        )

    return {pk for pk in versions if met(pk)}


def _signed_texts(user: User, at: datetime) -> set[tuple[int, str]]:
    return set(Signature.objects.filter(user_id=user.pk, at__lte=at).values_list("agreement_id", "text_sha256"))


def _grace_holds(grace_until: datetime | None, at: datetime) -> bool:
    return grace_until is not None and at < grace_until


def has_second_factor(user: User) -> bool:
    """Whether signing in takes more than a password: an authenticator app or a passkey; recovery codes are none."""
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=kinds).exists())


def current_grants(user: User, dataset: Dataset | None = None, at: datetime | None = None) -> QuerySet[AccessGrant]:
    """The person's grants (for `dataset`) that hold at `at` (default: now): made, not expired, not revoked."""
    at = at or timezone.now()
    grants = AccessGrant.objects.filter(user_id=user.pk, created_at__lte=at, expires_at__gt=at).filter(
        Q(revoked_at=None) | Q(revoked_at__gt=at)
    )
    return grants if dataset is None else grants.filter(dataset=dataset)


def open_requests(user: User) -> QuerySet[AccessRequest]:
    """The person's requests that are not finished: drafts, those that wait, those that came back with a question."""
    return AccessRequest.objects.filter(user_id=user.pk, status__in=AccessRequest.UNFINISHED)


def data_managers() -> QuerySet[User]:
    return User.objects.filter(is_active=True, is_data_manager=True)


def deciders(request: AccessRequest) -> QuerySet[User]:
    """Who is told about a request: the dataset's reviewers, or the data managers where it has none; never the person
    who asked."""
    people = User.objects.filter(is_active=True).exclude(pk=request.user_id)
    reviewers = people.filter(reviews=request.dataset_id)
    return reviewers if reviewers.exists() else people.filter(is_data_manager=True)


def requests() -> QuerySet[AccessRequest]:
    """All requests with what a list of them shows, the newest first."""
    return AccessRequest.objects.select_related("user", "dataset", "decided_by", "grant").prefetch_related("groups")


def requests_for(reviewer: User) -> QuerySet[AccessRequest]:
    """The requests that somebody may read who decides: of the own datasets, or for data managers all. Drafts are
    nobody's but the researcher's, sent or not."""
    sent = requests().exclude(status=AccessRequest.Status.DRAFT).exclude(submitted_at=None, status="withdrawn")
    return sent if reviewer.is_data_manager else sent.filter(dataset__in=reviewer.reviews.all())


def is_renewable(grant: AccessGrant) -> bool:
    """Neither ended before its time nor renewed; whether it has expired does not matter."""
    granted = AccessRequest.Status.GRANTED
    return grant.revoked_at is None and not grant.renewals.filter(status=granted).exists()


def is_near_its_end(grant: AccessGrant) -> bool:
    """Whether a renewal may be asked for: from `RENEWABLE_BEFORE` the end on, and after it."""
    return grant.expires_at - timezone.now() <= RENEWABLE_BEFORE


def reason_templates(dataset_id: int) -> QuerySet[ReasonTemplate]:
    """The words that whoever decides about the dataset's requests can choose from."""
    return ReasonTemplate.objects.filter(Q(dataset=None) | Q(dataset=dataset_id))


def grants() -> QuerySet[AccessGrant]:
    return AccessGrant.objects.select_related("user", "dataset", "request", "granted_by").prefetch_related("groups")


def unsigned_agreements(user: User) -> QuerySet[Agreement]:
    """Agreements of the datasets that the person asked for or has a grant for, and has not signed, whether or not a
    signature of the version before still counts."""
    wanted = Q(datasets__access_requests__in=open_requests(user)) | Q(datasets__access_grants__in=current_grants(user))
    return Agreement.objects.filter(wanted).exclude(signatures__user=user).distinct()


def people_to_sign_again(agreement: Agreement) -> QuerySet[User]:
    """Open accounts with a current grant under `agreement` that signed another version of it, and not this one."""
    now = timezone.now()
    current = AccessGrant.objects.filter(dataset__agreement=agreement, created_at__lte=now, expires_at__gt=now).filter(
        Q(revoked_at=None) | Q(revoked_at__gt=now)
    )
    return (
        User.objects.filter(is_active=True, access_grants__in=current, signatures__agreement__code=agreement.code)
        .exclude(signatures__agreement=agreement)
        .distinct()
    )


def agreement_versions(agreement: Agreement) -> QuerySet[Agreement]:
    """Every version of the agreement that this one is a version of, the newest first."""
    return Agreement.objects.filter(code=agreement.code).order_by("-created_at", "-pk")


def signed_version(user: User, agreement: Agreement) -> Signature | None:
    """The person's newest signature of another version of `agreement`."""
    signatures = Signature.objects.filter(user=user, agreement__code=agreement.code).exclude(agreement=agreement)
    return signatures.select_related("agreement").order_by("-at", "-pk").first()


def is_open(invitation: Invitation) -> bool:
    """Neither used nor revoked nor expired."""
    done = invitation.accepted_at or invitation.revoked_at
    return done is None and invitation.expires_at > timezone.now()


def invitation_by_secret(secret: str) -> Invitation | None:
    return Invitation.objects.prefetch_related("hospitals").filter(token_hash=secret_hash(secret)).first()
