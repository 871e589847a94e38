from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.contrib.auth.hashers import make_password
from django.forms import Form
from django.http import Http404, HttpRequest
from django.utils.crypto import get_random_string
from django.utils.translation import get_language

from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> Any:
        """Fills in what the registration form asks beside allauth's own fields, so that the row is whole at once."""
        for field in ("name", "institution", "country", "purpose"):
            setattr(user, field, form.cleaned_data[field])
        user.language = get_language() or ""
        return super().save_user(request, user, form, commit)

    def send_account_already_exists_mail(self, email: str) -> None:
        """Takes as long as making an account, most of which is hashing: the time must not tell who has one."""
        make_password(get_random_string(12))
        super().send_account_already_exists_mail(email)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> Any:
        """The routes of a provider that nobody configured are not there, instead of failing."""
        try:
            return super().get_app(request, provider, client_id=client_id)
        except SocialApp.DoesNotExist as error:
            raise Http404 from error
