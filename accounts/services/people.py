from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from accounts import mail, policies, selectors
from accounts.errors import AccountsError, AlreadyDoneError, InvitationUnusableError, LogInFirstError, NotAllowedError
from accounts.models import Hospital, HospitalMembership, Invitation, User
from accounts.tokens import invitation_secret, secret_hash
from audit.services import record


def create_hospital(*, manager: User, number: int, name: str, name_eng: str, city: str) -> Hospital:
    """Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where the number is taken."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can add a hospital."))
    if number < 1 or not (name.strip() and name_eng.strip() and city.strip()):
        raise AccountsError(_("Give a number from 1, both names and the city."))
    try:
        with transaction.atomic():
            hospital = Hospital.objects.create(
                number=number, name=name.strip(), name_eng=name_eng.strip(), city=city.strip()
            )
            record("hospital.created", actor=manager, about=hospital, number=number)
    except IntegrityError as error:
        raise AlreadyDoneError(_("Another hospital has this number.")) from error
    return hospital


def invite(*, manager: User, email: str, hospital: Hospital) -> tuple[Invitation, str]:
    """Invites whoever reads `email` to upload for `hospital`; the link goes there by mail; its secret comes back.

    An earlier open invitation of the same address to the same hospital stops working: the newest link counts.
    Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` for a member of the hospital,
    `AccountsError` for a senseless address."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can invite people."))
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise AccountsError(_("Enter a valid e-mail address.")) from error
    if HospitalMembership.objects.filter(user__email__iexact=email, hospital=hospital).exists():
        raise AlreadyDoneError(_("This person belongs to the hospital already."))
    with transaction.atomic():
        now = timezone.now()
        Invitation.objects.filter(email=email, hospital=hospital, accepted_at=None, expires_at__gt=now).update(
            expires_at=now
        )
        invitation = Invitation(
            email=email,
            hospital=hospital,
            invited_by=manager,
            created_at=now,
            expires_at=now + timedelta(days=settings.CXR_INVITATION_DAYS),
        )
        secret = invitation_secret(email, hospital.pk, now)
        invitation.token_hash = secret_hash(secret)
        invitation.save()
        record("person.invited", actor=manager, about=invitation, hospital=hospital.pk)
        mail.send("invitation", to=invitation, invitation=invitation)
    return invitation, secret


def accept_invitation(*, secret: str, user: User | None = None, name: str = "", password: str = "") -> User:
    """Whoever holds the link joins the hospital: as `user` (logged in, with the invited address), or as a new person
    with `name` and `password` (validated by the caller) whose address counts as confirmed, since the link came there.

    Raises `InvitationUnusableError` for an unknown, used or expired link, `LogInFirstError` where the address has an
    account, `NotAllowedError` for an account with another address."""
    with transaction.atomic():
        invitation = Invitation.objects.select_for_update().filter(token_hash=secret_hash(secret)).first()
        if invitation is None or not selectors.is_open(invitation):
            raise InvitationUnusableError(_("This invitation was used or has expired. Ask for a new one."))
        if user is None:
            user = _create_invited(invitation, name=name, password=password)
        elif not policies.is_person(user) or not selectors.has_confirmed_email(user, invitation.email):
            raise NotAllowedError(_("This invitation is for another e-mail address. Sign in with the invited address."))
        HospitalMembership.objects.get_or_create(user=user, hospital=invitation.hospital)
        invitation.accepted_by, invitation.accepted_at = user, timezone.now()
        invitation.save(update_fields=["accepted_by", "accepted_at"])
        record("invitation.accepted", actor=user, about=invitation, hospital=invitation.hospital_id)
    return user


def _create_invited(invitation: Invitation, *, name: str, password: str) -> User:
    if not name.strip() or not password:
        raise AccountsError(_("Give your name and a password."))
    if selectors.address_is_taken(invitation.email):
        raise LogInFirstError(_("This address has an account. Sign in with it and open the link again."))
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                invitation.email,
                password,
                name=" ".join(name.split()),
                institution=invitation.hospital.name,
                language=translation.get_language() or "",
            )
            EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    except IntegrityError as error:
        raise LogInFirstError(_("This address has an account. Sign in with it and open the link again.")) from error
    record("person.registered", actor=user, about=user, invitation=invitation.pk)
    return user


def note_registration(*, user: User) -> None:
    """Called when allauth has made the account; the registration form filled in the details."""
    record("person.registered", actor=user, about=user)


def note_login(*, user: User) -> None:
    """Records the log-in, and the language that the person reads the portal in, for the mails."""
    language = translation.get_language() or ""
    with transaction.atomic():
        if user.language != language:
            User.objects.filter(pk=user.pk).update(language=language)
            user.language = language
        record("person.logged_in", actor=user, about=user)
