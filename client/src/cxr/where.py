"""``--where``: which rows of the metadata are meant, e.g. ``sex=F and age>60 and not class in (NORMAL, "COVID-19")``.

    expression := conjunction ("or" conjunction)*
    conjunction := term ("and" term)*
    term := "not" term | "(" expression ")" | column test
    test := ("=" | "!=" | "<" | "<=" | ">" | ">=") value | "in" "(" value ("," value)* ")" | "is" ("known" | "unknown")

A value is a number, a word, or text in quotes. Numbers compare as numbers, text without regard to case. What is unknown
(an empty cell) passes no comparison, neither ``=`` nor ``!=``; ask for it by ``is unknown``. Nothing is ever executed.
"""

import operator
import re
from collections.abc import Callable, Collection, Mapping

Row = Mapping[str, str]
Test = Callable[[Row], bool]

_TOKEN = re.compile(r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<sign><=|>=|!=|==|[=<>(),])|(?P<word>[^\s"'<>=!(),]+))""")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class WhereError(ValueError):
    """What is written is no condition; the message says where and why."""


def condition(text: str, columns: Collection[str]) -> Test:
    """A test of rows, whose ``columns`` are given. Raises WhereError."""
    return _Parser(text, columns).parse()


class _Parser:
    def __init__(self, text: str, columns: Collection[str]) -> None:
        self._columns = {column.lower(): column for column in columns}
        self._tokens: list[tuple[str, str, int]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise WhereError(f"--where: {text[at:].strip()[:20]!r} is not understood (character {at + 1}).")
            kind = match.lastgroup
            value = match[kind][1:-1] if kind == "text" else match[kind]
            self._tokens.append((kind, value, match.start(kind) + 1))
            at = match.end()
        self._next = 0

    def parse(self) -> Test:
        test = self._expression()
        if self._next < len(self._tokens):
            raise self._wrong("and, or, or the end")
        return test

    def _expression(self) -> Test:
        tests = [self._conjunction()]
        while self._took("word", "or"):
            tests.append(self._conjunction())
        return lambda row: any(test(row) for test in tests)

    def _conjunction(self) -> Test:
        tests = [self._term()]
        while self._took("word", "and"):
            tests.append(self._term())
        return lambda row: all(test(row) for test in tests)

    def _term(self) -> Test:
        if self._took("word", "not"):
            negated = self._term()
            return lambda row: not negated(row)
        if self._took("sign", "("):
            inner = self._expression()
            if not self._took("sign", ")"):
                raise self._wrong("a closing bracket")
            return inner
        column = self._column()
        if self._took("word", "is"):
            for word, known in (("known", True), ("unknown", False)):
                if self._took("word", word):
                    return lambda row: bool(row.get(column)) == known
            raise self._wrong("known or unknown")
        if self._took("word", "in"):
            values = self._values()
            return lambda row: any(_holds("=", row.get(column, ""), value) for value in values)
        for sign in _SIGNS:
            if self._took("sign", sign):
                value = self._value()
                return lambda row: _holds(sign, row.get(column, ""), value)
        raise self._wrong("=, !=, <, <=, >, >=, in or is")

    def _column(self) -> str:
        kind, word, _at = self._here()
        if kind != "word" or word.lower() not in self._columns:
            raise self._wrong(f"one of the columns {', '.join(self._columns.values())}")
        self._next += 1
        return self._columns[word.lower()]

    def _values(self) -> list[str]:
        if not self._took("sign", "("):
            raise self._wrong("an opening bracket")
        values = [self._value()]
        while self._took("sign", ","):
            values.append(self._value())
        if not self._took("sign", ")"):
            raise self._wrong("a closing bracket")
        return values

    def _value(self) -> str:
        kind, value, _at = self._here()
        if kind not in ("word", "text"):
            raise self._wrong("a value")
        self._next += 1
        return value

    def _here(self) -> tuple[str, str, int]:
        return self._tokens[self._next] if self._next < len(self._tokens) else ("end", "", 0)

    def _took(self, kind: str, word: str) -> bool:
        found, value, _at = self._here()
        if found == kind and value.lower() == word:
            self._next += 1
            return True
        return False

    def _wrong(self, expected: str) -> WhereError:
        kind, value, at = self._here()
        found = "the end" if kind == "end" else f"{value!r} (character {at})"
        return WhereError(f"--where: {expected} expected, not {found}.")


def _holds(sign: str, cell: str | None, value: str) -> bool:
    if not cell:
        return False
    numbers = _number(cell), _number(value)
    if numbers[0] is not None and numbers[1] is not None:
        return _SIGNS[sign](numbers[0], numbers[1])
    compare: Callable[[str, str], bool] = _SIGNS[sign]  # type: ignore[assignment]
    return compare(cell.casefold(), value.casefold())


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
