"""The flat walk over a header: what pydicom finds it finds, and nothing hostile gets it to hang, grow or crash."""

import contextlib
import struct
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_files
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.sr.codedict import codes as pydicoms

from imaging.deid import vocabulary
from imaging.formats import Refused
from imaging.formats.dictionary import ATTRIBUTES
from imaging.formats.header import MAX_ELEMENTS, Header, read

from .corpus import BIG, DEFLATED, EXPLICIT, IMPLICIT, native

SEQUENCE, ITEM, ITEM_END, END = (
    struct.pack("<HH2sHL", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF),
    struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF),
    struct.pack("<HHL", 0xFFFE, 0xE00D, 0),
    struct.pack("<HHL", 0xFFFE, 0xE0DD, 0),
)


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def header(*parts: bytes, syntax: str = EXPLICIT) -> Header:
    meta = element(0x00020010, b"UI", syntax.encode() + b"\x00" * (len(syntax) % 2))
    return read(BytesIO(b"\x00" * 128 + b"DICM" + meta + b"".join(parts)))


def test_the_dictionary_is_the_standards() -> None:
    for keyword, (tag, vr) in ATTRIBUTES.items():
        assert (tag_for_keyword(keyword), dictionary_VR(tag)) == (tag, vr)


def test_the_codes_are_the_standards() -> None:
    for cid, known in (("cid4009", vocabulary.ANATOMY), ("cid4010", vocabulary.VIEWS)):
        for concept in getattr(pydicoms, cid).concepts.values():
            assert known[concept.scheme_designator, concept.value] == concept.meaning


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_every_syntax_reads_the_same(tmp_path: Path, syntax: str) -> None:
    with native(tmp_path / "in.dcm", syntax).open("rb") as file:
        found = read(file)
    assert (found.text("PatientID"), found.text("PatientName")) == ("QPAT-770131", "Zażółćska^Gęślicka")
    assert (found.integer("Rows"), found.integer("BitsStored")) == (120, 12)
    assert [item.text("CodeValue") for item in found.items("ViewCodeSequence")] == ["272479007"]
    assert 0x00190010 in found.elements
    assert found.elements[0x00191001][1] == b""  # what no row can use is not even kept


def test_it_finds_what_pydicom_finds() -> None:
    compared = 0
    for name in get_testdata_files("*.dcm"):
        try:
            with Path(name).open("rb") as file:
                found = read(file)
            whole = pydicom.dcmread(name, stop_before_pixels=True)
        except (Refused, OSError, pydicom.errors.InvalidDicomError):
            continue
        expected = {int(element.tag) for element in whole.elements()}
        assert {tag for tag in found.elements if tag < 0x7FE00000} == {tag for tag in expected if tag < 0x7FE00000}
        assert found.text("SOPInstanceUID") == str(whole.get("SOPInstanceUID", ""))
        compared += 1
    assert compared > 50


def test_elements_behind_a_long_unknown_one_are_found() -> None:
    blob = struct.pack("<HH2sHL", 0x0009, 0x1001, b"OB", 0, 3_000_000) + bytes(3_000_000)
    found = header(element(0x00080060, b"CS", b"CR"), blob, element(0x00100020, b"LO", b"A1"))
    assert (found.text("Modality"), found.text("PatientID")) == ("CR", "A1")


def test_a_block_that_ends_with_an_element_is_not_the_end() -> None:
    start = 132 + 8 + len(EXPLICIT) + len(EXPLICIT) % 2
    fill = element(0x00400280, b"ST", b"x" * (64 * 1024 - start - 8))
    assert header(fill[: 64 * 1024 - start], element(0x00100020, b"LO", b"A1")).text("PatientID") == "A1"


def test_nested_sequences_without_lengths_are_passed_over() -> None:
    inner = element(0x00100020, b"LO", b"NO") + SEQUENCE + ITEM + element(0x00100020, b"LO", b"NO") + ITEM_END + END
    filler = element(0x00400280, b"ST", b"x" * 60_000) * 3  # beyond the first block
    found = header(SEQUENCE, ITEM, inner, filler, ITEM_END, END, element(0x00100020, b"LO", b"A1"))
    assert found.text("PatientID") == "A1"
    assert found.items("ViewCodeSequence") == []


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((SEQUENCE + ITEM) * 2000, "undecodable"),  # too deep
        (element(0x00400280, b"ST", b"") * (MAX_ELEMENTS + 1), "undecodable"),  # too many
        (SEQUENCE + (ITEM + ITEM_END) * (MAX_ELEMENTS + 1) + END, "undecodable"),
        (SEQUENCE + element(0x00400280, b"ST", b"") + END, "undecodable"),  # no item
        (SEQUENCE + ITEM + element(0x00400280, b"ST", b"abcd"), "truncated"),
        (struct.pack("<HH2sHL", 0x0009, 0x1001, b"OB", 0, 0xFFFFFFF0), "truncated"),
        (element(0x00400280, b"ST", b"abcd")[:-1], "truncated"),
    ],
)
def test_hostile_headers_are_refused(parts: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        header(parts)
    assert refused.value.code == code


@settings(deadline=None, max_examples=150)
@given(at=st.integers(132, 1600), change=st.binary(min_size=1, max_size=6))
def test_changed_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, at: int, change: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "planted.dcm"
    data = path.read_bytes() if path.exists() else native(path).read_bytes()
    with contextlib.suppress(Refused):
        read(BytesIO(data[:at] + change + data[at + len(change) :])).items("ViewCodeSequence")
