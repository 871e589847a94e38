from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from datasets.models.collection import Quality
from intake.words import REJECTIONS


class AcceptForm(forms.Form):
    """The two buttons send `quality`; the box says that somebody really looked."""

    no_text_seen = forms.BooleanField(
        label=_("I looked: no text in the picture identifies the patient"),
        error_messages={"required": _("Look for text that identifies the patient, and confirm that there is none.")},
        widget=forms.CheckboxInput({"data-shortcut": "t"}),
    )
    quality = forms.ChoiceField(choices=Quality.choices, widget=forms.HiddenInput)


class RejectForm(forms.Form):
    code = forms.ChoiceField(
        label=_("Reason"),
        choices=[("", _("Choose a reason")), *REJECTIONS.items()],
    )
    reason = forms.CharField(
        label=_("More words"),
        required=False,
        max_length=1000,
        widget=forms.Textarea({"rows": 2}),
        help_text=_("The hospital reads this. Do not name patients."),
    )

    def __init__(self, *args: Any, shortcut: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if shortcut:
            self.fields["code"].widget.attrs["data-shortcut"] = shortcut

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("code") == "other" and not cleaned.get("reason", "").strip():
            self.add_error("reason", _("Say why: the hospital reads it."))
        return cleaned
