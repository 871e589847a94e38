from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.forms import Form
from django.http import HttpRequest
from django.utils.translation import get_language

from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def save_user(self, request: HttpRequest, user: User, form: Form, commit: bool = True) -> Any:
        """Fills in what the registration form asks beside allauth's own fields, so that the row is whole at once."""
        for field in ("name", "institution", "country", "purpose"):
            setattr(user, field, form.cleaned_data[field])
        user.language = get_language() or ""
        return super().save_user(request, user, form, commit)
