"""The page on which a data manager says how a dataset is cited."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from audit.models import Event
from datasets import identifiers
from datasets.models import Citation, Release
from tests.datasets.library import Library
from tests.datasets.test_pages import log_in


def posted(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "publisher": "Silesian University",
        "contact": "data@example.org",
        "keywords": "lungs, COVID-19, lungs",
        "doi": "https://doi.org/10.5072/All",
        "least_cell": 5,
    }
    for table in ("creators", "funding", "publications"):
        values |= {f"{table}-TOTAL_FORMS": 2, f"{table}-INITIAL_FORMS": 0}
    values |= {
        "creators-0-family": "Kowalska",
        "creators-0-given": "Anna",
        "creators-0-orcid": "https://orcid.org/0000-0002-1825-0097",
        "creators-0-affiliation": "Silesian University",
        "creators-0-ror": "ror.org/02dyjk442",
        "funding-0-funder": "NCBR",
        "publications-0-doi": "doi:10.1038/s41597-023-02229-5",
        "publications-0-relation": "IsDescribedBy",
    }
    return {**values, **changes}


def test_what_a_manager_types_in_is_kept_and_cited(client: Client, library: Library) -> None:
    log_in(client, library.manager)
    library.add(1)
    release = library.publish()
    address = reverse("datasets:citation", args=["polcovid"])
    response = client.post(address, posted(**{f"release-{release.pk}-doi": "10.5072/one"}))
    assert response["Location"] == address
    row = Citation.objects.get()
    assert row.keywords == ["lungs", "COVID-19"]
    assert (row.publisher, row.doi) == ("Silesian University", "10.5072/All")
    assert row.creators == [
        {
            "family": "Kowalska",
            "given": "Anna",
            "orcid": "0000-0002-1825-0097",
            "affiliation": "Silesian University",
            "ror": "https://ror.org/02dyjk442",
        }
    ]
    assert row.publications == [{"doi": "10.1038/s41597-023-02229-5", "title": "", "relation": "IsDescribedBy"}]
    library.dataset.refresh_from_db()
    assert library.dataset.least_cell == 5
    assert [event.data["fields"] for event in Event.objects.filter(action="dataset.described")] == [
        ["contact", "creators", "doi", "funding", "keywords", "publications", "publisher"]
    ]
    assert Event.objects.get(action="release.doi_given").data["doi"] == "10.5072/one"
    page = client.get(address).content.decode()
    assert "0000-0002-1825-0097" in page
    cited = client.get(reverse("datasets:described", args=["polcovid", "1.0", "citation.txt"])).content.decode()
    assert cited.startswith("Kowalska, A. (")
    assert cited.endswith("Silesian University. https://doi.org/10.5072/one\n")


def test_a_row_goes_when_it_is_ticked(client: Client, library: Library) -> None:
    log_in(client, library.manager)
    address = reverse("datasets:citation", args=["polcovid"])
    client.post(address, posted())
    present = {f"{table}-INITIAL_FORMS": 1 for table in ("creators", "funding", "publications")}
    assert client.post(address, posted(**present, **{"creators-0-DELETE": "on"})).status_code == 302
    row = Citation.objects.get()
    assert (row.creators, len(row.funding), len(row.publications)) == ([], 1, 1)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("creators-0-orcid", "0000-0002-1825-0098", "checksum"),
        ("creators-0-ror", "02dyjk44", "no ROR"),
        ("publications-0-doi", "10.1038", "no DOI"),
        ("doi", "https://example.org/10.1/x", "no DOI"),
        ("creators-1-given", "Jan", "This field is required"),
        ("least_cell", "-1", "greater than or equal"),
        ("contact", "nobody", "valid email"),
    ],
)
def test_what_is_mistyped_is_said_and_nothing_is_kept(
    client: Client, library: Library, field: str, value: str, words: str
) -> None:
    log_in(client, library.manager)
    response = client.post(reverse("datasets:citation", args=["polcovid"]), posted(**{field: value}))
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Citation.objects.exists()


def test_two_versions_never_have_one_doi(client: Client, library: Library) -> None:
    log_in(client, library.manager)
    library.add(1)
    first = library.publish()
    library.add(1)
    second = library.publish("1.1")
    address = reverse("datasets:citation", args=["polcovid"])
    values = {f"release-{first.pk}-doi": "10.5072/one", f"release-{second.pk}-doi": "10.5072/one"}
    assert "the DOI of another version" in client.post(address, posted(**values)).content.decode()
    assert not Release.objects.exclude(doi="").exists()
    assert not Citation.objects.exists()


@pytest.mark.parametrize(
    "typed", ["10.5072/a(b)", "https://doi.org/10.5072/a(b)", "doi:10.5072/a(b)", " 10.5072/a(b) "]
)
def test_a_doi_is_known_in_every_form(typed: str) -> None:
    assert identifiers.doi(typed) == "10.5072/a(b)"


@pytest.mark.parametrize("typed", ["11.5072/a", "10.5/a", '10.5072/a"b', "10.5072/<a>", "10.5072/a b"])
def test_what_is_no_doi_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        identifiers.doi(typed)
