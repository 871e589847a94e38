"""What Django and allauth report about people, for the audit trail; ids only, nothing is decided here."""

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.socialaccount import signals as social
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from accounts import services
from audit.services import record


@receiver(user_logged_in)
def logged_in(user: Any, **kwargs: Any) -> None:
    services.note_login(user=user)


@receiver(user_logged_out)
def logged_out(user: Any, **kwargs: Any) -> None:
    if user is not None:
        record("person.logged_out", actor=user, about=user)


@receiver(user_login_failed)
def login_failed(credentials: dict[str, Any], **kwargs: Any) -> None:
    # The address that was typed stays out: it may be a mistyped password, or somebody who has no account.
    email = credentials.get("email") or credentials.get("username") or ""
    record("person.login_failed", about=get_user_model().objects.filter(email__iexact=email).first())


@receiver(account.email_confirmed)
def email_confirmed(email_address: Any, **kwargs: Any) -> None:
    record("person.email_confirmed", actor=email_address.user, about=email_address.user)


@receiver(account.password_changed)
@receiver(account.password_set)
def password_changed(user: Any, **kwargs: Any) -> None:
    record("person.password_changed", actor=user, about=user)


@receiver(account.password_reset)
def password_reset(user: Any, **kwargs: Any) -> None:
    record("person.password_reset", actor=user, about=user)


@receiver(mfa.authenticator_added)
def authenticator_added(user: Any, authenticator: Any, **kwargs: Any) -> None:
    record("person.authenticator_added", actor=user, about=user, type=authenticator.type)


@receiver(mfa.authenticator_removed)
def authenticator_removed(user: Any, authenticator: Any, **kwargs: Any) -> None:
    record("person.authenticator_removed", actor=user, about=user, type=authenticator.type)


@receiver(mfa.authenticator_reset)
def authenticator_reset(user: Any, authenticator: Any, **kwargs: Any) -> None:
    record("person.authenticator_reset", actor=user, about=user, type=authenticator.type)


@receiver(mfa.authentication_failed)
def second_factor_failed(user: Any, **kwargs: Any) -> None:
    record("person.second_factor_failed", about=user)


@receiver(account.login_code_rejected)
def login_code_rejected(user: Any, **kwargs: Any) -> None:
    record("person.login_failed", about=user)


@receiver(account.email_added)
def email_added(user: Any, **kwargs: Any) -> None:
    record("person.email_added", actor=user, about=user)


@receiver(account.email_changed)
def email_changed(user: Any, **kwargs: Any) -> None:
    record("person.email_changed", actor=user, about=user)


@receiver(account.email_removed)
def email_removed(user: Any, **kwargs: Any) -> None:
    record("person.email_removed", actor=user, about=user)


@receiver(social.social_account_added)
def social_account_added(sociallogin: Any, **kwargs: Any) -> None:
    record("person.login_added", actor=sociallogin.user, about=sociallogin.user, provider=sociallogin.account.provider)


@receiver(social.social_account_removed)
def social_account_removed(socialaccount: Any, **kwargs: Any) -> None:
    record("person.login_removed", actor=socialaccount.user, about=socialaccount.user, provider=socialaccount.provider)
