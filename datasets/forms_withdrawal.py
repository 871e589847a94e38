"""The forms about withdrawals, reports and deprecation."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.widgets import TextArea
from datasets.models import ImageReport, Radiograph, SegmentationEntry, Withdrawal

Image = Radiograph | SegmentationEntry
# What a report says, and the reason that goes with it.
_SUGGESTED = {
    ImageReport.Category.IDENTITY: Withdrawal.Reason.IDENTITY,
    ImageReport.Category.DIAGNOSIS: Withdrawal.Reason.WRONG,
    ImageReport.Category.DUPLICATE: Withdrawal.Reason.WRONG,
}


class WithdrawForm(forms.Form):
    reason = forms.ChoiceField(
        label=_("Reason"),
        choices=Withdrawal.Reason,
        widget=forms.RadioSelect,
        help_text=_("Everybody sees it, with access beside the file name. Who withdrew it only data managers see."),
    )
    others = forms.MultipleChoiceField(
        label=_("Other images of this patient"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Tick those that go, too: a withdrawn consent is most often for all of them."),
    )
    sure = forms.BooleanField(label=_("I understand that this can't be undone"))

    def __init__(self, *args: Any, others: Sequence[Image], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.images = {str(image.pk): image for image in others}
        field: Any = self.fields["others"]
        field.choices = [(key, f"{image.filename} · {image.dataset.title}") for key, image in self.images.items()]
        if not others:
            del self.fields["others"]

    @staticmethod
    def suggested(report: ImageReport | None) -> dict[str, Any]:
        """The reason that fits a report."""
        reason = _SUGGESTED.get(ImageReport.Category(report.category)) if report else None
        return {"reason": reason.value} if reason else {}

    def chosen(self) -> list[Image]:
        return [self.images[key] for key in self.cleaned_data.get("others", ())]


class ReportForm(forms.Form):
    filename = forms.CharField(
        label=_("File name of the image"),
        max_length=120,
        help_text=_("As in the metadata, e.g. Anonymous_3_17_1.png."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    category = forms.ChoiceField(
        label=_("What is wrong with it"), choices=ImageReport.Category, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label=_("In your words"),
        max_length=2000,
        widget=TextArea(attrs={"rows": 5}),
        help_text=_("Where in the image, and what you see. Do not copy names, dates of birth or numbers into this."),
    )


class AnswerForm(forms.Form):
    answer = forms.CharField(
        label=_("Answer"),
        max_length=2000,
        widget=TextArea(attrs={"rows": 4}),
        help_text=_("The reporter gets it by e-mail, and the report is closed."),
    )


class DeprecateForm(forms.Form):
    notice = forms.CharField(
        label=_("Why this version should no longer be used"), max_length=1000, widget=TextArea(attrs={"rows": 3})
    )
