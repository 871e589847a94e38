"""Closing an account for good, and locking one for a while."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import mail, policies
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import AccessGrant, AccessRequest, HospitalMembership, RequestMessage, User
from accounts.own_data import forget_everywhere, own_invitations
from accounts.services.access import withdraw_requests
from accounts.services.grants import end_grants
from audit.services import record


class Reason(models.TextChoices):
    """Why a data manager locks or closes an account; the audit trail keeps the code."""

    ASKED = "asked", _("the person asked for it")
    LEFT = "left", _("the person left the institution")
    MISUSE = "misuse", _("suspected misuse")
    DUPLICATE = "duplicate", _("the person has another account")
    OTHER = "other", _("another reason")


def close_account(*, user: User, by: User | None = None, reason: str = "") -> None:
    """Closes the account for good: by the person, or `by` a data manager for a `Reason`.

    Access, tokens, sessions, ways to sign in, addresses, memberships and roles end at once. What is evidence
    (signatures with the name and institution as signed, granted requests, grants, downloads, the audit trail) stays
    with a row that names nobody. The former address gets a confirmation and may register anew, as a new person.

    Raises `NotAllowedError` for a closed account, for somebody else's unless `by` is a data manager, and for the only
    data manager; `AlreadyDoneError` where it is closed; `AccountsError` without a reason."""
    actor = by or user
    if actor.pk != user.pk:
        _check_manager(actor, reason)
    elif not policies.is_person(user):
        raise NotAllowedError(_("This account is closed."))
    with transaction.atomic():
        managers = User.objects.select_for_update().filter(is_data_manager=True, is_active=True).order_by("pk")
        others = [manager for manager in managers if manager.pk != user.pk]
        locked = User.objects.select_for_update().get(pk=user.pk)
        if locked.closed_at is not None:
            raise AlreadyDoneError(_("This account is closed already."))
        if locked.is_data_manager and not others:
            raise NotAllowedError(
                _("You are the only data manager. Make somebody else a data manager first, then close the account.")
            )
        former = {"email": locked.email, "name": locked.name, "language": locked.language}
        counts = {
            "grants": end_grants(user=locked, ended_by=AccessGrant.End.CLOSED, actor=actor),
            "requests": withdraw_requests(user=locked),
            "tokens": locked.api_tokens.filter(revoked_at=None).update(revoked_at=timezone.now()),
        }
        _forget_words(locked)
        forget_everywhere(locked)
        _forget_ways_in(locked)
        _forget_person(locked)
        record("person.closed", actor=actor, about=locked, **counts, **({"reason": reason} if reason else {}))
        mail.send_to_former("account_closed", **former)
    user.refresh_from_db()


def lock_account(*, manager: User, user: User, reason: str) -> None:
    """Keeps somebody out, at once and until it is unlocked; nothing is deleted. Raises `NotAllowedError` for anybody
    but a data manager and for the own account, `AlreadyDoneError` where it is locked or closed, `AccountsError`
    without a `Reason`."""
    _check_manager(manager, reason)
    if manager.pk == user.pk:
        raise NotAllowedError(_("You can't lock your own account."))
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        if not locked.is_active:
            raise AlreadyDoneError(_("This account is locked or closed already."))
        locked.is_active = False
        locked.save(update_fields=["is_active"])
        _end_sessions(locked)
        record("person.locked", actor=manager, about=locked, reason=reason)
    user.refresh_from_db()


def unlock_account(*, manager: User, user: User) -> None:
    """Lets somebody in again. Raises `NotAllowedError` for anybody but a data manager, `AlreadyDoneError` where the
    account is open, `AccountsError` where it is closed: that is for good."""
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can lock, unlock or close somebody's account."))
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        if locked.closed_at is not None:
            raise AccountsError(_("A closed account can't be opened again. The person can register anew."))
        if locked.is_active:
            raise AlreadyDoneError(_("This account is open already."))
        locked.is_active = True
        locked.save(update_fields=["is_active"])
        record("person.unlocked", actor=manager, about=locked)
    user.refresh_from_db()


def _check_manager(manager: User, reason: str) -> None:
    if not policies.is_data_manager(manager):
        raise NotAllowedError(_("Only a data manager can lock, unlock or close somebody's account."))
    if reason not in Reason.values:
        raise AccountsError(_("Choose the reason."))


def _forget_words(user: User) -> None:
    """The purpose of a granted request is evidence of what the data are used for; the words of others are not."""
    others = AccessRequest.objects.filter(user=user).exclude(status=AccessRequest.Status.GRANTED)
    RequestMessage.objects.filter(request__in=others).update(text="")
    others.update(project="", purpose="", achieved="")


def _forget_ways_in(user: User) -> None:
    user.api_tokens.update(name="")
    Authenticator.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    HospitalMembership.objects.filter(user=user).delete()
    user.reviews.clear()
    user.user_permissions.clear()
    _end_sessions(user)


def _end_sessions(user: User) -> None:
    for session in UserSession.objects.filter(user=user):
        session.end()


def _forget_person(user: User) -> None:
    nobody, now = f"closed-{user.pk}@closed.invalid", timezone.now()
    invitations = own_invitations(user)
    invitations.filter(accepted_at=None, revoked_at=None).update(revoked_at=now)
    invitations.update(email=nobody)
    EmailAddress.objects.filter(user=user).delete()
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    entries.update(object_repr=f"person {user.pk}")
    user.name, user.email = f"Closed account {user.pk}", nobody
    user.institution = user.position = user.orcid = user.purpose = user.language = ""
    user.affiliation = user.last_login = None
    user.is_active = user.is_staff = user.is_superuser = user.is_curator = user.is_data_manager = False
    user.closed_at = now
    user.set_unusable_password()
    user.save()
