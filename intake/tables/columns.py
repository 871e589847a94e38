"""The columns of a hospital's table and what people call them, in English and in Polish."""

import unicodedata

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FILENAME, UID, PATIENT, CLASS, SEX = "filename", "sop_instance_uid", "patient_key", "class", "sex"
AGE, BORN, TAKEN, SMOKE, PACKYEARS = "age", "birth_date", "examination_date", "smoke", "smoke_packyears"

# In the order of the templates; the first name is the one that the template of that language has.
HEADINGS: dict[str, dict[str, tuple[str, ...]]] = {
    FILENAME: {
        "en": ("filename", "file", "name of the file", "path", "file path", "relative path"),
        "pl": ("nazwa pliku", "plik", "ścieżka", "ścieżka pliku", "ścieżka do pliku"),
    },
    UID: {
        "en": ("sop_instance_uid", "sop uid", "instance uid"),
        "pl": ("sop instance uid", "uid obrazu", "identyfikator sop"),
    },
    PATIENT: {
        "en": ("patient_key", "patient", "patient id", "patient number"),
        "pl": ("klucz pacjenta", "pacjent", "id pacjenta", "nr pacjenta", "numer pacjenta", "identyfikator pacjenta"),
    },
    CLASS: {
        "en": ("class", "class id", "diagnosis", "group"),
        "pl": ("rozpoznanie", "klasa", "diagnoza", "grupa"),
    },
    SEX: {"en": ("sex", "gender"), "pl": ("płeć",)},
    AGE: {"en": ("age", "age in years"), "pl": ("wiek", "wiek w latach")},
    BORN: {"en": ("birth_date", "date of birth", "born", "dob"), "pl": ("data urodzenia", "data ur.", "ur.")},
    TAKEN: {
        "en": ("examination_date", "exam date", "date of examination", "study date", "acquisition date"),
        "pl": ("data badania", "data wykonania", "data zdjęcia"),
    },
    SMOKE: {
        "en": ("smoke", "smoking", "smoker"),
        "pl": ("palenie", "palenie tytoniu", "pali", "palacz", "palący"),
    },
    PACKYEARS: {"en": ("smoke_packyears", "pack years", "packyears"), "pl": ("paczkolata", "liczba paczkolat")},
}
COLUMNS = tuple(HEADINGS)
# What to write, for the template and the page.
HELP: dict[str, Promise] = {
    FILENAME: _("The file's name. Where several folders hold the same name, the folders before it too: ward3/0001.dcm"),
    UID: _("Instead of the name, for DICOM: the SOP Instance UID. It takes precedence over the name."),
    PATIENT: _("Your own patient number. It is not kept; a keyed code of it finds the same patient again."),
    CLASS: _("The diagnosis: label or number of the dataset's groups."),
    SEX: _("F or M"),
    AGE: _("Whole years. Over 89 is kept as 90."),
    BORN: _("Instead of the age: 1954-03-01 or 01.03.1954. It becomes an age and is dropped."),
    TAKEN: _("The day of the radiograph, to work out the age; without it the DICOM header's counts. It is dropped."),
    SMOKE: _("yes, no or former"),
    PACKYEARS: _("A number such as 12.5; point or comma."),
}
IDENTIFIERS = (FILENAME, UID)


def plain(text: str) -> str:
    """What is the same to people who write headings: case, accents, and how words are kept apart do not count."""
    letters = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l"))
    spaced = "".join(" " if letter in "_-.:\n" else letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(spaced.split())


_KNOWN = {
    plain(name): column for column, languages in HEADINGS.items() for names in languages.values() for name in names
}


def column(heading: str) -> str:
    """The column that a heading means; empty for none of ours."""
    return _KNOWN.get(plain(heading), "")


def headings(language: str) -> list[str]:
    """The template's headings, in Polish for `pl`, else in English."""
    return [names.get(language, names["en"])[0] for names in HEADINGS.values()]
