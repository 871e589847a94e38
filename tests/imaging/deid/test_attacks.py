"""What a hostile sender would try: values that validate but spell a name, forged proofs, files without end."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from imaging.deid import deidentify
from imaging.deid.painting import settle
from imaging.formats import Refused, jpeg, jpeg2000, rle
from imaging.formats.pixeldata import Encapsulated
from tests.imaging.deid.test_painting import J2K, encoded, picture

from .corpus import IMPLICIT, KEY, native

NAME = b"JAN KOWALSKI 85010112345"


def run(source: Path, target: Path, **options: object) -> Dataset:
    deidentify(source, target, **{"key": KEY, "key_id": "t", "hospital": 1, "patient": None, **options})
    return pydicom.dcmread(target)


def lut(entries: list[int]) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "US", [len(entries), 0, 16])
    item.add_new(0x00283006, "US", entries)
    return item


@pytest.mark.parametrize("spelled", ["short", "many"])
def test_lookup_tables_do_not_spell(tmp_path: Path, spelled: str) -> None:
    words = np.frombuffer(NAME, "<u2").tolist()
    tables = {"short": [lut([word]) for word in words[:6]], "many": [lut([word] * 64) for word in words]}[spelled]
    native(tmp_path / "in.dcm", change=lambda plain: setattr(plain, "VOILUTSequence", Sequence(tables)))
    assert "VOILUTSequence" not in run(tmp_path / "in.dcm", tmp_path / "out.dcm")


def with_segment(frame: bytes, marker: int, change: Callable[[bytes], bytes]) -> bytes:
    """The codestream with the body of a segment changed."""
    at = frame.index(marker.to_bytes(2)) + 2
    length = int.from_bytes(frame[at : at + 2])
    body = change(frame[at + 2 : at + length])
    return frame[:at] + (len(body) + 2).to_bytes(2) + body + frame[at + length :]


def large_tile(siz: bytes) -> bytes:
    return siz[:18] + NAME[4:12] + siz[26:]


def offset(siz: bytes) -> bytes:
    start = b"\x00WAL"
    moved = [int.from_bytes(siz[at : at + 4]) + int.from_bytes(start) for at in (2, 6)]
    ends = b"".join(value.to_bytes(4) for value in moved)
    return siz[:2] + ends + start * 2 + ends + start * 2 + siz[34:]


def reserved_bits(qcd: bytes) -> bytes:
    return qcd[:1] + bytes(value | bit % 8 for value, bit in zip(qcd[1:], NAME * 4, strict=False))


def capabilities(frame: bytes) -> bytes:
    body = (0xFFF).to_bytes(4) + NAME
    at = frame.index(b"\xff\x52")
    return frame[:at] + b"\xff\x50" + (len(body) + 2).to_bytes(2) + body + frame[at:]


def overridden(frame: bytes) -> bytes:
    """QCC says for the only component what QCD says, whose values then mean nothing."""
    at = frame.index(b"\xff\x5c")
    body = frame[at + 4 : at + 2 + int.from_bytes(frame[at + 2 : at + 4])]
    name = body[:1] + NAME[: len(body) - 1].ljust(len(body) - 1)
    frame = with_segment(frame, 0xFF5C, lambda _: name)
    end = at + 4 + len(body)
    return frame[:end] + b"\xff\x5d" + (len(body) + 3).to_bytes(2) + b"\x00" + body + frame[end:]


HIDING: dict[str, Callable[[bytes], bytes]] = {
    "tile size": lambda frame: with_segment(frame, 0xFF51, large_tile),
    "offset": lambda frame: with_segment(frame, 0xFF51, offset),
    "reserved bits": lambda frame: with_segment(frame, 0xFF5C, reserved_bits),
    "capabilities": capabilities,
    "overridden": overridden,
}


@pytest.mark.parametrize("change", HIDING.values(), ids=HIDING)
def test_parameters_of_jpeg_2000_do_not_spell(change: Callable[[bytes], bytes]) -> None:
    honest, layout = encoded(picture(12), J2K, 12)
    hiding = change(honest)
    assert hiding != honest
    try:
        found, done = settle(Encapsulated(jpeg2000.clean(hiding).data, J2K, layout, []), ())
    except Refused:  # the decoder cannot be deceived so
        return
    assert isinstance(found, Encapsulated)
    assert done == "same values, compressed anew"
    assert jpeg2000.clean(found.frame).plain


def test_precincts_of_jpeg_2000_do_not_spell() -> None:
    """Written by hand into COD: their sizes may be any byte, and a coder would honour them."""
    honest, layout = encoded(picture(12), J2K, 12)

    def precincts(cod: bytes) -> bytes:
        return bytes([cod[0] | 1]) + cod[1:] + NAME[: cod[5] + 1]

    assert not jpeg2000.clean(with_segment(honest, 0xFF52, precincts)).plain
    square = with_segment(honest, 0xFF52, lambda cod: bytes([cod[0] | 1]) + cod[1:] + b"\xff" * (cod[5] + 1))
    assert jpeg2000.clean(square).plain
    assert settle(Encapsulated(square, J2K, layout, []), ())[1] == "copied without decoding"


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def endless_png() -> bytes:
    out = BytesIO()
    Image.fromarray(picture(8)).save(out, "PNG")
    whole = out.getvalue()
    return whole[:33] + chunk(b"qxQx", b"") * 100_001 + whole[33:]


def directory(entries: int) -> bytes:
    """A TIFF directory whose tags all have the same 64 KiB for their value."""
    fields = b"".join(struct.pack("<HHLL", 40_000 + tag, 7, 1 << 16, 8) for tag in range(entries))
    return (
        b"II*\x00" + struct.pack("<L", 8 + (1 << 16)) + bytes(1 << 16) + struct.pack("<H", entries) + fields + bytes(4)
    )


def greedy_png() -> bytes:
    out = BytesIO()
    Image.fromarray(picture(8)).save(out, "PNG", exif=directory(5000))
    return out.getvalue()


def jpeg_of(segments: bytes) -> bytes:
    out = BytesIO()
    Image.fromarray(picture(8)).save(out, "JPEG")
    return out.getvalue()[:2] + segments + out.getvalue()[2:]


def many_scans() -> bytes:
    whole = jpeg_of(b"")
    at = whole.index(b"\xff\xda")
    return whole[:-2] + whole[at:-2] * 50 + whole[-2:]


BOMBS: dict[str, Callable[[], bytes]] = {
    "endless.png": endless_png,
    "greedy.png": greedy_png,
    "greedy.tif": lambda: directory(5000),
    "comments.jpg": lambda: jpeg_of(b"\xff\xfe\x00\x02" * 10_001),
    "scans.jpg": many_scans,
}


@pytest.mark.parametrize("name", BOMBS)
def test_files_that_take_more_time_or_memory_than_a_picture_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BOMBS[name]())
    with pytest.raises(Refused) as refused:
        deidentify(tmp_path / name, tmp_path / "out", key=KEY, key_id="t", hospital=1, patient=None)
    assert refused.value.code == "decompression_bomb"


def test_endless_compressed_frames_are_refused() -> None:
    frame, _ = encoded(picture(12), J2K, 12)
    with pytest.raises(Refused):
        jpeg2000.clean(frame[:-2] + (b"\xff\x90\x00\x0a\x00\x00" + (14).to_bytes(4) + b"\x00\x01\xff\x93") * 65_536)
    with pytest.raises(Refused):
        jpeg2000.clean(frame[:2] + b"\xff\x64\x00\x02" * 10_001 + frame[2:])
    header = struct.pack("<16L", 1, 64, *[0] * 14)
    with pytest.raises(Refused):
        rle.clean(header + b"\x80" * 1_002 + b"\x00a", 1, 1)
    assert rle.clean(header + b"\x80" * 9 + b"\x00a\x00", 1, 1)[0].endswith(b"\x00a\x00")


def test_fill_bytes_of_a_jpeg_are_passed_over_at_once() -> None:
    assert jpeg.clean(jpeg_of(b"\xff" * 50_000_000)).data == jpeg.clean(jpeg_of(b"")).data


def forged(tmp_path: Path, **values: str) -> Dataset:
    """A released file, copied from the archive, with another patient's values in it, de-identified."""
    run(native(tmp_path / "in.dcm"), tmp_path / "released.dcm")
    copy = pydicom.dcmread(tmp_path / "released.dcm")
    for keyword, value in values.items():
        setattr(copy, keyword, value)
    copy.save_as(tmp_path / "forged.dcm")
    return run(tmp_path / "forged.dcm", tmp_path / "out.dcm")


def test_a_number_that_looks_like_a_pseudonym_does_not_pass(tmp_path: Path) -> None:
    """A Polish personal number behind zeros is 16 hex digits."""
    assert forged(tmp_path, PatientID="0000044051401458").PatientID != "0000044051401458"


def test_true_dates_in_a_released_file_do_not_pass(tmp_path: Path) -> None:
    assert forged(tmp_path, StudyDate="20210310").StudyDate != "20210310"
    assert forged(tmp_path, ContentTime="101512").ContentTime != "101512"


def test_a_proof_of_another_file_does_not_pass(tmp_path: Path) -> None:
    other = native(tmp_path / "other.dcm", change=lambda plain: setattr(plain, "SOPInstanceUID", "1.2.3.4"))
    uid = run(other, tmp_path / "other-out.dcm").SOPInstanceUID
    before = pydicom.dcmread(tmp_path / "other-out.dcm").StudyDate
    found = forged(tmp_path, SOPInstanceUID=uid)
    assert found.SOPInstanceUID == uid
    assert found.StudyDate != before


def test_a_file_that_has_been_through_is_known_in_another_encoding(tmp_path: Path) -> None:
    done = run(native(tmp_path / "in.dcm"), tmp_path / "done.dcm")
    done.file_meta.TransferSyntaxUID = UID(IMPLICIT)
    pydicom.dcmwrite(tmp_path / "implicit.dcm", done, implicit_vr=True, little_endian=True)
    again = run(tmp_path / "implicit.dcm", tmp_path / "again.dcm")
    assert (again.PatientID, again.StudyDate, again.StudyTime) == (done.PatientID, done.StudyDate, done.StudyTime)
    assert list(again.DeidentificationMethod) == list(done.DeidentificationMethod)


def test_patients_without_a_number_are_not_one_patient(tmp_path: Path) -> None:
    def unknown(study: str, instance: str) -> Dataset:
        def change(plain: Dataset) -> None:
            plain.PatientID, plain.StudyInstanceUID, plain.SOPInstanceUID = "", study, instance

        return run(native(tmp_path / "in.dcm", change=change), tmp_path / "out.dcm")

    first, same, other = unknown("1.2.3", "1.2.3.1"), unknown("1.2.3", "1.2.3.2"), unknown("1.2.4", "1.2.4.1")
    assert (first.PatientID, first.StudyDate) == (same.PatientID, same.StudyDate)
    assert first.PatientID != other.PatientID
    assert first.StudyDate != other.StudyDate


@pytest.mark.parametrize(
    "change",
    [
        lambda cod: cod[:2] + b"\xff\xff" + cod[4:],
        lambda cod: bytes([cod[0] | 1]) + cod[1:] + b"\x22" * (cod[5] + 1),
        lambda cod: bytes([cod[0] | 1]) + cod[1:2] + b"\x01\x00" + cod[4:] + b"\x55" * (cod[5] + 1),
    ],
    ids=["layers", "precincts", "both"],
)
def test_a_frame_of_a_million_packets_is_refused(change: Callable[[bytes], bytes]) -> None:
    frame, _ = encoded(np.tile(picture(12), (16, 16)), J2K, 12)
    with pytest.raises(Refused) as refused:
        jpeg2000.clean(with_segment(frame, 0xFF52, change))
    assert refused.value.code == "decompression_bomb"


def test_a_chunk_longer_than_the_file_asks_for_no_memory(tmp_path: Path) -> None:
    out = BytesIO()
    Image.fromarray(picture(8)).save(out, "PNG")
    whole = out.getvalue()
    (tmp_path / "in.png").write_bytes(whole[:-12] + b"\x7f\xff\xff\xf0tEXt" + NAME + whole[-12:])
    tracemalloc.start()
    with pytest.raises(Refused) as refused:
        deidentify(tmp_path / "in.png", tmp_path / "out", key=KEY, key_id="t", hospital=1, patient=None)
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
    assert refused.value.code == "truncated"
