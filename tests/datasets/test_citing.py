"""Citations and metadata as text: every form is read back by a program that others wrote."""

import json
from dataclasses import replace
from datetime import date

import bibtexparser
import pytest
import rdflib
import yaml
from datacite import schema45
from lxml import etree

from datasets import citing
from datasets.citing import Creator, Facts, File, Funding, Publication
from datasets.metadata import IMAGE_COLUMNS

ANNA = Creator("Kowalska", "Anna Maria", "0000-0002-1825-0097", "Silesian University", "https://ror.org/02dyjk442")
TEAM = Creator("CIRCA team")
PAGE = "https://portal.example/datasets/lungs/releases/1.0/"
ADDRESS = "https://portal.example/links/secret/lungs.zip"


def facts(**changes: object) -> Facts:
    values: dict[str, object] = {
        "slug": "lungs",
        "title": "Lungs & {other} 50% things",
        "description": 'Żółte "płuca" <b>: #1',
        "version": "1.0",
        "date": date(2026, 3, 9),
        "changes": "First.",
        "licence": "CC BY-NC 4.0",
        "licence_url": "https://creativecommons.org/licenses/by-nc/4.0/",
        "creators": (ANNA, TEAM),
        "publisher": "Silesian University",
        "keywords": ("chest radiograph", "COVID-19"),
        "funding": (Funding("NCBR", "X/1", "CIRCA"),),
        "publications": (Publication("10.1038/s41597-023-02229-5", "The paper"),),
        "contact": "data@portal.example",
        "doi": "10.5072/lungs.1",
        "dataset_doi": "10.5072/lungs",
        "page": PAGE,
        "dataset_page": "https://portal.example/datasets/lungs/",
    }
    return Facts(**{**values, **changes})  # type: ignore[arg-type]


FILES = [
    File("lungs-1.0-A.zip", "radiographs", "A", "A", 700, "1" * 32, "a" * 64, ADDRESS, ("dcm", "png")),
    File("lungs-1.0-A-2.zip", "radiographs", "A", "A", 300, "2" * 32, "b" * 64, ADDRESS, ("dcm", "png")),
    File("lungs-1.0-A.csv", "metadata", "A", "A", 50, "3" * 32, "c" * 64, ADDRESS, (), IMAGE_COLUMNS),
]


def test_apa() -> None:
    assert citing.apa(facts()) == (
        "Kowalska, A. M., & CIRCA team. (2026). Lungs & {other} 50% things (Version 1.0) [Data set]. "
        "Silesian University. https://doi.org/10.5072/lungs.1"
    )
    assert citing.apa(facts(creators=(Creator("Nowak", "Jan-Piotr"),))).startswith("Nowak, J.-P. (2026).")


def test_apa_without_a_doi_leads_to_the_page_and_names_an_author_who_publishes_once() -> None:
    text = citing.apa(facts(doi="", creators=(Creator("NCBR"),), publisher="NCBR"))
    assert text.endswith(f"[Data set]. {PAGE}")


def test_apa_of_many_names_the_first_nineteen_and_the_last() -> None:
    text = citing.apa(facts(creators=tuple(Creator(f"N{number}", "A") for number in range(1, 23))))
    assert "N19, A., … N22, A. (2026)" in text
    assert "N20" not in text


def test_bibtex() -> None:
    (entry,) = bibtexparser.parse_string(citing.bibtex(facts())).entries
    fields = {field.key: field.value for field in entry.fields}
    assert (entry.entry_type, entry.key) == ("misc", "lungs-1.0")
    assert fields["author"] == "Kowalska, Anna Maria and {CIRCA team}"
    assert fields["title"] == r"{Lungs \& \{other\} 50\% things}"
    assert (fields["year"], fields["doi"], fields["version"]) == ("2026", "10.5072/lungs.1", "1.0")


def test_ris() -> None:
    lines = citing.ris(facts(description="two\nlines")).split("\r\n")
    assert lines[0] == "TY  - DATA"
    assert lines[-2:] == ["ER  - ", ""]
    assert {"AU  - Kowalska, Anna Maria", "AU  - CIRCA team", "DA  - 2026/03/09", "AB  - two lines"} <= set(lines)
    assert all(line[2:6] == "  - " for line in lines[:-1])


def test_cff() -> None:
    record = yaml.safe_load(citing.cff(facts()))
    assert (record["cff-version"], record["type"], record["license"]) == ("1.2.0", "dataset", "CC-BY-NC-4.0")
    assert (record["version"], record["date-released"]) == ("1.0", "2026-03-09")  # text, no number and no date
    assert record["authors"] == [
        {
            "family-names": "Kowalska",
            "given-names": "Anna Maria",
            "orcid": "https://orcid.org/0000-0002-1825-0097",
            "affiliation": "Silesian University",
        },
        {"name": "CIRCA team"},
    ]
    assert record["abstract"] == 'Żółte "płuca" <b>: #1'


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC BY 4.0", "CC-BY-4.0"),
        ("cc-by-nc-sa 3.0", "CC-BY-NC-SA-3.0"),
        ("CC0 1.0", "CC0-1.0"),
        ("Our own terms", ""),
        ("CC BY 4.0 with exceptions", ""),
    ],
)
def test_the_licence_as_the_spdx_list_knows_it(licence: str, expected: str) -> None:
    assert facts(licence=licence).spdx == expected


def test_datacite() -> None:
    record = citing.datacite(facts(), FILES)
    schema45.validator.validate(record)
    assert record["sizes"] == ["1050 bytes", "3 files"]
    root = etree.fromstring(citing.datacite_xml(facts(), FILES).encode())
    names = {"d": "http://datacite.org/schema/kernel-4"}
    assert root.findtext("d:identifier", namespaces=names) == "10.5072/lungs.1"
    assert root.findtext("d:titles/d:title", namespaces=names) == "Lungs & {other} 50% things"
    related = {one.text: one.get("relationType") for one in root.iterfind(".//d:relatedIdentifier", names)}
    assert related == {"10.1038/s41597-023-02229-5": "IsDescribedBy", "10.5072/lungs": "IsVersionOf"}


def test_datacite_of_little_knowledge_is_valid_too() -> None:
    record = citing.datacite(
        facts(doi="", dataset_doi="", keywords=(), funding=(), publications=(), description="", licence_url=""), []
    )
    schema45.validator.validate(record)
    assert "doi" not in record


def test_schema_org_names_no_address_of_a_file() -> None:
    record = citing.schema_org(facts(), FILES)
    assert record["@type"] == "Dataset"
    assert [one["sha256"] for one in record["distribution"]] == ["a" * 64, "b" * 64, "c" * 64]
    assert {one["url"] for one in record["distribution"]} == {PAGE}
    assert ADDRESS not in json.dumps(record)


def test_dcat_is_rdf() -> None:
    text = json.dumps(citing.dcat(facts(), FILES))
    assert ADDRESS not in text
    graph = rdflib.Graph().parse(data=text, format="json-ld")
    dcat, terms = rdflib.Namespace("http://www.w3.org/ns/dcat#"), rdflib.DCTERMS
    dataset = rdflib.URIRef(PAGE)
    assert (dataset, rdflib.RDF.type, dcat.Dataset) in graph
    assert graph.value(dataset, terms.issued) == rdflib.Literal(date(2026, 3, 9))
    assert str(graph.value(dataset, terms.title)) == "Lungs & {other} 50% things"
    sizes = {int(graph.value(one, dcat.byteSize)) for one in graph.objects(dataset, dcat.distribution)}  # type: ignore[arg-type]
    assert sizes == {700, 300, 50}
    assert {str(one) for one in graph.objects(None, dcat.accessURL)} == {PAGE}


def test_croissant_knows_what_is_in_the_files() -> None:
    record = citing.croissant(facts(), FILES)
    objects = {one["@id"]: one for one in record["distribution"]}
    assert objects["lungs-1.0-A.csv"]["contentUrl"] == ADDRESS
    assert objects["A-radiographs"]["containedIn"] == [{"@id": "lungs-1.0-A.zip"}, {"@id": "lungs-1.0-A-2.zip"}]
    assert objects["A-radiographs"]["includes"] == ["radiographs/*.dcm", "radiographs/*.png"]
    sets = {one["@id"]: {field["name"]: field["dataType"] for field in one["field"]} for one in record["recordSet"]}
    assert sets["A-metadata"] == {
        **dict.fromkeys(IMAGE_COLUMNS, "sc:Text"),
        **dict.fromkeys(("patient_id", "hospital_id", "age", "class_id"), "sc:Integer"),
        "smoke_packyears": "sc:Float",
    }
    assert sets["A-radiographs-records"]["content"] == "sc:Text"  # bytes: no program of Croissant's opens DICOM
    assert record["version"] == "1.0.0"


def test_croissant_of_labels_alone() -> None:
    labels = ("filename", "class_id", "class", "ATELECTASIS", "set")
    files = [
        replace(FILES[0], endings=("png", "jpg")),
        File("lungs-1.0-labels.csv", "metadata", "", "", 50, "3" * 32, "c" * 64, columns=labels),
    ]
    sets = {
        one["@id"]: {field["name"]: field["dataType"] for field in one["field"]}
        for one in citing.croissant(facts(), files)["recordSet"]
    }
    assert sets["all-metadata"]["ATELECTASIS"] == "sc:Integer"
    assert sets["A-radiographs-records"]["content"] == "sc:ImageObject"
    assert list(sets["A-radiographs-records"]) == ["filename", "content", "class_id", "class", "ATELECTASIS", "set"]
