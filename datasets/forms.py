from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.fields import RowsField
from accounts.models import AccessGrant, Content, User
from accounts.widgets import TextArea
from datasets import versions
from datasets.models import Dataset, DiagnosisGroup


class AccessRequestForm(forms.Form):
    """What a researcher asks for. A draft may be incomplete; what is missing is said when it is sent."""

    groups = RowsField(
        label=_("Diagnosis groups"),
        queryset=DiagnosisGroup.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Ask only for the groups that you need: what you ask for is decided on."),
    )
    contents = forms.MultipleChoiceField(
        label=_("Files"),
        choices=Content.choices,
        required=False,
        initial=list(Content.values),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The metadata of a group comes with any of them."),
    )
    project = forms.CharField(label=_("Title of the project"), max_length=200, required=False)
    purpose = forms.CharField(
        label=_("Purpose of use"),
        max_length=5000,
        required=False,
        widget=TextArea(attrs={"rows": 5}),
        help_text=_("What will you find out, who works on it, what will be published?"),
    )
    achieved = forms.CharField(
        label=_("What was done so far"),
        max_length=5000,
        required=False,
        widget=TextArea(attrs={"rows": 4}),
        help_text=_("A few sentences: what you found, what is published, what is left to do."),
    )

    def __init__(self, *args: Any, dataset: Dataset, renews: AccessGrant | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: Any = self.fields
        fields["groups"].queryset = dataset.groups.all()
        if dataset.is_segmentation:  # granted as a whole: masks, and the images where the source is the portal's own
            del fields["groups"]
            fields["contents"].choices = [row for row in Content.choices if row[0] != Content.REGIONS]
            fields["contents"].help_text = ""
        if renews is None:
            del fields["achieved"]
        for field in fields.values():
            field.needed_later = True  # a draft lacks it, a request does not

    def clean(self) -> dict[str, Any]:
        return {"groups": [], "achieved": "", **(super().clean() or {})}


class DatasetForm(forms.ModelForm):  # type: ignore[type-arg]
    licence_url = forms.URLField(label=_("Licence address"), required=False, assume_scheme="https")
    reviewers = forms.CharField(
        label=_("Reviewers"),
        required=False,
        widget=TextArea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "E-mail addresses of accounts, one per line. They read and decide the requests for this dataset, nothing "
            "else. Without reviewers, requests go to the data managers, who can always decide."
        ),
    )

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
            "access",
            "requires_mfa",
            "grant_days",
        )
        widgets = {
            "description": TextArea(attrs={"rows": 8}),
            "citation": TextArea(attrs={"rows": 3}),
        }
        help_texts = {
            "kind": _("Radiographs come from hospitals, masks by the command import_masks. It can't be changed later."),
            "slug": _("A part of every address and file name; it can't be changed later."),
            "summary": _("One or two sentences for the catalogue."),
            "is_public": _("Visitors see the dataset's page; data still needs a grant."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("kind", "access"):  # a program may leave them out; on the page they always have a value
            self.fields[name].required = False
            self.fields[name].needed_later = True  # type: ignore[attr-defined]
        if self.instance.pk:
            del self.fields["kind"], self.fields["slug"]
            addresses = self.instance.reviewers.order_by("email").values_list("email", flat=True)
            self.fields["reviewers"].initial = "\n".join(addresses)

    def clean_kind(self) -> str:
        return self.cleaned_data["kind"] or Dataset.Kind.RADIOGRAPHS

    def clean_access(self) -> str:
        access: str = self.cleaned_data["access"] or self.instance.access
        return access

    def clean_reviewers(self) -> list[User]:
        """The people with these addresses."""
        addresses = {word.lower() for word in self.cleaned_data["reviewers"].replace(",", " ").split()}
        people = list(User.objects.filter(email__in=addresses, is_active=True))
        if unknown := sorted(addresses - {person.email for person in people}):
            raise forms.ValidationError(
                _("There is no open account with this address: %(addresses)s"), params={"addresses": ", ".join(unknown)}
            )
        return people


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
        widget=TextArea(attrs={"rows": 5}),
        help_text=_("Researchers read this before they download."),
    )
    validation_percent = forms.IntegerField(
        label=_("Validation, per cent"),
        required=False,
        min_value=0,
        max_value=90,
        help_text=_("Of the patients, in every hospital and class. Who has a set keeps it."),
    )
    test_percent = forms.IntegerField(
        label=_("Hold-out test, per cent"),
        required=False,
        min_value=0,
        max_value=90,
        help_text=_("The rest is for training. With 0 and 0 nobody gets a set."),
    )

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if dataset.is_segmentation:  # its sets come with the masks
            del self.fields["validation_percent"], self.fields["test_percent"]
        else:
            self.initial.setdefault("validation_percent", dataset.validation_percent)
            self.initial.setdefault("test_percent", dataset.test_percent)

    def clean_version(self) -> str:
        version: str = self.cleaned_data["version"].strip()
        if versions.parse(version) is None:
            raise forms.ValidationError(_("A version is two numbers with a point between, e.g. 1.1."))
        return version
