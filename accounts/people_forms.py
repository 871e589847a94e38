"""Forms about people and institutions: the own details, and what data managers change."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts import institutions, orcid, services
from accounts.countries import localized
from accounts.fields import RowsField
from accounts.models import Hospital, Institution, User
from accounts.widgets import TextArea


class Datalist(forms.TextInput):
    """A text input that suggests while somebody types, by the browser alone; any other text can be typed."""

    template_name = "django/forms/widgets/datalist.html"

    def __init__(self, suggestions: Callable[[], list[str]], attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.suggestions = suggestions

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, {**(attrs or {}), "list": f"{name}-suggestions"})
        context["widget"]["suggestions"] = self.suggestions()
        return context


def countries() -> list[tuple[str, Any]]:
    return [("", _("Choose a country")), *localized(get_language() or "en")]


class PersonForm(forms.Form):
    """Who somebody is: asked when registering, and corrected later."""

    name = forms.CharField(
        label=_("Name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        help_text=_("First and last name, as you will sign the data use agreement."),
    )
    institution = forms.CharField(
        label=_("Institution"),
        max_length=250,
        widget=Datalist(institutions.suggestions, attrs={"autocomplete": "organization"}),
        help_text=_("Choose one that is suggested while you type, or type the full name."),
    )
    position = forms.CharField(
        label=_("Position"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization-title"}),
    )
    orcid = forms.CharField(
        label="ORCID iD",
        max_length=60,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("E.g. 0000-0002-1825-0097, or its address."),
    )
    country = forms.ChoiceField(
        label=_("Country"), choices=countries, widget=forms.Select(attrs={"autocomplete": "country"})
    )
    purpose = forms.CharField(
        label=_("Purpose of use"),
        max_length=4000,
        widget=TextArea(attrs={"rows": 4}),
        help_text=_("What you want to use the radiographs for, in a few sentences. Data managers read it."),
    )

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_institution(self) -> str:
        return institutions.plain(self.cleaned_data["institution"])

    def clean_position(self) -> str:
        return " ".join(self.cleaned_data["position"].split())

    def clean_orcid(self) -> str:
        return orcid.normalized(self.cleaned_data["orcid"])


class DetailsForm(PersonForm):
    """The own details. What only researchers are asked may stay empty for people who came by invitation."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        fields = ("name", "institution", "position", "orcid", "country", "purpose")
        kwargs["initial"] = {field: getattr(user, field) for field in fields}
        super().__init__(*args, **kwargs)
        for field in ("country", "purpose"):
            self.fields[field].required = bool(getattr(user, field))
        if user.signatures.exists():
            self.fields["name"].help_text = _("What you have signed keeps the name that you had on that day.")


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    hospitals = RowsField(label=_("Hospitals"), queryset=Hospital.objects.all(), widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(
        label=_("The link works for (days)"),
        min_value=1,
        max_value=services.MAX_INVITATION_DAYS,
        initial=lambda: settings.CXR_INVITATION_DAYS,
    )


def _standing_names() -> list[str]:
    return list(institutions.listed().order_by("name").values_list("name", flat=True))


class InstitutionForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=250)
    ror_id = forms.CharField(
        label=_("ROR id"),
        max_length=60,
        required=False,
        help_text=_("From the Research Organization Registry, ror.org, e.g. https://ror.org/0161xgx34."),
    )
    country = forms.ChoiceField(label=_("Country"), choices=countries, required=False)

    def clean_ror_id(self) -> str:
        return institutions.ror(self.cleaned_data["ror_id"])


class MergeForm(forms.Form):
    into = forms.CharField(
        label=_("The institution that stays"),
        max_length=250,
        widget=Datalist(_standing_names),
        help_text=_("Its people and those of this one are then together; both names lead there."),
    )

    def clean_into(self) -> Institution:
        found = institutions.find(self.cleaned_data["into"])
        if found is None:
            raise forms.ValidationError(_("There is no institution of this name. Choose one of the list."))
        return found
