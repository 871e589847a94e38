"""Texts of agreements: CommonMark without HTML and pictures, links to the web and to addresses only.

`to_html` and `to_blocks` (for the PDF) walk the same tokens, so both show the same text. Whatever somebody writes is
shown as words: no markup of a browser or of the PDF's typesetter comes through."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

Block = dict[str, Any]

MAX_CHARACTERS = 100_000
_MAX_DEPTH = 14  # of what is in what; the typesetter's recursion is limited
_MAX_BRACKETS = 2_000  # the parser's time grows with their square
_LINK = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
# Explicit directions can make a line read otherwise than it is stored (Unicode TR 36, "Trojan Source").
_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    """`text` with U+FFFD for what can't be seen: control characters except line feed and tab, explicit directions,
    lone surrogates and code points that are no characters."""
    return "".join("\ufffd" if _hidden(character) else character for character in text)


def _hidden(character: str) -> bool:
    if character in "\n\t":
        return False
    return (
        character in _DIRECTIONS
        or unicodedata.category(character) in ("Cc", "Cs")
        or (ord(character) & 0xFFFE) == 0xFFFE
    )


def is_plain(text: str) -> bool:
    """Whether the text is too long or too intricate to be laid out, so that it is shown as it was typed."""
    return _parse(text) is None


def to_html(text: str, heading_level: int = 2) -> SafeString:
    """Safe HTML; the text's headings begin at `heading_level` and skip no level."""
    html = _parser.renderer.render(_tokens(text, heading_level), _parser.options, {})
    return SafeString(html)  # markdown-it escapes all text; neither HTML nor other links come through


def to_blocks(text: str, heading_level: int = 2) -> list[Block]:
    """The same tree as plain data: `{"type", "children"}`, with `text`, `level`, `start` or `url` where it has one."""
    return _nodes(SyntaxTreeNode(_tokens(text, heading_level)))


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 2 * _MAX_DEPTH}).disable("image")
    parser.validateLink = lambda url: _LINK.match(url) is not None  # type: ignore[method-assign]
    return parser


_parser = _make_parser()


def _tokens(text: str, heading_level: int) -> list[Token]:
    text = visible(text)
    tokens = _parse(text)
    if tokens is None:
        return [Token("code_block", "code", 0, content=text, block=True)]
    last = heading_level - 1
    for token in tokens:
        if token.type == "heading_open":
            last = min(int(token.tag[1]) + heading_level - 1, last + 1, 6)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{last}"
    return tokens


def _parse(text: str) -> list[Token] | None:
    if len(text) > MAX_CHARACTERS or text.count("[") > _MAX_BRACKETS:
        return None
    tokens = _parser.parse(text)
    return None if any(token.level > _MAX_DEPTH for token in _every(tokens)) else tokens


def _every(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


def _nodes(parent: SyntaxTreeNode) -> list[Block]:
    nodes: list[Block] = []
    for node in parent.children:
        if node.type == "inline":
            nodes.extend(_nodes(node))
            continue
        found: Block = {"type": node.type, "children": _nodes(node)}
        if node.type in ("text", "code_inline", "code_block", "fence"):
            found["text"] = node.content
        elif node.type == "heading":
            found["level"] = int(node.tag[1])
        elif node.type == "ordered_list":
            found["start"] = int(node.attrs.get("start", 1))
        elif node.type == "link":
            found["url"] = str(node.attrs["href"])
        nodes.append(found)
    return nodes
