"""Linked data: schema.org/Dataset, which search engines for data read, and DCAT 3, which catalogues exchange.

Neither names a file's address: who may have files gets them from the page, the API or Croissant.
"""

from collections.abc import Sequence
from typing import Any

from datasets.citing.facts import PORTAL, Creator, Facts
from datasets.citing.files import File
from datasets.metadata import IMAGE_COLUMNS

ACCESS = "Register, sign the data use agreement, and get access granted."
_RESTRICTED = "http://publications.europa.eu/resource/authority/access-right/RESTRICTED"
_MEDIA_TYPES = "http://www.iana.org/assignments/media-types/"


def filled(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in values.items() if value not in ("", [], {}, None)}


def schema_org(facts: Facts, files: Sequence[File]) -> dict[str, Any]:
    """The release as https://schema.org/Dataset, in JSON-LD."""
    return filled(
        {
            "@context": "https://schema.org/",
            "@type": "Dataset",
            "@id": facts.url,
            **described(facts),
            "identifier": f"https://doi.org/{facts.doi}" if facts.doi else "",
            "isPartOf": facts.dataset_page,
            "conditionsOfAccess": ACCESS,
            "includedInDataCatalog": {"@type": "DataCatalog", "name": PORTAL},
            "measurementTechnique": "Chest radiography",
            "variableMeasured": list(IMAGE_COLUMNS),
            "distribution": [
                {
                    "@type": "DataDownload",
                    "name": file.name,
                    "encodingFormat": file.media_type,
                    "contentSize": f"{file.size} B",
                    "sha256": file.sha256,
                    "url": facts.page,
                }
                for file in files
            ],
        }
    )


def described(facts: Facts) -> dict[str, Any]:
    """What schema.org and Croissant say in the same words of schema.org."""
    return filled(
        {
            "name": facts.title,
            "description": facts.description,
            "url": facts.page,
            "version": facts.version,
            "datePublished": facts.date.isoformat(),
            "license": facts.licence_url or facts.licence,
            "isAccessibleForFree": True,
            "creator": [_creator(creator) for creator in facts.creators],
            "publisher": {"@type": "Organization", "name": facts.publisher},
            "keywords": list(facts.keywords),
            "inLanguage": "en",
            "citation": [publication.url for publication in facts.publications],
            "funding": [
                filled(
                    {
                        "@type": "Grant",
                        "identifier": one.award,
                        "name": one.title,
                        "funder": {"@type": "Organization", "name": one.funder},
                    }
                )
                for one in facts.funding
            ],
        }
    )


def _creator(creator: Creator) -> dict[str, Any]:
    if not creator.is_person:
        return {"@type": "Organization", "name": creator.family}
    affiliation = filled({"@type": "Organization", "@id": creator.ror, "name": creator.affiliation})
    return filled(
        {
            "@type": "Person",
            "@id": creator.orcid_url,
            "name": f"{creator.given} {creator.family}",
            "givenName": creator.given,
            "familyName": creator.family,
            "affiliation": affiliation if creator.affiliation else None,
        }
    )


def dcat(facts: Facts, files: Sequence[File]) -> dict[str, Any]:
    """The release as a dcat:Dataset (https://www.w3.org/TR/vocab-dcat-3/), in JSON-LD."""
    return {
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/",
            "spdx": "http://spdx.org/rdf/terms#",
            "vcard": "http://www.w3.org/2006/vcard/ns#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        **filled(
            {
                "@id": facts.page,
                "@type": "dcat:Dataset",
                "dct:title": {"@value": facts.title, "@language": "en"},
                "dct:description": {"@value": facts.description, "@language": "en"},
                "dct:identifier": facts.doi or facts.page,
                "dct:issued": {"@value": facts.date.isoformat(), "@type": "xsd:date"},
                "dct:license": {"@id": facts.licence_url} if facts.licence_url else None,
                "dct:rights": facts.licence,
                "dct:accessRights": {"@id": _RESTRICTED},
                "dct:creator": [_agent(creator) for creator in facts.creators],
                "dct:publisher": {"@type": "foaf:Agent", "foaf:name": facts.publisher},
                "dct:isReferencedBy": [{"@id": publication.url} for publication in facts.publications],
                "dcat:version": facts.version,
                "dcat:isVersionOf": {"@id": facts.dataset_page} if facts.dataset_page else None,
                "dcat:keyword": list(facts.keywords),
                "dcat:landingPage": {"@id": facts.page},
                "dcat:contactPoint": _contact(facts),
                "dcat:distribution": [_distribution(facts, file) for file in files],
            }
        ),
    }


def _agent(creator: Creator) -> dict[str, Any]:
    name = f"{creator.given} {creator.family}".strip()
    kind = "foaf:Person" if creator.is_person else "foaf:Organization"
    return filled({"@id": creator.orcid_url, "@type": kind, "foaf:name": name})


def _contact(facts: Facts) -> dict[str, Any] | None:
    if not facts.contact:
        return None
    return {
        "@type": "vcard:Organization",
        "vcard:fn": facts.publisher,
        "vcard:hasEmail": {"@id": f"mailto:{facts.contact}"},
    }


def _distribution(facts: Facts, file: File) -> dict[str, Any]:
    return {
        "@id": f"{facts.page}#{file.name}",
        "@type": "dcat:Distribution",
        "dct:title": file.name,
        "dcat:accessURL": {"@id": facts.page},
        "dcat:mediaType": {"@id": f"{_MEDIA_TYPES}{file.media_type}"},
        "dcat:byteSize": {"@value": str(file.size), "@type": "xsd:nonNegativeInteger"},
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": {"@value": file.sha256, "@type": "xsd:hexBinary"},
        },
    }
