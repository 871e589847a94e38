from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.policies import is_member_of
from intake.models import DicomNode
from intake.selectors import open_datasets


class NodeForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = DicomNode
        fields = [
            "ae_title",
            "hospital",
            "dataset",
            "group",
            "user",
            "addresses",
            "certificate_sha256",
            "is_active",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["dataset"].queryset = open_datasets()  # type: ignore[attr-defined]
        people = User.objects.filter(memberships__isnull=False, is_active=True).distinct().order_by("name")
        self.fields["user"].queryset = people  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        group, dataset = cleaned.get("group"), cleaned.get("dataset")
        if group is not None and dataset is not None and group.dataset_id != dataset.pk:
            self.add_error("group", ValidationError(_("This diagnosis does not belong to the dataset.")))
        user, hospital = cleaned.get("user"), cleaned.get("hospital")
        if user is not None and hospital is not None and not is_member_of(user, hospital.pk):
            self.add_error("user", ValidationError(_("This person does not belong to the hospital.")))
        return cleaned
