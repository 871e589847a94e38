"""The table against DICOM PS3.15 Table E.1-1: no row contradicts the Basic Profile with the options that we declare."""

import csv
import re
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from imaging.deid import deidentify, pseudonym
from imaging.deid.rules import Age, Fixed, Terms, Uid
from imaging.deid.table import DATES, TABLE, WRITTEN, Row

from .corpus import CR, DX, EXPLICIT, KEY, found
from .corpus.headers import E1_1, secret
from .corpus.secrets import Planter
from .corpus.writer import File, Node

PATIENT = pseudonym(KEY, "1", "QPAT-770131", "SZPITAL-QX")
_MOVED = {word for pair in DATES for word in pair}


def profile() -> dict[str, dict[str, str]]:
    """Keyword (tag where it has none) -> the row of Table E.1-1."""
    with E1_1.open() as file:
        return {
            row["keyword"] or row["tag"]: row
            for row in csv.DictReader(line for line in file if not line.startswith("#"))
        }


PROFILE = profile()


def test_the_data_are_whole() -> None:
    assert len(PROFILE) == 656
    assert {action for row in PROFILE.values() for action in re.split("[/*]+", row["basic"])} == {*"XZDU", ""}
    assert {row["characteristics"] for row in PROFILE.values()} == {"", "K", "C"}


@pytest.mark.parametrize("row", [row for row in TABLE if row.keyword in PROFILE], ids=lambda row: row.keyword)
def test_a_permitted_attribute_may_stay(row: Row) -> None:
    """X and Z: never the value of the source, unless an option that is declared keeps or cleans it. D: a dummy. U: a
    new UID."""
    listed = PROFILE[row.keyword]
    if listed["basic"].startswith("U") or "U" in listed["basic"].split("/"):
        assert isinstance(row.rule, Uid)
    elif listed["characteristics"]:
        assert isinstance(row.rule, Age | Terms | Fixed)
    elif listed["modified_dates"]:
        assert row.keyword in _MOVED
    elif listed["clean_descriptors"]:
        # 113105 allows what is left of a description after cleaning: here only words of a vocabulary, never text.
        assert hasattr(row.rule, "terms") or hasattr(row.rule, "known") or isinstance(row.rule, Fixed)
    else:
        # Neither the source's value nor anything made from it: the same for every file.
        assert isinstance(row.rule, Fixed)


def test_dates_are_moved_under_the_option() -> None:
    assert {word for word in _MOVED if word in PROFILE and PROFILE[word]["modified_dates"] != "C"} == set()


def test_what_the_engine_writes_itself_is_a_dummy_or_new() -> None:
    actions = {word: PROFILE[word]["basic"] for word in WRITTEN if word in PROFILE}
    assert actions.keys() <= {
        "SOPInstanceUID", "PatientName", "PatientID", "DeidentificationMethod", "DeidentificationMethodCodeSequence",
    }  # fmt: skip
    assert {word for word, action in actions.items() if "X" in action} == set()


@pytest.mark.parametrize("sop_class", [CR, DX])
def test_none_of_the_listed_attributes_comes_out_as_it_was(tmp_path: Path, sop_class: str) -> None:
    """One file with a secret in each of the 656 rows."""
    planter, file = Planter(f"profile{sop_class}"), File(sop_class, EXPLICIT)
    for word, listed in PROFILE.items():
        tags = [listed["tag"].replace("x", "0")] if "x" in listed["tag"] else [listed["tag"]]
        if listed["tag"] == "private":
            tags = ["00090010", "00091001"]
        if listed["tag"].startswith("0002") or listed["keyword"] == "SOPClassUID":
            continue
        for tag in tags:
            number = int(tag, 16)
            vr = "LO"
            if number >> 24 not in (0x50, 0x60) and not number >> 16 & 1:
                vr = _vr(number)
            file.put(Node(number, vr, secret(planter, number, vr, word)))
    source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
    source.write_bytes(file.bytes())
    assert {plant.kind for plant in found(source.read_bytes(), planter.plants)} >= PROFILE.keys() - {
        "MediaStorageSOPInstanceUID", "SOPInstanceUID",
    }  # fmt: skip
    report = deidentify(source, target, key=KEY, key_id="test", hospital=1, patient=PATIENT)
    assert found(target.read_bytes() + repr(report.as_dict()).encode(), planter.plants) == []
    output = pydicom.dcmread(target)
    declared = {item.CodeValue for item in output.DeidentificationMethodCodeSequence}
    assert declared == {"113100", "113105", "113107", "113108"}
    left = {element.keyword for element in output if element.keyword in PROFILE and element.value}
    allowed = {row.keyword for row in TABLE} | set(WRITTEN) | _MOVED
    assert left <= allowed
    removed = {word for word, row in PROFILE.items() if row["basic"] == "X" and not row["modified_dates"]}
    assert left & removed <= {word for word in removed if PROFILE[word]["characteristics"] == "K"}


def test_every_row_is_an_attribute_of_the_standard() -> None:
    assert {row.keyword for row in TABLE if tag_for_keyword(row.keyword) is None} == set()
    assert all(row.why for row in TABLE)


def _vr(tag: int) -> str:
    try:
        return str(dictionary_VR(tag)).split(" or ")[0]
    except KeyError:
        return "UN"
