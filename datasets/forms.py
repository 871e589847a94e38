from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from datasets import versions
from datasets.models import Dataset, DiagnosisGroup


class AccessRequestForm(forms.Form):
    groups = forms.ModelMultipleChoiceField(
        label=_("Diagnosis groups"),
        queryset=DiagnosisGroup.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Ask only for the groups that you need: data managers decide on what you ask for."),
    )
    project = forms.CharField(label=_("Title of the project"), max_length=200)
    purpose = forms.CharField(
        label=_("Purpose of use"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("What will you find out, who works on it, what will be published?"),
    )

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["groups"]
        field.queryset = dataset.groups.all()
        if dataset.is_segmentation:  # granted as a whole
            del self.fields["groups"]

    def clean(self) -> dict[str, Any]:
        return {"groups": [], **(super().clean() or {})}


class DatasetForm(forms.ModelForm):  # type: ignore[type-arg]
    licence_url = forms.URLField(label=_("Licence address"), required=False, assume_scheme="https")

    class Meta:
        model = Dataset
        fields = (
            "kind",
            "slug",
            "origin",
            "title",
            "summary",
            "description",
            "licence",
            "licence_url",
            "citation",
            "agreement",
            "is_public",
        )
        widgets = {
            "description": forms.Textarea(attrs={"rows": 8}),
            "citation": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts = {
            "kind": _("Radiographs come from hospitals, masks by the command import_masks. It can't be changed later."),
            "slug": _("A part of every address and file name; it can't be changed later."),
            "summary": _("One or two sentences for the catalogue."),
            "is_public": _("Visitors see the dataset's page; data still needs a grant."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].required = False
        if self.instance.pk:
            del self.fields["kind"], self.fields["slug"]

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or Dataset.Kind.RADIOGRAPHS


_SMALL = "form-control form-control-sm"  # of a control that stands in a table


class GroupForm(forms.Form):
    class_id = forms.IntegerField(
        label=_("Class id"), min_value=1, max_value=99, widget=forms.NumberInput(attrs={"class": _SMALL})
    )
    label = forms.CharField(label=_("Label"), max_length=60, widget=forms.TextInput(attrs={"class": _SMALL}))
    subtype_prefix = forms.CharField(
        label=_("Subtype prefix"), max_length=4, required=False, widget=forms.TextInput(attrs={"class": _SMALL})
    )


GroupFormSet = forms.formset_factory(GroupForm, extra=3, can_delete=True, max_num=40)


class PublishForm(forms.Form):
    version = forms.CharField(label=_("Version"), max_length=13)
    changes = forms.CharField(
        label=_("What changed"),
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("Researchers read this before they download."),
    )

    def clean_version(self) -> str:
        version: str = self.cleaned_data["version"].strip()
        if versions.parse(version) is None:
            raise forms.ValidationError(_("A version is two numbers with a point between, e.g. 1.1."))
        return version
