"""The forms of a dataset's citation: one, and a table each for creators, funding, publications and versions."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import orcid
from accounts.widgets import TextArea
from datasets import identifiers
from datasets.models import Citation, Dataset

_SMALL = {"class": "form-control form-control-sm"}  # of a control that stands in a table
RELATIONS = (
    ("IsDescribedBy", _("describes the dataset")),
    ("IsSupplementTo", _("the dataset belongs to it")),
    ("IsReferencedBy", _("uses the dataset")),
    ("IsDerivedFrom", _("the dataset comes from it")),
)


class CitationForm(forms.Form):
    publisher = forms.CharField(
        label=_("Publisher"), max_length=200, required=False, help_text=_("Empty: this portal, CXR Commons.")
    )
    contact = forms.EmailField(label=_("Contact"), required=False, help_text=_("An address of the team; it is public."))
    keywords = forms.CharField(
        label=_("Keywords"),
        max_length=1000,
        required=False,
        widget=TextArea(attrs={"rows": 2}),
        help_text=_("With commas between."),
    )
    doi = forms.CharField(
        label=_("DOI of the dataset"),
        max_length=200,
        required=False,
        help_text=_("Of all versions together, where you have registered one. A version's own DOI is below."),
    )
    least_cell = forms.IntegerField(
        label=_("Least count in public statistics"),
        min_value=0,
        max_value=100,
        help_text=_("0 shows every count. With 5, small hospitals share a line and small splits are left out."),
    )

    def clean_keywords(self) -> list[str]:
        words = (word.strip() for word in self.cleaned_data["keywords"].replace("\n", ",").split(","))
        return list(dict.fromkeys(word for word in words if word))

    def clean_doi(self) -> str:
        return identifiers.doi(self.cleaned_data["doi"])


def _small(label: Any, length: int, *, required: bool = False) -> forms.CharField:
    return forms.CharField(label=label, max_length=length, required=required, widget=forms.TextInput(attrs=_SMALL))


class CreatorForm(forms.Form):
    family = _small(_("Family name, or organisation"), 200, required=True)
    given = _small(_("Given names"), 120)
    orcid = _small("ORCID", 60)
    affiliation = _small(_("Affiliation"), 200)
    ror = _small(_("ROR of the affiliation"), 60)

    def clean_orcid(self) -> str:
        return orcid.normalized(self.cleaned_data["orcid"])

    def clean_ror(self) -> str:
        return identifiers.ror(self.cleaned_data["ror"])


class FundingForm(forms.Form):
    funder = _small(_("Funder"), 200, required=True)
    award = _small(_("Number of the grant"), 100)
    title = _small(_("Project"), 300)


class PublicationForm(forms.Form):
    doi = _small("DOI", 200, required=True)
    title = _small(_("Title"), 300)
    relation = forms.ChoiceField(label=_("What it is"), choices=RELATIONS, widget=forms.Select(attrs=_SMALL))

    def clean_doi(self) -> str:
        return identifiers.doi(self.cleaned_data["doi"])


class ReleaseDoiForm(forms.Form):
    """Of one version."""

    doi = forms.CharField(
        label="DOI",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs=_SMALL),
    )

    def clean_doi(self) -> str:
        return identifiers.doi(self.cleaned_data["doi"])


def _table(form: type[forms.Form]) -> Any:
    return forms.formset_factory(form, extra=2, can_delete=True, can_order=False, max_num=200)


class CitationForms:
    """All of it together: `data` is what was posted, or None. Each table is in the order of its rows."""

    TABLES = {
        "creators": (CreatorForm, _("Creators"), _("In the order of the citation. Without any, the publisher stands.")),
        "funding": (FundingForm, _("Funding"), ""),
        "publications": (PublicationForm, _("Publications about it"), ""),
    }

    def __init__(self, data: Any, dataset: Dataset, row: Citation | None) -> None:
        facts = row.frozen() if row else Citation(dataset=dataset).frozen()
        initial = {**facts, "keywords": ", ".join(facts["keywords"]), "least_cell": dataset.least_cell}
        self.main = CitationForm(data, initial=initial)
        self.tables = {
            name: _table(form)(data, prefix=name, initial=facts[name]) for name, (form, *_words) in self.TABLES.items()
        }

    @property
    def shown(self) -> list[tuple[Any, Any, Any]]:
        """Title, hint and forms of every table."""
        return [(title, hint, self.tables[name]) for name, (_form, title, hint) in self.TABLES.items()]

    def is_valid(self) -> bool:
        return all([self.main.is_valid(), *(table.is_valid() for table in self.tables.values())])

    @property
    def facts(self) -> dict[str, Any]:
        """What the filled rows say, but for those ticked to go."""
        rows = {
            name: [
                {key: value for key, value in form.cleaned_data.items() if key != "DELETE"}
                for form in table
                if form.cleaned_data and not form.cleaned_data["DELETE"]
            ]
            for name, table in self.tables.items()
        }
        return {**self.main.cleaned_data, **rows}
