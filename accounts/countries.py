"""The countries of ISO 3166-1 with their names, from Babel's CLDR data."""

from babel import Locale

# Territories of CLDR that are two letters long but no ISO 3166-1 country.
_NOT_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
_NAMES = Locale("en").territories

COUNTRIES: list[tuple[str, str]] = sorted(
    (
        (code, name)
        for code, name in _NAMES.items()
        if len(code) == 2 and code.isalpha() and code not in _NOT_COUNTRIES
    ),
    key=lambda pair: pair[1],
)


def localized(language: str) -> list[tuple[str, str]]:
    """The same codes with their names in `language` ("en", "pl"), in that language's alphabetical order by name."""
    names = Locale.parse(language, sep="-").territories
    return sorted(((code, names.get(code, name)) for code, name in COUNTRIES), key=lambda pair: pair[1])
