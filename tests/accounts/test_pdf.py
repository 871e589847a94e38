"""PDF files: the text as it is, whatever it says; accessible; the same bytes every time."""

import re
import zlib
from datetime import UTC, datetime

import pytest

from accounts.markdown import to_blocks
from accounts.pdf import Document, make_pdf


def _pdf(text: str, **changes: object) -> bytes:
    values = {
        "title": "Umowa o użyciu danych",
        "language": "pl",
        "made_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "author": "CXR Commons",
        "footer": "dua 1",
        "blocks": to_blocks(text),
    }
    return make_pdf(Document(**{**values, **changes}))  # type: ignore[arg-type]


def _everything(pdf: bytes) -> bytes:
    """The file with its compressed streams opened."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    opened = []
    for stream in streams:
        try:
            opened.append(zlib.decompress(stream))
        except zlib.error:
            opened.append(stream)
    return pdf + b"\n".join(opened)


def _words(pdf: bytes) -> str:
    """The text as a reader of the file copies it out: glyph numbers through the fonts' tables (ToUnicode)."""
    content = _everything(pdf)
    table: dict[str, str] = {}
    for line in re.findall(rb"<([0-9a-fA-F]{4})> <([0-9a-fA-F]+)>", content):
        table[line[0].decode().lower()] = bytes.fromhex(line[1].decode()).decode("utf-16-be", "replace")
    return "".join(sorted(set("".join(table.values()))))


def test_the_file_says_what_it_is_and_in_which_language() -> None:
    content = _everything(_pdf("# Reguły\n\nZażółć gęślą jaźń."))
    assert content.startswith(b"%PDF-")
    assert b"/Lang" in content
    assert b"pl" in content
    assert b"pdfuaid:part" in content
    assert b"pdfaid:part" in content
    assert b"/StructTreeRoot" in content
    assert b"/FontFile" in content
    assert "Umowa o użyciu danych".encode() in content  # XMP metadata
    assert "ż" in _words(_pdf("Zażółć gęślą jaźń."))


def test_the_same_document_is_the_same_file() -> None:
    assert _pdf("Text *with* words.") == _pdf("Text *with* words.")
    assert _pdf("Text *with* words.") != _pdf("Text *with* other words.")


@pytest.mark.parametrize(
    "text",
    [
        '#read("/etc/passwd")',
        '#{ read("/etc/passwd") }',
        '#include "/etc/passwd"',
        '#import "@preview/cetz:0.3.0"',
        '#image("/etc/passwd")',
        '") #read("/etc/passwd") #("',
        "$ integral $ *a _b @c <d> \\ ] } ) ` ``` /* // ~ --- '",
        '```\n#read("/etc/passwd")\n```',
        "`#panic()`",
        "# #panic()\n\n- #panic()\n\n> #panic()",
        '[#panic()](https://example.org/#panic"))',
        "\u202eevil \x00 \ud800 \uffff",
        "中文 😀 no picture of these",
        "#\n\n- \n\n>\n\n[](https://example.org/)",
        "> " * 60 + "x",
        "  ".join(["- x\n" * 200]),
    ],
)
def test_hostile_text_is_only_text(text: str) -> None:
    content = _everything(_pdf(text, title=text[:100], facts=[("Name", text)], footer=text[:80]))
    assert content.startswith(b"%PDF-")
    assert b"root:" not in content
    assert b"/JavaScript" not in content
    assert b"/Launch" not in content
    assert b"/EmbeddedFile" not in content


def test_a_megabyte_of_text_is_set() -> None:
    assert _pdf("word " * 200_000).startswith(b"%PDF-")


def test_as_much_nesting_as_is_laid_out_can_be_set() -> None:
    for depth in range(4, 20):
        for text in ("> " * depth + "x", "\n".join("  " * level + "- x" for level in range(depth))):
            assert b"/StructTreeRoot" in _everything(_pdf(text))


def test_only_links_to_the_web_and_to_addresses_are_links() -> None:
    content = _everything(_pdf("[a](https://example.org/a) [b](javascript:alert(1)) [c](file:///etc/passwd)"))
    assert re.findall(rb"/URI ?\((.*?)\)", content) == [b"https://example.org/a"]
