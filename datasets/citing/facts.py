"""What there is to say of a release: the words that it froze, who made it, its identifiers and its pages."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from datasets.models import Citation, Release

PORTAL = "CXR Commons"  # the publisher where none is named
_CREATIVE_COMMONS = re.compile(r"^CC[ -]BY(?P<more>(?:[ -](?:NC|SA|ND)){0,2})[ -](?P<version>\d\.\d)$", re.IGNORECASE)
_CONTROL = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Creator:
    """A person (family and given name), or an organisation (its name as `family`, `given` empty).

    `orcid` is 0000-0000-0000-0000, `ror` the address of the affiliation at https://ror.org/; empty where unknown.
    """

    family: str
    given: str = ""
    orcid: str = ""
    affiliation: str = ""
    ror: str = ""

    @property
    def is_person(self) -> bool:
        return bool(self.given)

    @property
    def name(self) -> str:
        """`Family, Given`, or the organisation's name."""
        return f"{self.family}, {self.given}" if self.given else self.family

    @property
    def orcid_url(self) -> str:
        return f"https://orcid.org/{self.orcid}" if self.orcid else ""


@dataclass(frozen=True)
class Funding:
    funder: str
    award: str = ""
    title: str = ""


@dataclass(frozen=True)
class Publication:
    """A publication about the dataset; `relation` is DataCite's relation of the dataset to it."""

    doi: str
    title: str = ""
    relation: str = "IsDescribedBy"

    @property
    def url(self) -> str:
        return f"https://doi.org/{self.doi}"


@dataclass(frozen=True)
class Facts:
    """A release as citations and metadata need it. Addresses are absolute; empty where there is none."""

    slug: str
    title: str
    description: str
    version: str
    date: date
    changes: str
    licence: str
    licence_url: str
    creators: tuple[Creator, ...]  # at least one
    publisher: str
    keywords: tuple[str, ...]
    funding: tuple[Funding, ...]
    publications: tuple[Publication, ...]
    contact: str
    doi: str  # of this release
    dataset_doi: str  # of all versions together
    page: str  # of this release
    dataset_page: str

    @property
    def url(self) -> str:
        """Where a citation leads: the DOI's address, or the release's page."""
        return f"https://doi.org/{self.doi}" if self.doi else self.page

    @property
    def spdx(self) -> str:
        """The licence's identifier in the SPDX list, for Creative Commons; empty for others."""
        if self.licence.upper().replace(" ", "").startswith("CC0"):
            return "CC0-1.0"
        found = _CREATIVE_COMMONS.match(self.licence.strip())
        if found is None:
            return ""
        return f"CC-BY{found['more'].upper().replace(' ', '-')}-{found['version']}"

    @property
    def key(self) -> str:
        """What a bibliography calls it."""
        return f"{self.slug}-{self.version}"


def facts(release: Release, *, page: str = "", dataset_page: str = "") -> Facts:
    """The facts of a release: what it froze, and its DOI. A release that froze none has the dataset's of today.

    `page` and `dataset_page` are absolute addresses.
    """
    found = release.about.get("citing") or dataset_facts(release.dataset_id)
    return _facts(release, found, doi=release.doi, page=page, dataset_page=dataset_page)


def dataset_facts(dataset_id: int) -> dict[str, Any]:
    """What is typed in for a dataset today, as a release freezes it; empty where nothing is."""
    row = Citation.objects.filter(dataset=dataset_id).first()
    return row.frozen() if row else {}


def frozen_facts(release: Release) -> Facts:
    """Only what the release froze, for files inside of archives: no address of this portal, and no DOI that came
    later. The same release gives the same bytes."""
    return _facts(release, release.about.get("citing", {}), doi="", page="", dataset_page="")


def _printable(value: Any) -> Any:
    """Without control characters, which XML can't carry; line ends and tabs stay."""
    if isinstance(value, str):
        return _CONTROL.sub("", value)
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    return [_printable(one) for one in value] if isinstance(value, list) else value


def _facts(release: Release, found: dict[str, Any], *, doi: str, page: str, dataset_page: str) -> Facts:
    about = release.about
    found = _printable(found)
    words = _printable(
        {name: about.get(name) or getattr(release.dataset, name) for name in ("slug", "title", "origin", "licence")}
    )
    publisher = found.get("publisher") or PORTAL
    creators = tuple(Creator(**creator) for creator in found.get("creators", ()))
    return Facts(
        slug=words["slug"],
        title=words["title"],
        description=_printable(about.get("description", "")),
        version=release.version,
        date=release.created_at.date(),
        changes=_printable(release.changes),
        licence=words["licence"],
        licence_url=about.get("licence_url", ""),
        creators=creators or (Creator(found.get("publisher") or words["origin"] or PORTAL),),
        publisher=publisher,
        keywords=tuple(found.get("keywords", ())),
        funding=tuple(Funding(**funding) for funding in found.get("funding", ())),
        publications=tuple(Publication(**publication) for publication in found.get("publications", ())),
        contact=found.get("contact", ""),
        doi=doi,
        dataset_doi=found.get("doi", ""),
        page=page,
        dataset_page=dataset_page,
    )
