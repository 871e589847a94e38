"""Citations as text: APA, BibTeX, RIS and CITATION.cff."""

import re
from typing import Any

import yaml

from datasets.citing.facts import Creator, Facts

_MOST_AUTHORS = 20  # that APA 7 names in full; of more the first 19 and the last
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def apa(facts: Facts, *, part: str = "", address: str = "") -> str:
    """The citation in the style of the American Psychological Association, 7th edition (10.9, data sets); of a `part`
    of the release, which has an `address` of its own, where they are given."""
    names = [_initials(creator) for creator in facts.creators]
    if len(names) > _MOST_AUTHORS:
        authors = ", ".join(names[: _MOST_AUTHORS - 1]) + f", … {names[-1]}"
    elif len(names) > 1:
        authors = ", ".join(names[:-1]) + f", & {names[-1]}"
    else:
        authors = names[0]
    # A publisher that is the author is not named twice (9.29).
    publisher = "" if facts.publisher == authors else f" {_stopped(facts.publisher)}"
    what = "; ".join(words for words in (f"Version {facts.version}", part) if words)
    text = f"{_stopped(authors)} ({facts.date.year}). {facts.title} ({what}) [Data set].{publisher}"
    return f"{text} {address or facts.url}".rstrip()


def _stopped(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _initials(creator: Creator) -> str:
    if not creator.is_person:
        return creator.family
    given = [
        "-".join(f"{part[0].upper()}." for part in name.split("-") if part) for name in creator.given.split() if name
    ]
    return f"{creator.family}, {' '.join(given)}"


def bibtex(facts: Facts, *, key: str = "", part: str = "", address: str = "") -> str:
    """An entry of type misc, which every style knows, in UTF-8; as with `apa` of a part, which has a key."""
    authors = (
        _latex(creator.name) if creator.is_person else f"{{{_latex(creator.family)}}}" for creator in facts.creators
    )
    fields = {
        "author": " and ".join(authors),
        "title": f"{{{_latex(facts.title)}}}",
        "year": str(facts.date.year),
        "month": str(facts.date.month),
        "version": _latex(facts.version),
        "publisher": f"{{{_latex(facts.publisher)}}}",
        "howpublished": "Data set",
        "keywords": _latex(", ".join(facts.keywords)),
        "doi": facts.doi,
        "url": address or facts.url,
        "note": _latex(part),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key or facts.key},", *lines, "}", ""])


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in _one_line(text))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def ris(facts: Facts) -> str:
    """A record of type DATA, with the line ends that RIS asks for."""
    rows: list[tuple[str, str]] = [
        ("TY", "DATA"),
        *(("AU", creator.name) for creator in facts.creators),
        ("TI", facts.title),
        ("PY", str(facts.date.year)),
        ("DA", f"{facts.date:%Y/%m/%d}"),
        ("ET", facts.version),
        ("PB", facts.publisher),
        ("AB", facts.description),
        *(("KW", keyword) for keyword in facts.keywords),
        ("DO", facts.doi),
        ("UR", facts.url),
    ]
    lines = [f"{tag}  - {_one_line(value)}" for tag, value in rows if value]
    return "\r\n".join([*lines, "ER  - ", ""])


def cff(facts: Facts) -> str:
    """CITATION.cff in the Citation File Format 1.2.0 (YAML)."""
    identifiers = [{"type": "doi", "value": doi} for doi in (facts.doi, facts.dataset_doi) if doi]
    identifiers += [
        {"type": "doi", "value": publication.doi, "description": f"Publication: {publication.title or publication.doi}"}
        for publication in facts.publications
    ]
    record: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use these data, please cite them as below.",
        "type": "dataset",
        "title": facts.title,
        "version": facts.version,
        "date-released": facts.date.isoformat(),
        "authors": [_cff_author(creator) for creator in facts.creators],
        "abstract": facts.description,
        "keywords": list(facts.keywords),
        "license": facts.spdx,
        "license-url": facts.licence_url,
        "doi": facts.doi or facts.dataset_doi,
        "identifiers": identifiers,
        "url": facts.page,
        "contact": [{"name": facts.publisher, "email": facts.contact}] if facts.contact else [],
    }
    text: str = yaml.safe_dump(
        {name: value for name, value in record.items() if value}, allow_unicode=True, sort_keys=False, width=100
    )
    return text


def _cff_author(creator: Creator) -> dict[str, str]:
    if not creator.is_person:
        return {"name": creator.family}
    author = {
        "family-names": creator.family,
        "given-names": creator.given,
        "orcid": creator.orcid_url,
        "affiliation": creator.affiliation,
    }
    return {name: value for name, value in author.items() if value}
