from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from datasets.models import Dataset, DiagnosisGroup
from datasets.models.collection import Sex, Smoking
from intake import policies
from intake.models import Stage, UploadBatch, UploadedFile
from intake.selectors import Verdict, files_of, open_datasets
from intake.tables import OLDEST
from intake.uploadhandler import FILES_FIELD, TABLE_FIELD


class BatchForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = UploadBatch
        fields = ["title", "hospital", "dataset"]

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label, choices in (
            ("hospital", _("Hospital"), policies.hospitals_of(user)),
            ("dataset", _("Dataset"), open_datasets()),
        ):
            self.fields[name] = forms.ModelChoiceField(choices, label=label)
            if len(only := list(choices[:2])) == 1:
                self.initial.setdefault(name, only[0])


class DemographicsForm(forms.Form):
    """What is known of the patient at the time of the radiograph."""

    sex = forms.ChoiceField(label=_("Sex"), choices=[("", _("unknown")), *Sex.choices], required=False)
    age = forms.IntegerField(
        label=_("Age"), min_value=0, max_value=130, required=False, help_text=_("In years. Over 89 is kept as 90.")
    )
    smoke = forms.ChoiceField(label=_("Smoking"), choices=[("", _("unknown")), *Smoking.choices], required=False)
    smoke_packyears = forms.DecimalField(
        label=_("Pack-years"), min_value=0, max_value=300, max_digits=5, decimal_places=1, required=False
    )

    def clean_age(self) -> int | None:
        age: int | None = self.cleaned_data["age"]
        return None if age is None else min(age, OLDEST)

    @property
    def demographics(self) -> dict[str, Any]:
        return {field: self.cleaned_data[field] for field in ("sex", "age", "smoke", "smoke_packyears")}


class DescriptionForm(DemographicsForm):
    """The diagnosis and what is known of the patient."""

    field_order = ["group", "patient_key", "sex", "age", "smoke", "smoke_packyears"]

    group = forms.ModelChoiceField(
        DiagnosisGroup.objects.none(), label=_("Diagnosis"), empty_label=_("Choose a diagnosis")
    )
    patient_key = forms.CharField(
        label=_("Patient key"),
        max_length=128,
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text=_("Your own patient number. It is not stored; a keyed code of it finds the same patient again."),
    )

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].queryset = dataset.groups.all()  # type: ignore[attr-defined]


class _ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class _ManyFilesField(forms.FileField):
    widget = _ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        # Nothing is judged by name or size here: an empty file is set aside by inspection, with its reason.
        if not data:
            raise ValidationError(self.error_messages["required"], code="required")
        return list(data)


class _TableField(forms.FileField):
    """Gives the bytes of the table, None without one."""

    widget = forms.FileInput({"accept": ".csv,text/csv,.xlsx"})

    def clean(self, data: Any, initial: Any = None) -> bytes | None:
        upload = super().clean(data, initial)
        if upload is None:
            return None
        if upload.refusal:
            raise ValidationError(upload.refusal)
        content: bytes = upload.read()
        return content


class TableForm(forms.Form):
    """A table for the whole batch."""

    table = _TableField(
        label=_("Table"), allow_empty_file=True, help_text=_("XLSX, or CSV in UTF-8, up to 5 MB and 20,000 rows.")
    )


class UploadForm(DescriptionForm):
    """Many files with one description, or with a table that describes each."""

    field_order = [FILES_FIELD, "group", TABLE_FIELD, "patient_key", "sex", "age", "smoke", "smoke_packyears"]

    files = _ManyFilesField(label=_("Radiographs"))  # type: ignore[assignment]  # a field, as Django reads it
    table = _TableField(
        label=_("Table"),
        required=False,
        allow_empty_file=True,
        help_text=_("A CSV or XLSX file that describes each radiograph. It goes before what you choose here."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["group"].required = False
        self.fields["group"].help_text = _("For all files of this upload, unless the table says otherwise.")
        self.fields["files"].help_text = _(
            "DICOM, JPEG, PNG or TIFF, up to {count} files at once and {size} MB each."
        ).format(count=settings.CXR_MAX_FILES_PER_REQUEST, size=settings.CXR_MAX_FILE_BYTES // 1024**2)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("group") is None and cleaned.get("table") is None and "group" not in self.errors:
            self.add_error("group", _("Choose a diagnosis for these files, or add a table that names it."))
        return cleaned


class ChosenForm(forms.Form):
    """Which files of a batch an action is for: those that are ticked, or all that the page's filter shows."""

    TICKED, SHOWN = "ticked", "shown"

    scope = forms.ChoiceField(choices=[(TICKED, _("the ticked files")), (SHOWN, _("all files of this list"))])
    file = forms.ModelMultipleChoiceField(UploadedFile.objects.none(), required=False)
    stage = forms.ChoiceField(choices=[("", ""), *Stage.choices], required=False)
    verdict = forms.ChoiceField(choices=[("", ""), *Verdict.choices], required=False)

    def __init__(self, data: Any, *, batch: UploadBatch) -> None:
        super().__init__(data)
        self.batch = batch
        self.fields["file"].queryset = batch.files.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("scope") == self.TICKED and not cleaned.get("file"):
            raise ValidationError(_("Tick the files first, or choose all files of this list."))
        return cleaned

    @property
    def chosen(self) -> QuerySet[UploadedFile]:
        """Their rows, as light as they are."""
        cleaned = self.cleaned_data
        if cleaned["scope"] == self.TICKED:
            found = files_of(self.batch).filter(pk__in=[file.pk for file in cleaned["file"]])
        else:
            found = files_of(self.batch, cleaned["stage"], cleaned["verdict"])
        return found.select_related(None).only("pk", "stage")


class DiagnosisForm(ChosenForm):
    """The diagnosis of the chosen files."""

    group = forms.ModelChoiceField(DiagnosisGroup.objects.none(), label=_("Diagnosis"))

    def __init__(self, data: Any, *, batch: UploadBatch) -> None:
        super().__init__(data, batch=batch)
        self.fields["group"].queryset = batch.dataset.groups.all()  # type: ignore[attr-defined]
