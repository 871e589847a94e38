"""Hospital users come by invitation, for one or more hospitals, and go when a data manager ends it."""

from collections.abc import Collection
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from accounts import institutions, mail, policies, selectors
from accounts.errors import AccountsError, AlreadyDoneError, InvitationUnusableError, LogInFirstError, NotAllowedError
from accounts.models import Hospital, HospitalMembership, Invitation, User
from accounts.tokens import invitation_secret, secret_hash
from audit.services import record

MAX_INVITATION_DAYS = 90


def invite(
    *, manager: User, email: str, hospitals: Collection[Hospital], days: int | None = None
) -> tuple[Invitation, str]:
    """Invites whoever reads `email` to upload for `hospitals`; the link goes there by mail; its secret comes back.

    It works for `days` (default: CXR_INVITATION_DAYS). An open invitation of the same address to one of the hospitals
    stops working: the newest link counts. Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError`
    for a member of all the hospitals, `AccountsError` for a senseless address, no hospital or a senseless time."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can invite people."))
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise AccountsError(_("Enter a valid e-mail address.")) from error
    if not hospitals:
        raise AccountsError(_("Choose at least one hospital."))
    numbers = sorted(hospital.pk for hospital in hospitals)
    member_of = HospitalMembership.objects.filter(user__email__iexact=email, hospital__in=numbers).count()
    if member_of == len(set(numbers)):
        raise AlreadyDoneError(_("This person belongs to the hospital already."))
    with transaction.atomic():
        now = timezone.now()
        earlier = Invitation.objects.filter(email=email, hospitals__in=numbers, accepted_at=None, revoked_at=None)
        Invitation.objects.filter(pk__in=list(earlier.values_list("pk", flat=True))).update(revoked_at=now)
        invitation = Invitation(email=email, invited_by=manager)
        secret = _renew(invitation, days, now)
        invitation.hospitals.set(numbers)
        record("person.invited", actor=manager, about=invitation, hospitals=numbers)
        mail.send("invitation", to=invitation, invitation=invitation)
    return invitation, secret


def _renew(invitation: Invitation, days: int | None, now: datetime) -> str:
    days = settings.CXR_INVITATION_DAYS if days is None else days
    if not 1 <= days <= max(MAX_INVITATION_DAYS, settings.CXR_INVITATION_DAYS):
        raise AccountsError(_("An invitation lasts from one day to 90 days."))
    secret = invitation_secret(invitation.email, now)
    invitation.created_at, invitation.expires_at = now, now + timedelta(days=days)
    invitation.token_hash = secret_hash(secret)
    invitation.save()
    return secret


def resend_invitation(*, manager: User, invitation: Invitation, days: int | None = None) -> str:
    """Sends a new link, which works for `days` from now; the one that was sent before stops working.

    Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where it was accepted or revoked."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can invite people."))
    with transaction.atomic():
        locked = _unfinished(invitation)
        secret = _renew(locked, days, timezone.now())
        record("invitation.resent", actor=manager, about=locked)
        mail.send("invitation", to=locked, invitation=locked)
    invitation.refresh_from_db()
    return secret


def revoke_invitation(*, manager: User, invitation: Invitation) -> None:
    """The link stops working at once. Raises as `resend_invitation` does."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can revoke an invitation."))
    with transaction.atomic():
        locked = _unfinished(invitation)
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
        record("invitation.revoked", actor=manager, about=locked)
    invitation.refresh_from_db()


def _unfinished(invitation: Invitation) -> Invitation:
    locked = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if locked.accepted_at is not None:
        raise AlreadyDoneError(_("The invitation was accepted in the meantime."))
    if locked.revoked_at is not None:
        raise AlreadyDoneError(_("The invitation was revoked in the meantime."))
    return locked


def accept_invitation(*, secret: str, user: User | None = None, name: str = "", password: str = "") -> User:
    """Whoever holds the link joins the hospitals: as `user` (logged in, with the invited address), or as a new person
    with `name` and `password` (validated by the caller) whose address counts as confirmed, since the link came there.

    Raises `InvitationUnusableError` for an unknown, used, revoked or expired link, `LogInFirstError` where the address
    has an account, `NotAllowedError` for an account with another address."""
    with transaction.atomic():
        invitation = Invitation.objects.select_for_update().filter(token_hash=secret_hash(secret)).first()
        if invitation is None or not selectors.is_open(invitation):
            raise InvitationUnusableError(_("This invitation was used or has expired. Ask for a new one."))
        hospitals = list(invitation.hospitals.all())
        if user is None:
            user = _create_invited(invitation, hospitals, name=name, password=password)
        elif not policies.is_person(user) or not selectors.has_confirmed_email(user, invitation.email):
            raise NotAllowedError(_("This invitation is for another e-mail address. Sign in with the invited address."))
        for hospital in hospitals:
            HospitalMembership.objects.get_or_create(user=user, hospital=hospital)
        invitation.accepted_by, invitation.accepted_at = user, timezone.now()
        invitation.save(update_fields=["accepted_by", "accepted_at"])
        record("invitation.accepted", actor=user, about=invitation, hospitals=[hospital.pk for hospital in hospitals])
    return user


def _create_invited(invitation: Invitation, hospitals: list[Hospital], *, name: str, password: str) -> User:
    if not name.strip() or not password:
        raise AccountsError(_("Give your name and a password."))
    if selectors.address_is_taken(invitation.email):
        raise LogInFirstError(_("This address has an account. Sign in with it and open the link again."))
    institution = hospitals[0].name
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                invitation.email,
                password,
                name=" ".join(name.split()),
                institution=institution,
                affiliation=institutions.named(institution),
                language=translation.get_language() or "",
            )
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    except IntegrityError as error:
        raise LogInFirstError(_("This address has an account. Sign in with it and open the link again.")) from error
    record("person.registered", actor=user, about=user, invitation=invitation.pk)
    return user


def end_membership(*, manager: User, membership: HospitalMembership) -> None:
    """The person no longer uploads for the hospital, nor sees its files; what was uploaded stays. The person is told.

    Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where it was ended in the meantime."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can remove somebody from a hospital."))
    with transaction.atomic():
        locked = HospitalMembership.objects.select_for_update().filter(pk=membership.pk).first()
        if locked is None:
            raise AlreadyDoneError(_("This person does not belong to the hospital any more."))
        user, hospital = locked.user, locked.hospital
        locked.delete()
        record("membership.ended", actor=manager, about=user, hospital=hospital.pk)
        mail.send("membership_ended", to=user, hospital=hospital)
