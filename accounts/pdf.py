"""PDF documents, set by Typst: tagged for screen readers (PDF/UA-1), with title and language, fonts embedded, and the
same bytes whenever the same document is made.

The template is a file of the program; texts reach it as JSON, so nothing that somebody wrote is read as markup of the
typesetter, which sees no folder but an empty one."""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import typst

from accounts.markdown import Block, visible

_TEMPLATE = (Path(__file__).parent / "documents" / "document.typ").read_bytes()
TEMPLATE_HASH = hashlib.sha256(_TEMPLATE).hexdigest()[:16]  # what was made by another template is another document
# The archival and the accessible standard together; then the accessible one; a text with characters of which the
# embedded fonts have no picture meets neither, and shows boxes instead.
_STANDARDS: list[list[str]] = [["a-2a", "ua-1"], ["ua-1"], []]


@dataclass(frozen=True)
class Document:
    """What is on the pages: the title, a line below it, pairs of names and values, and the blocks of
    `accounts.markdown.to_blocks`. `made_at` is the time that the file claims to be from."""

    title: str
    language: str
    made_at: datetime
    author: str
    footer: str
    blocks: Sequence[Block]
    lead: str = ""
    facts: Sequence[tuple[str, str]] = ()


def make_pdf(document: Document) -> bytes:
    """The file. Raises `typst.TypstError` for a document that can't be set, which no text of a person causes."""
    at = document.made_at.astimezone(UTC)
    data = asdict(document) | {
        "title": visible(document.title),
        "footer": visible(document.footer),
        "facts": [(visible(name), visible(value)) for name, value in document.facts],
        "made_at": None,
        "date": {name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")},
    }
    for standards in _STANDARDS[:-1]:
        try:
            return _compile(data, at, standards)
        except typst.TypstError:
            continue
    return _compile(data, at, _STANDARDS[-1])


def _compile(data: dict[str, object], at: datetime, standards: list[str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="cxr-empty-") as nothing:
        compiler = typst.Compiler(
            _TEMPLATE,
            root=nothing,
            font_paths=_fonts(),
            ignore_system_fonts=True,
            package_path=nothing,
            package_cache_path=nothing,
            sys_inputs={"document": json.dumps(data)},
        )
        pdf = compiler.compile(format="pdf", timestamp=int(at.timestamp()), pdf_standards=standards)  # type: ignore[arg-type]
    if not isinstance(pdf, bytes):
        raise TypeError("Typst gave no file back.")
    return pdf


@cache
def _fonts() -> typst.Fonts:
    """The fonts that come with Typst, whatever the machine has besides: every machine makes the same bytes."""
    return typst.Fonts(include_system_fonts=False)
