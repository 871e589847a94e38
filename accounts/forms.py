from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import policies, services
from accounts.models import ApiToken, Hospital, Invitation, User
from accounts.people_forms import PersonForm


class RegistrationForm(PersonForm):
    """What CIRCA asks of a researcher, beside the e-mail address and the password that allauth asks."""

    field_order = [
        "name",
        "email",
        "institution",
        "position",
        "country",
        "orcid",
        "purpose",
        "password1",
        "password2",
    ]

    def signup(self, request: HttpRequest, user: User) -> None:
        """allauth calls this once the account is made (accounts.adapter filled in the details)."""
        services.note_registration(user=user)


class SignatureForm(forms.Form):
    typed_name = forms.CharField(
        label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    institution = forms.CharField(
        label=_("Institution"), max_length=250, widget=forms.TextInput(attrs={"autocomplete": "organization"})
    )
    agree = forms.BooleanField(label=_("I have read this agreement and I am bound by it."))

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["institution"].initial = user.institution
        self.fields["typed_name"].help_text = _("Type your name as in your account: %(name)s") % {"name": user.name}


class TokenForm(forms.Form):
    DAYS = [(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("one year"))]

    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("E.g. the computer or program that will use the token.")
    )
    days = forms.TypedChoiceField(label=_("Valid for"), choices=DAYS, coerce=int, initial=90)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = dict(ApiToken.Scope.choices)
        self.fields["scopes"] = forms.MultipleChoiceField(
            label=_("What it may do"),
            choices=[(scope, labels[scope]) for scope in policies.token_scopes(user)],
            initial=[ApiToken.Scope.READ.value, ApiToken.Scope.DOWNLOAD.value],
            widget=forms.CheckboxSelectMultiple,
            help_text=_("A token that may download may also sign agreements and ask for access in your name."),
        )
        self.order_fields(["name", "scopes", "days"])


class InvitationForm(forms.Form):
    """What a new person adds to the invited address."""

    name = forms.CharField(label=_("Your name"), max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password1 = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=password_validators_help_text_html(),
    )
    password2 = forms.CharField(
        label=_("Password, again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, second = data.get("password1"), data.get("password2")
        if first and second and first != second:
            self.add_error("password2", _("The two passwords differ."))
        elif first:
            try:
                validate_password(first, User(email=self.invitation.email, name=data.get("name", "")))
            except forms.ValidationError as error:
                self.add_error("password1", error)
        return data


class HospitalForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Hospital
        fields = ["number", "name", "name_eng", "city"]
