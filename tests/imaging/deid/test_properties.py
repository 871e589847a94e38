"""What holds for every file: idempotent, consistent, readable, no secret, nothing outside the table; or Refused."""

import re
from datetime import datetime
from pathlib import Path

import pydicom
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from imaging.deid import deidentify, pseudonym
from imaging.deid.table import DATES, TABLE, WRITTEN
from imaging.formats import Refused

from .corpus import BIG, CR, DEFLATED, DX, EXPLICIT, IMPLICIT, KEY, SC, Plant, all_cases, found
from .corpus.headers import VRS
from .corpus.writer import File, Item, Node, node

PATIENT = pseudonym(KEY, "1", "QPAT-770131", "SZPITAL-QX")
PERMITTED = {tag_for_keyword(word) for word in (*WRITTEN, *(row.keyword for row in TABLE), *sum(DATES, ()))}
# What a permitted sequence may hold: codes (PS3.3 8.8), lookup tables (C.11).
INSIDE = {"CodeValue", "CodingSchemeDesignator", "CodeMeaning", "ViewModifierCodeSequence", "LUTDescriptor", "LUTData",
          "ModalityLUTType"}  # fmt: skip
MANY = settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)  # fmt: skip


def run(data: bytes, folder: Path, name: str = "out") -> bytes | None:
    """What is written, None when refused."""
    source, target = folder / "in", folder / name
    source.write_bytes(data)
    try:
        deidentify(source, target, key=KEY, key_id="test", hospital=1, patient=PATIENT)
    except Refused:
        return None
    return target.read_bytes()


def check_inside(dataset: Dataset, path: Path) -> None:
    for element in dataset:
        assert element.tag in PERMITTED, (path.name, element.tag)
        if element.VR == "SQ":
            for item in element.value:
                for inner in item.iterall():
                    assert inner.keyword in INSIDE, (path.name, inner.tag)


secrets = st.text(alphabet="BCDFGHJKLMNPQRSTVWXZ", min_size=12, max_size=12)


@st.composite
def nodes(draw: st.DrawFn, secret: str, depth: int = 3) -> Node:
    """An element of any tag and VR whose value holds the secret, whole, doubled, cut in items or behind something."""
    group = draw(st.one_of(st.sampled_from([0x0008, 0x0010, 0x0018, 0x0020, 0x0028, 0x0032, 0x0040, 0x0054]),
                           st.integers(0x0008, 0x7FDF)))  # fmt: skip
    known = draw(st.booleans())
    tag = draw(st.sampled_from(sorted(PERMITTED - SHAPE))) if known else group << 16 | draw(st.integers(0, 0xFFFF))
    vr = draw(st.sampled_from(VRS))
    if vr == "SQ" and depth:
        items: list[Item] = draw(
            st.lists(st.lists(nodes(secret, depth - 1), max_size=3, unique_by=lambda one: one.tag), max_size=2)
        )
        undefined = draw(st.booleans())
        return Node(tag, vr, [sorted(item, key=lambda one: one.tag) for item in items], undefined)
    before = draw(st.sampled_from(["", "1\\", "CHEST ", "20210310", "F\x00", "0.", "\x1b$B"]))
    after = draw(st.sampled_from(["", "\\1", " ", "\x00\x00", "^"]))
    return Node(tag, "LO" if vr == "SQ" else vr, before + secret + after)


SHAPE = {
    tag_for_keyword(word)
    for word in (
        "SOPClassUID", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
        "SamplesPerPixel", "PhotometricInterpretation", "PixelData",
    )
}  # fmt: skip


@given(data=st.data(), secret=secrets, syntax=st.sampled_from([EXPLICIT, IMPLICIT, BIG, DEFLATED]),
       sop_class=st.sampled_from([CR, DX, SC]))  # fmt: skip
@MANY
def test_a_random_element_never_leaks(
    tmp_path: Path, data: st.DataObject, secret: str, syntax: str, sop_class: str
) -> None:
    file = File(sop_class, syntax)
    file.put(*data.draw(st.lists(nodes(secret), min_size=1, max_size=6)))
    written = run(file.bytes(), tmp_path)
    if written is not None:
        assert found(written, [Plant("random", secret, False)]) == []
        check_inside(pydicom.dcmread(tmp_path / "out"), tmp_path)
        assert run(written, tmp_path, "again") == written


@given(values=st.dictionaries(st.sampled_from([row.keyword for row in TABLE]), st.text(max_size=20), max_size=12))
@MANY
def test_any_text_in_permitted_attributes(tmp_path: Path, values: dict[str, str]) -> None:
    """What is written can be read, is ASCII, and goes through again unchanged."""
    file = File(CR)
    for keyword, value in values.items():
        plain = node(keyword, b"")
        if plain.tag not in SHAPE and plain.vr != "SQ":
            file.put(Node(plain.tag, plain.vr, value.encode()))
    written = run(file.bytes(), tmp_path)
    assert written is not None
    check_inside(pydicom.dcmread(tmp_path / "out"), tmp_path)
    assert run(written, tmp_path, "again") == written


@given(days=st.lists(st.dates(datetime(1990, 1, 1).date(), datetime(2026, 1, 1).date()), min_size=2, max_size=5))
@MANY
def test_intervals_within_a_patient_are_kept(tmp_path: Path, days: list[datetime]) -> None:
    before, after, uids = [], [], []
    for number, day in enumerate(days):
        file = File(CR)
        file.put(
            node("StudyDate", f"{day:%Y%m%d}"), node("StudyTime", "093000"), node("SOPInstanceUID", f"1.2.3.{number}")
        )
        assert run(file.bytes(), tmp_path) is not None
        found = pydicom.dcmread(tmp_path / "out")
        before.append(datetime(day.year, day.month, day.day, 9, 30))
        after.append(datetime.strptime(found.StudyDate + found.StudyTime, "%Y%m%d%H%M%S"))
        uids.append((found.StudyInstanceUID, found.SeriesInstanceUID, found.SOPInstanceUID, found.PatientID))
    assert {old - new for old, new in zip(before, after, strict=True)} == {before[0] - after[0]}
    assert before[0] > after[0]
    assert len({study for study, _, _, _ in uids}) == len({series for _, series, _, _ in uids}) == 1
    assert len({instance for _, _, instance, _ in uids}) == len(days)
    assert {patient for _, _, _, patient in uids} == {PATIENT[:16]}


@given(
    uid=st.lists(st.integers(0, 10**12), min_size=1, max_size=5).map(lambda parts: "1.2." + ".".join(map(str, parts)))
)
@MANY
def test_uids_are_legal_and_of_128_bits(tmp_path: Path, uid: str) -> None:
    assume(len(uid) <= 64)
    file = File(CR)
    file.put(node("StudyInstanceUID", uid))
    assert run(file.bytes(), tmp_path) is not None
    found = str(pydicom.dcmread(tmp_path / "out").StudyInstanceUID)
    assert re.fullmatch(r"2\.25\.(0|[1-9]\d*)", found)
    assert int(found[5:]) < 1 << 128
    assert uid not in (tmp_path / "out").read_bytes().decode("latin-1")


@given(junk=st.binary(max_size=400), place=st.integers(0, 60))
@MANY
def test_junk_is_refused_or_harmless(tmp_path: Path, junk: bytes, place: int) -> None:
    """Whatever stands among the elements, nothing but Refused is raised."""
    file = File(DX)
    ordered = sorted(file.nodes)
    file.put(Node(ordered[min(place, len(ordered) - 1)], "UN", junk))
    run(file.bytes(), tmp_path)
    data = file.bytes()
    run(data[: 132 + place] + junk + data[132 + place :], tmp_path)


def test_a_second_pass_changes_nothing_over_the_corpus(tmp_path: Path) -> None:
    count = 0
    for case in all_cases()[::9]:
        written = run(case.data, tmp_path)
        if written is not None:
            count += 1
            assert run(written, tmp_path, "again") == written, case.name
    assert count > 40


def test_no_attribute_outside_the_table_over_the_corpus(tmp_path: Path) -> None:
    for case in all_cases()[::5]:
        if case.extension == "dcm" and run(case.data, tmp_path) is not None:
            check_inside(pydicom.dcmread(tmp_path / "out"), tmp_path)
