from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from curation.services import MOST_BOXES
from datasets.models.collection import Quality
from intake.words import REJECTIONS

SIDES = ("left", "top", "width", "height")


class AcceptForm(forms.Form):
    """The two buttons send `quality`; the box says that somebody really looked, and `picture` at what."""

    no_text_seen = forms.BooleanField(
        label=_("I looked at the picture and at its full range: no text identifies the patient"),
        error_messages={
            "required": _(
                "Look for text that identifies the patient, in the picture and in its full range, and confirm that "
                "there is none."
            )
        },
        widget=forms.CheckboxInput({"data-shortcut": "c"}),
    )
    quality = forms.ChoiceField(choices=Quality.choices, widget=forms.HiddenInput)
    picture = forms.CharField(widget=forms.HiddenInput, max_length=64)


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


class RectanglesField(forms.Field):
    """Rectangles that were drawn on the picture, each a value `left,top,width,height`."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[dict[str, int]]:
        values = list(value or ())
        if len(values) > MOST_BOXES:
            raise ValidationError(_("These are too many rectangles. Draw one large one instead, or reject the image."))
        try:
            return [dict(zip(SIDES, map(int, text.split(",")), strict=True)) for text in values]
        except ValueError:
            raise ValidationError(_("A rectangle needs four whole numbers.")) from None


class BoxesForm(forms.Form):
    """Which of the known boxes of text are painted over, and rectangles to be painted too: drawn ones, and one whose
    four sides were typed. `known`: the report's boxes; `painted` holds their numbers, from 0."""

    picture = forms.CharField(widget=forms.HiddenInput, max_length=64)
    painted = forms.TypedMultipleChoiceField(coerce=int, required=False)
    drawn = RectanglesField(required=False)
    left = forms.IntegerField(label=_("Left (px)"), min_value=0, required=False)
    top = forms.IntegerField(label=_("Top (px)"), min_value=0, required=False)
    width = forms.IntegerField(label=_("Width (px)"), min_value=1, required=False)
    height = forms.IntegerField(label=_("Height (px)"), min_value=1, required=False)

    def __init__(self, *args: Any, known: list[dict[str, Any]], size: tuple[int, int] = (0, 0), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = known
        self.fields["painted"].choices = [(number, number) for number in range(len(known))]  # type: ignore[attr-defined]
        for name, most in zip(SIDES, size * 2, strict=True):
            self.fields[name].widget.attrs |= {"max": most, "inputmode": "numeric"}

    @property
    def ticked(self) -> list[str] | None:
        """The numbers that were ticked as they were sent; None when nothing was."""
        return self.data.getlist("painted") if isinstance(self.data, QueryDict) else None

    @property
    def drawn_values(self) -> list[str]:
        """What was drawn, for the page that comes back with an error elsewhere; nothing that is no rectangle."""
        if not self.is_bound or "drawn" in self.errors:
            return []
        return [",".join(str(box[side]) for side in SIDES) for box in self.cleaned_data["drawn"]]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        typed = {name: cleaned[name] for name in SIDES if cleaned.get(name) is not None}
        if typed and len(typed) < len(SIDES):
            for name in SIDES:
                if name not in typed and name not in self.errors:
                    self.add_error(name, _("A rectangle needs all four numbers."))
        painted = cleaned.get("painted") or []
        boxes = [{**box, "painted": number in painted} for number, box in enumerate(self.known)]
        cleaned["boxes"] = boxes + (cleaned.get("drawn") or []) + ([typed] if len(typed) == len(SIDES) else [])
        return cleaned
