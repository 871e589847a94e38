"""The countries of ISO 3166-1 with their names, from Babel's CLDR data."""

import unicodedata

from babel import Locale

# Territories of CLDR that are two letters long but no ISO 3166-1 country.
_NOT_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
_NAMES = Locale("en").territories

COUNTRIES: list[tuple[str, str]] = sorted(
    ((code, name) for code, name in _NAMES.items() if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES),
    key=lambda pair: pair[1],
)


def _alphabetical(pair: tuple[str, str]) -> tuple[str, str]:
    """Letters with marks stand by the plain ones: Łotwa comes after Luksemburg, not after Zimbabwe."""
    plain = unicodedata.normalize("NFKD", pair[1].replace("ł", "l~").replace("Ł", "L~").replace("Ś", "S~"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold(), pair[1]


def localized(language: str) -> list[tuple[str, str]]:
    """The same codes with their names in `language` ("en", "pl"), in alphabetical order by name."""
    names = Locale.parse(language, sep="-").territories
    return sorted(((code, names.get(code, name)) for code, name in COUNTRIES), key=_alphabetical)


def country_name(code: str, language: str) -> str:
    """The name of the country `code` in `language`; empty where it is unknown."""
    return str(Locale.parse(language, sep="-").territories.get(code, "")) if code else ""
