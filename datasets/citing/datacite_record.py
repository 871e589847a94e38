"""DataCite Metadata Schema 4.5, https://schema.datacite.org/meta/kernel-4.5/, as JSON and as XML."""

from collections.abc import Sequence
from typing import Any

from datasets.citing.facts import Creator, Facts
from datasets.citing.files import File

_KERNEL = "http://datacite.org/schema/kernel-4"


def datacite(facts: Facts, files: Sequence[File]) -> dict[str, Any]:
    """The record as DataCite's JSON. Without a DOI it has the page's address alone, and is a draft."""
    record: dict[str, Any] = {
        "schemaVersion": _KERNEL,
        "doi": facts.doi,
        "creators": [_creator(creator) for creator in facts.creators],
        "titles": [{"title": facts.title}],
        "publisher": {"name": facts.publisher},
        "publicationYear": str(facts.date.year),
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Chest radiographs"},
        "subjects": [{"subject": keyword} for keyword in dict.fromkeys(facts.keywords)],
        "dates": [{"date": facts.date.isoformat(), "dateType": "Issued"}],
        "language": "en",
        "alternateIdentifiers": _pages(facts),
        "relatedIdentifiers": _related(facts),
        "sizes": [f"{sum(file.size for file in files)} bytes", f"{len(files)} files"] if files else [],
        "formats": sorted({file.media_type for file in files}),
        "version": facts.version,
        "rightsList": [_rights(facts)],
        "descriptions": [{"description": facts.description, "descriptionType": "Abstract"}]
        if facts.description
        else [],
        "fundingReferences": [
            _filled({"funderName": one.funder, "awardNumber": one.award, "awardTitle": one.title})
            for one in dict.fromkeys(facts.funding)
        ],
    }
    return {name: value for name, value in record.items() if value}


def datacite_xml(facts: Facts, files: Sequence[File]) -> str:
    """The same record as XML."""
    from datacite import schema45  # type: ignore[import-untyped]  # slow to load, and few processes need it

    text: str = schema45.tostring(datacite(facts, files))
    return text


def _filled(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _creator(creator: Creator) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": creator.name,
        "nameType": "Personal" if creator.is_person else "Organizational",
        **_filled({"givenName": creator.given, "familyName": creator.family if creator.is_person else ""}),
    }
    if creator.orcid:
        found["nameIdentifiers"] = [
            {
                "nameIdentifier": creator.orcid_url,
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }
        ]
    if creator.affiliation:
        ror = {
            "affiliationIdentifier": creator.ror,
            "affiliationIdentifierScheme": "ROR",
            "schemeUri": "https://ror.org",
        }
        found["affiliation"] = [{"name": creator.affiliation, **(ror if creator.ror else {})}]
    return found


def _pages(facts: Facts) -> list[dict[str, str]]:
    return [{"alternateIdentifier": facts.page, "alternateIdentifierType": "URL"}] if facts.page else []


def _related(facts: Facts) -> list[dict[str, str]]:
    found = [
        {
            "relatedIdentifier": publication.doi,
            "relatedIdentifierType": "DOI",
            "relationType": publication.relation,
        }
        for publication in facts.publications
    ]
    if facts.dataset_doi:
        found.append(
            {"relatedIdentifier": facts.dataset_doi, "relatedIdentifierType": "DOI", "relationType": "IsVersionOf"}
        )
    elif facts.dataset_page:
        found.append(
            {"relatedIdentifier": facts.dataset_page, "relatedIdentifierType": "URL", "relationType": "IsVersionOf"}
        )
    return list({tuple(one.items()): one for one in found}.values())


def _rights(facts: Facts) -> dict[str, str]:
    identifier = {
        "rightsIdentifier": facts.spdx,
        "rightsIdentifierScheme": "SPDX",
        "schemeUri": "https://spdx.org/licenses/",
    }
    return {**_filled({"rights": facts.licence, "rightsUri": facts.licence_url}), **(identifier if facts.spdx else {})}
