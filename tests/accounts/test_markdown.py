"""Texts that somebody wrote are words, on the page and on paper."""

import pytest

from accounts.markdown import MAX_CHARACTERS, is_plain, to_blocks, to_html, visible


def test_common_markup_is_laid_out() -> None:
    html = to_html("# Rules\n\nYou **may** look.\n\n1. one\n2. two\n\n[here](https://example.org/?a=1&b=2)")
    assert "<h2>Rules</h2>" in html
    assert "<strong>may</strong>" in html
    assert "<ol>\n<li>one</li>" in html
    assert '<a href="https://example.org/?a=1&amp;b=2">here</a>' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](//evil.example/)",
        "[x](/manage/people/)",
        "![x](https://evil.example/pixel.png)",
        "<javascript:alert(1)>",
        "[x]: javascript:alert(1)\n\n[x]",
        "[x](vbscript:x)",
        "```\n</code></pre><script>alert(1)</script>\n```",
    ],
)
def test_nothing_but_words_comes_through(text: str) -> None:
    html = to_html(text).lower()
    for forbidden in (
        "<script",
        "<img",
        'href="javascript',
        'href="data',
        'href="vbscript',
        'href="/',
        "onerror=alert(1)>",
    ):
        assert forbidden not in html


def test_headings_begin_where_the_page_needs_them_and_skip_no_level() -> None:
    html = to_html("### Deep\n\n# Top\n\n###### Deeper", heading_level=3)
    assert "<h3>Deep</h3>" in html
    assert "<h3>Top</h3>" in html
    assert "<h4>Deeper</h4>" in html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc \u202eevil\u202c", "abc \ufffdevil\ufffd"),
        ("a\x00b\x07c\x7f", "a\ufffdb\ufffdc\ufffd"),
        ("\u2066x\u2069", "\ufffdx\ufffd"),
        ("\ud800 \uffff", "\ufffd \ufffd"),
        ("Zażółć\n\tgęślą – שלום", "Zażółć\n\tgęślą – שלום"),
    ],
)
def test_what_cant_be_seen_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert "\u202e" not in to_html(text)
    assert "\x00" not in to_html(text)


@pytest.mark.parametrize("text", ["> " * 60 + "x", "1. " * 5_000 + "x", "[" * 5_000, "a" * (MAX_CHARACTERS + 1)])
def test_what_is_too_intricate_is_shown_as_it_was_typed(text: str) -> None:
    assert is_plain(text)
    assert to_html(text).startswith("<pre><code>")
    assert [block["type"] for block in to_blocks(text)] == ["code_block"]
    assert to_blocks(text)[0]["text"] == text


def test_the_tree_for_paper_has_the_same_words() -> None:
    heading, paragraph = to_blocks("# A *b*\n\n[c](https://example.org/) `d`")
    assert (heading["type"], heading["level"]) == ("heading", 2)
    assert heading["children"][0]["text"] == "A "
    link, space, code = paragraph["children"]
    assert (link["type"], link["url"], link["children"][0]["text"]) == ("link", "https://example.org/", "c")
    assert (space["text"], code["text"]) == (" ", "d")
