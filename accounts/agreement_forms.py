from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.errors import AccountsError
from accounts.markdown import MAX_CHARACTERS
from accounts.models import Agreement
from accounts.services.agreements import MAX_GRACE_DAYS, check_text, check_version
from accounts.widgets import TextArea


class AgreementForm(forms.Form):
    """A new agreement, or, with `replaces`, the next version of one. Nothing is stored before it is published."""

    title = forms.CharField(label=_("Title"), max_length=200)
    code = forms.SlugField(
        label=_("Code"), max_length=50, help_text=_("Names the agreement through all its versions, e.g. dua.")
    )
    version = forms.CharField(label=_("Version"), max_length=20, help_text=_("E.g. 2 or 2026-11."))
    language = forms.ChoiceField(label=_("Language of the text"), choices=settings.LANGUAGES)
    text = forms.CharField(
        label=_("Text"),
        max_length=MAX_CHARACTERS,
        strip=False,
        widget=TextArea(attrs={"rows": 24}),
        help_text=_("In Markdown: # before a heading, - before a line of a list, **bold**, [words](https://address)."),
    )
    grace_days = forms.IntegerField(
        label=_("The version before counts for (days)"),
        min_value=0,
        max_value=MAX_GRACE_DAYS,
        help_text=_("Whoever signed it keeps access for that long and is asked by e-mail to sign the new one."),
    )

    def __init__(self, *args: Any, replaces: Agreement | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.replaces = replaces
        if replaces is None:
            del self.fields["grace_days"]
            return
        del self.fields["code"]
        self.initial.update(
            title=replaces.title,
            language=replaces.language,
            text=replaces.text,
            grace_days=settings.CXR_AGREEMENT_GRACE_DAYS,
        )

    def clean_version(self) -> str:
        version: str = self.cleaned_data["version"]
        code = self.replaces.code if self.replaces else self.cleaned_data.get("code", "")
        try:
            check_version(code, version, self.replaces)
        except AccountsError as error:
            raise forms.ValidationError(str(error)) from error
        return version

    def clean_text(self) -> str:
        try:
            return check_text(self.cleaned_data["text"])
        except AccountsError as error:
            raise forms.ValidationError(str(error)) from error
