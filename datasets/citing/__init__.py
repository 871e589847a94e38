"""A release described for citations and for machines. Every form is a pure function of `Facts` and, for machines, of
`File`s."""

from datasets.citing.croissant import croissant
from datasets.citing.datacite_record import datacite, datacite_xml
from datasets.citing.facts import Creator, Facts, Funding, Publication, dataset_facts, facts, frozen_facts
from datasets.citing.files import File, describe_files
from datasets.citing.linked import dcat, schema_org
from datasets.citing.texts import apa, bibtex, cff, ris

__all__ = [
    "Creator",
    "Facts",
    "File",
    "Funding",
    "Publication",
    "apa",
    "bibtex",
    "cff",
    "croissant",
    "datacite",
    "datacite_xml",
    "dataset_facts",
    "dcat",
    "describe_files",
    "facts",
    "frozen_facts",
    "ris",
    "schema_org",
]
