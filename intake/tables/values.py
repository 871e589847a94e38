"""What the cells of each column mean. Each reader returns the value, or raises `Wrong` with words that say what to
write instead."""

import re
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

Cell = str | date

OLDEST = 90  # ages above 89 are one group
_SEX = {"f": "F", "female": "F", "woman": "F", "k": "F", "kobieta": "F"}
_SEX |= {"m": "M", "male": "M", "man": "M", "mężczyzna": "M"}
_SMOKE = {"yes": "yes", "no": "no", "former": "former", "true": "yes", "false": "no", "never": "no"}
_SMOKE |= {"tak": "yes", "nie": "no", "były": "former", "była": "former", "byly": "former", "byla": "former"}
_SMOKE |= {"były palacz": "former", "w przeszłości": "former", "prawda": "yes", "fałsz": "no"}
# Day first, as in Poland and most of the world; with slashes nobody knows whether day or month comes first.
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d-%m-%Y", "%Y.%m.%d", "%Y/%m/%d", "%Y%m%d")
_SERIAL_FROM, _SERIAL_TO = 2200, 73050  # 1906-01-08 to 2099-12-31: below it a number may be a year
_SHORTENED = re.compile(r"\d([.,]\d+)?e\+\d+", re.IGNORECASE)
_MAX_PATIENT_KEY = 128


class Wrong(ValueError):  # noqa: N818 (the name says what the cell is)
    """The cell cannot be taken; the message is for the person who filled it in."""


def text(cell: Cell) -> str:
    """A cell that names something. Spreadsheet programs spoil such cells when they take them for numbers or dates."""
    if isinstance(cell, date):
        raise Wrong(_("The spreadsheet program has turned this into a date. Format the column as text, type it again."))
    if _SHORTENED.fullmatch(cell):
        raise Wrong(_("The spreadsheet program has shortened this number. Format the column as text, type it again."))
    return cell


def patient_key(cell: Cell) -> str:
    key = text(cell)
    if len(key) > _MAX_PATIENT_KEY:
        raise Wrong(_("A patient key has at most {count} characters.").format(count=_MAX_PATIENT_KEY))
    return key


def uid(cell: Cell) -> str:
    found = text(cell)
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)+", found) or len(found) > 64:  # PS3.5 9.1
        raise Wrong(_("This is no SOP Instance UID: digits and dots, at most 64."))
    return found


def sex(cell: Cell) -> str:
    found = _SEX.get(cell.casefold() if isinstance(cell, str) else "")
    if found is None:
        raise Wrong(_("Write F or M, or leave it empty."))
    return found


def smoke(cell: Cell) -> str:
    found = _SMOKE.get(cell.casefold() if isinstance(cell, str) else "")
    if found is None:
        raise Wrong(_("Write yes, no or former, or leave it empty."))
    return found


def age(cell: Cell) -> int:
    found = _number(cell)
    # The range first: int() of 1e999999999, ten characters in a cell, would not end in hours.
    if found is None or not 0 <= found <= 130 or found != int(found):
        raise Wrong(_("Write the age in whole years, from 0 to 130, or leave it empty."))
    return min(int(found), OLDEST)


def packyears(cell: Cell) -> Decimal:
    found = _number(cell)
    if found is None or not 0 <= found <= 300:
        raise Wrong(_("Write a number from 0 to 300, such as 12.5, or leave it empty."))
    return found.quantize(Decimal("0.1"))


def day(cell: Cell) -> date:
    """A date: of a date cell, written in one of several ways, or a spreadsheet's serial number (1900 date system)."""
    found = _written(cell) if isinstance(cell, str) else cell
    if found is None or not 1900 <= found.year <= 2100:
        raise Wrong(_("Write the date as 1954-03-01 or 01.03.1954, or leave it empty."))
    return found


def _written(cell: str) -> date | None:
    bare = re.sub(r"[T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?$", "", cell)
    if re.fullmatch(r"[0-9]{4,5}(\.0+)?", bare) and _SERIAL_FROM <= (serial := int(float(bare))) <= _SERIAL_TO:
        return date(1899, 12, 30) + timedelta(days=serial)
    for form in _DATES:
        if form == "%Y%m%d" and len(bare) != 8:
            continue  # strptime would take 1954-3-11 out of 1954311
        try:
            return datetime.strptime(bare, form).date()
        except ValueError:
            continue
    return None


def _number(cell: Cell) -> Decimal | None:
    try:
        number = Decimal(cell.replace(",", ".")) if isinstance(cell, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
