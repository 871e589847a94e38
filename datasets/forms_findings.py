"""The form of a dataset's findings."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from datasets.models import Dataset

MOST = 100


class FindingsForm(forms.Form):
    findings = forms.CharField(
        label=_("Findings"),
        required=False,
        max_length=20_000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 15, "spellcheck": "false"}),
        help_text=_(
            "One per line: a code for the column, a space, and its name, e.g. PLEURAL_EFFUSION Pleural effusion."
        ),
    )
    labels_only = forms.BooleanField(
        label=_("Labels only"),
        required=False,
        help_text=_("Nothing is known of patients: releases have labels.csv instead of the tables of metadata."),
    )

    @classmethod
    def of(cls, dataset: Dataset, data: Any = None) -> "FindingsForm":
        lines = "\n".join(f"{finding.code} {finding.label}" for finding in dataset.findings.all())
        return cls(data, initial={"findings": lines, "labels_only": dataset.labels_only})

    def clean_findings(self) -> list[tuple[str, str]]:
        """Code and label of each line."""
        lines = [line.split(maxsplit=1) for line in self.cleaned_data["findings"].splitlines() if line.strip()]
        if len(lines) > MOST or any(len(words) != 2 for words in lines):
            raise forms.ValidationError(_("Write a code and a name in every line; 100 lines at most."))
        return [(code, label.strip()) for code, label in lines]
