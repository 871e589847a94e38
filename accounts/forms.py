from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class RegistrationForm(forms.ModelForm):
    """What CIRCA asks of a researcher, beside the e-mail address and the password that allauth asks."""

    class Meta:
        model = User
        fields = ["name", "institution", "country", "purpose"]

    def signup(self, request: HttpRequest, user: User) -> None:
        for field in self.Meta.fields:
            setattr(user, field, self.cleaned_data[field])
        user.save()
