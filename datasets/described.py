"""A release in every form for citations and machines, for a person who asks: each gets only the addresses that this
person may have."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from accounts.policies import Person
from datasets import citing, cohorts, links, selectors, services
from datasets.archives.names import DETAILS_CSV
from datasets.archives.tables import columns
from datasets.citing import Facts, File
from datasets.models import Archive, Cohort, Release
from datasets.selectors.catalogue import MONTH, cache_key
from datasets.services.library import EXTENSIONS

Write = Callable[[Facts, Sequence[File]], str]
# What would end a script element, or begin another.
_HTML = {ord(character): f"\\u{ord(character):04X}" for character in "<>&"}


@dataclass(frozen=True)
class Form:
    """One form of the description: its media type, how it is written, and whether it names addresses of files."""

    label: str
    media_type: str
    write: Write
    personal: bool = False


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, indent=2) + "\n"


FORMS = {
    "citation.txt": Form("APA", "text/plain", lambda facts, files: citing.apa(facts) + "\n"),
    "citation.bib": Form("BibTeX", "application/x-bibtex", lambda facts, files: citing.bibtex(facts)),
    "citation.ris": Form("RIS", "application/x-research-info-systems", lambda facts, files: citing.ris(facts)),
    "citation.cff": Form("CITATION.cff", "application/yaml", lambda facts, files: citing.cff(facts)),
    "datacite.json": Form(
        "DataCite JSON",
        "application/vnd.datacite.datacite+json",
        lambda facts, files: _json(citing.datacite(facts, files)),
    ),
    "datacite.xml": Form(
        "DataCite XML",
        "application/vnd.datacite.datacite+xml",
        lambda facts, files: citing.datacite_xml(facts, files),
    ),
    "schema.jsonld": Form(
        "schema.org", "application/ld+json", lambda facts, files: _json(citing.schema_org(facts, files))
    ),
    "dcat.jsonld": Form("DCAT", "application/ld+json", lambda facts, files: _json(citing.dcat(facts, files))),
    "croissant.json": Form(
        "Croissant", "application/ld+json", lambda facts, files: _json(citing.croissant(facts, files)), personal=True
    ),
}


@dataclass(frozen=True)
class Alternate:
    """A link to one form of the description."""

    name: str
    label: str
    media_type: str
    url: str


@dataclass(frozen=True)
class Description:
    """What the page of a release shows of its citation, and says to machines."""

    apa: str
    bibtex: str
    ris: str
    doi: str
    alternates: list[Alternate]
    json_ld: SafeString
    link_header: str


def facts_of(request: HttpRequest, release: Release) -> Facts:
    """The facts of a release, with the addresses of its pages."""
    slug = release.dataset.slug
    return citing.facts(
        release,
        page=request.build_absolute_uri(reverse("datasets:release", args=[slug, release.version])),
        dataset_page=request.build_absolute_uri(reverse("datasets:detail", args=[slug])),
    )


def write(request: HttpRequest, user: Person, release: Release, form: Form) -> str:
    """The text of one form. Only Croissant names addresses, and only of the files that `user` may have: signed ones,
    which programs can follow without a token."""
    rows = selectors.file_rows(user, release)
    addresses: dict[Archive, str] = {}
    if form.personal:
        addresses = {
            row.archive: request.build_absolute_uri(links.address(user, row.archive, row.decision.grant))
            for row in rows
            if row.decision.grant is not None
        }
        if addresses:
            services.note_links(user=user, release=release, archives=list(addresses))
    files = _files(release, [row.archive for row in rows], addresses)
    return form.write(facts_of(request, release), files)


def description(request: HttpRequest, release: Release, archives: Sequence[Archive]) -> Description:
    """What the page of a release needs; `archives` are its files, without any address."""
    facts = facts_of(request, release)
    files = _files(release, archives, {})
    record = json.dumps(citing.schema_org(facts, files), ensure_ascii=False).translate(_HTML)
    alternates = [
        Alternate(
            name,
            form.label,
            form.media_type,
            reverse("datasets:described", args=[release.dataset.slug, release.version, name]),
        )
        for name, form in FORMS.items()
    ]
    return Description(
        apa=citing.apa(facts),
        bibtex=citing.bibtex(facts),
        ris=citing.ris(facts),
        doi=facts.doi,
        alternates=alternates,
        json_ld=mark_safe(record),  # noqa: S308  # escaped above
        link_header=_signposts(request, facts, alternates),
    )


@dataclass(frozen=True)
class CitedCohort:
    apa: str
    bibtex: str


def cited_cohort(request: HttpRequest, cohort: Cohort, images: int) -> CitedCohort:
    """How a cohort is cited: as a part of its release, with its identifier, how many `images` it has, as everybody may
    read it, and its own address."""
    with translation.override("en"):  # as every citation
        part = f"cohort {cohort.identifier}, {cohorts.shown(images, cohort.release.dataset)} images"
    address = request.build_absolute_uri(reverse("datasets:cohort", args=[cohort.identifier]))
    facts = facts_of(request, cohort.release)
    return CitedCohort(
        apa=citing.apa(facts, part=part, address=address),
        bibtex=citing.bibtex(facts, key=cohort.identifier, part=part, address=address),
    )


def _files(release: Release, archives: Sequence[Archive], addresses: Mapping[Archive, str]) -> list[File]:
    tables = {
        archive: columns(archive)
        for archive in archives
        if archive.content == Archive.Content.METADATA
        and archive.filename.endswith(".csv")
        and not archive.filename.endswith(f"-{DETAILS_CSV}")
    }
    return citing.describe_files(archives, addresses, endings(release), tables)


def _signposts(request: HttpRequest, facts: Facts, alternates: Sequence[Alternate]) -> str:
    """The Link header of FAIR Signposting (https://signposting.org/FAIR/), level 1."""
    found = [(facts.url, 'rel="cite-as"'), ("https://schema.org/Dataset", 'rel="type"')]
    found += [(creator.orcid_url, 'rel="author"') for creator in facts.creators if creator.orcid]
    if facts.licence_url:
        found.append((facts.licence_url, 'rel="license"'))
    found += [
        (request.build_absolute_uri(one.url), f'rel="describedby"; type="{one.media_type}"') for one in alternates
    ]
    return ", ".join(f"<{url}>; {relation}" for url, relation in found if not set(url) & set('<>"\r\n '))


def endings(release: Release) -> dict[int, tuple[str, ...]]:
    """The endings of the radiographs of a release by the id of their group, counted once."""
    key = cache_key("endings", release)
    found: dict[int, tuple[str, ...]] | None = cache.get(key)
    if found is None:
        rows = release.items.filter(radiograph__isnull=False, tombstone=None).order_by()
        pairs = sorted(rows.values_list("group_id", "radiograph__format").distinct())
        found = {}
        for group, kind in pairs:
            found[group] = (*found.get(group, ()), EXTENSIONS[kind])
        cache.set(key, found, MONTH)
    return found
