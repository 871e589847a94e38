"""DICOM files: nothing planted comes out, what is useful does, and the result is a valid file again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.sequence import Sequence

from imaging.deid import Report, attest, deidentify, pseudonym
from imaging.deid.boxes import TextBox
from imaging.deid.table import DATES, TABLE, WRITTEN
from imaging.formats import Refused, inspect

from . import corpus
from .corpus import BIG, DEFLATED, EXPLICIT, IMPLICIT, JPEG, KEY, RLE, leaks, native

PATIENT = pseudonym(KEY, "1", "QPAT-770131", "SZPITAL-QX")
NATIVE = [EXPLICIT, IMPLICIT, BIG, DEFLATED]


def run(source: Path, target: Path, key: bytes = KEY, patient: str = PATIENT) -> Report:
    return deidentify(source, target, key=key, key_id="test", hospital=1, patient=patient)


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "in.dcm", tmp_path / "out.dcm"


def test_the_search_finds_what_is_planted(paths: tuple[Path, Path]) -> None:
    assert set(leaks(native(paths[0]).read_bytes())) == set(corpus.SECRETS)


@pytest.mark.parametrize("syntax", NATIVE)
def test_nothing_planted_comes_out(paths: tuple[Path, Path], syntax: str) -> None:
    source, target = native(paths[0], syntax), paths[1]
    report = run(source, target)
    data = target.read_bytes()
    if syntax == DEFLATED:
        whole = pydicom.dcmread(target)
        whole.file_meta.TransferSyntaxUID = EXPLICIT
        whole.save_as(target.with_suffix(".plain"), implicit_vr=False, little_endian=True)
        data += target.with_suffix(".plain").read_bytes()
    assert leaks(data) == []
    assert leaks(repr(report.as_dict()).encode()) == []
    assert data[:128] == b"\x00" * 128


@pytest.mark.parametrize("syntax", NATIVE)
def test_pixels_and_syntax_stay_and_high_bits_go(paths: tuple[Path, Path], syntax: str) -> None:
    source, target = native(paths[0], syntax), paths[1]
    report = run(source, target)
    found = pydicom.dcmread(target)
    assert found.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(found.pixel_array, corpus.picture())
    assert len(found.PixelData) == corpus.picture().nbytes
    assert ("PixelData", "cut: unused high bits") in report.removed
    assert ("PixelData", "cut: bytes after the last pixel") in report.removed


def test_no_attribute_outside_the_table(paths: tuple[Path, Path]) -> None:
    run(native(paths[0]), paths[1])
    permitted = {tag_for_keyword(word) for word in (*WRITTEN, *(row.keyword for row in TABLE), *sum(DATES, ()))}
    found = pydicom.dcmread(paths[1])
    assert set(found.keys()) <= permitted
    inner = {element.keyword for item in found.ViewCodeSequence for element in item}
    assert inner == {"CodeValue", "CodingSchemeDesignator", "CodeMeaning"}
    assert found.ViewCodeSequence[0].CodeMeaning == "postero-anterior"


def test_what_research_needs_survives(paths: tuple[Path, Path]) -> None:
    run(native(paths[0]), paths[1])
    found = pydicom.dcmread(paths[1])
    assert (found.PatientSex, found.PatientAge, found.ViewPosition, found.BodyPartExamined) == (
        "F",
        "076Y",
        "PA",
        "CHEST",
    )
    assert (found.KVP, found.WindowCenter, found.PatientIdentityRemoved) == (117, 2000, "YES")
    assert found.PatientID == PATIENT[:16]
    assert found.PatientBirthDate == ""
    methods = [item.CodeValue for item in found.DeidentificationMethodCodeSequence]
    assert methods == ["113100", "113105", "113107", "113108"]
    assert found.LongitudinalTemporalInformationModified == "MODIFIED"


def test_known_manufacturers_stay_unknown_ones_go(paths: tuple[Path, Path]) -> None:
    def known(plain: Dataset) -> None:
        plain.Manufacturer, plain.ManufacturerModelName = "fujifilm CORPORATION", "DigitalDiagnost"

    run(native(paths[0], change=known), paths[1])
    found = pydicom.dcmread(paths[1])
    assert (found.Manufacturer, found.ManufacturerModelName) == ("FUJIFILM Corporation", "digital DIAGNOST")
    run(native(paths[0]), paths[1])
    found = pydicom.dcmread(paths[1])
    assert found.Manufacturer == ""
    assert "ManufacturerModelName" not in found


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("104Y", "090Y"),
        ("006M", "006M"),
        ("62", "062Y"),
        ("Anna", "076Y"),
        ("999Y", "076Y"),
    ],
)
def test_age(paths: tuple[Path, Path], given: str, written: str) -> None:
    run(native(paths[0], change=lambda plain: setattr(plain, "PatientAge", given)), paths[1])
    assert pydicom.dcmread(paths[1]).PatientAge == written


def test_dates_move_together_and_keep_their_distance(tmp_path: Path) -> None:
    def dated(day: str) -> pydicom.Dataset:
        def change(plain: Dataset) -> None:
            plain.StudyDate, plain.StudyTime = day, "101112"
            plain.ContentDate, plain.ContentTime = day, "101512"

        run(native(tmp_path / "in.dcm", change=change), tmp_path / "out.dcm")
        return pydicom.dcmread(tmp_path / "out.dcm")

    def moment(found: pydicom.Dataset, kind: str) -> datetime:
        return datetime.strptime(found[f"{kind}Date"].value + found[f"{kind}Time"].value, "%Y%m%d%H%M%S")

    first, second = dated("20210310"), dated("20210324")
    assert moment(second, "Study") - moment(first, "Study") == timedelta(days=14)
    assert moment(first, "Content") - moment(first, "Study") == timedelta(minutes=4)
    assert moment(first, "Study") <= datetime(2021, 3, 10, 10, 11, 12) - timedelta(days=1)


@pytest.mark.parametrize("date", ["Kowalski", "20211399", "00000000", ""])
def test_a_date_that_is_none_is_emptied(paths: tuple[Path, Path], date: str) -> None:
    run(native(paths[0], change=lambda plain: setattr(plain, "StudyDate", date)), paths[1])
    assert pydicom.dcmread(paths[1]).StudyDate == ""


def test_uids_are_consistent_legal_and_hang_on_the_key(tmp_path: Path) -> None:
    source = native(tmp_path / "in.dcm")

    def uids(name: str, key: bytes = KEY) -> tuple[str, str]:
        run(source, tmp_path / name, key)
        found = pydicom.dcmread(tmp_path / name)
        assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID
        assert found.SOPInstanceUID.is_valid
        assert found.SOPInstanceUID.startswith("2.25.")
        return found.SOPInstanceUID, found.StudyInstanceUID

    assert uids("a.dcm") == uids("b.dcm")
    assert set(uids("a.dcm")).isdisjoint(uids("c.dcm", b"another key, also 32 bytes long.."))


def test_deterministic_and_idempotent(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("1.dcm", "2.dcm", "3.dcm"))
    source = native(tmp_path / "in.dcm")
    run(source, one)
    run(source, two)
    run(one, three)
    assert one.read_bytes() == two.read_bytes() == three.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.dcm", "2.dcm", "3.dcm", "in.dcm"]


def _jpeg(quality: int = 95) -> bytes:
    out = BytesIO()
    Image.fromarray(corpus.picture(bits=8)).save(
        out, format="JPEG", quality=quality, comment="Zażółćska 44051401458".encode()
    )
    data = out.getvalue()
    planted = "QPAT-770131 Gęślicka".encode()
    return data[:2] + b"\xff\xe5" + (len(planted) + 2).to_bytes(2) + planted + data[2:]


def _compressed(path: Path, syntax: str) -> Path:
    pixels = corpus.picture(bits=8)
    plain = corpus.dataset(corpus.SC, bits=8)
    plain.Rows, plain.Columns = pixels.shape
    if syntax == JPEG:
        data = _jpeg()
    else:
        coded = Dataset()
        coded.update(plain)
        coded.set_pixel_data(pixels, "MONOCHROME2", 8)
        coded.file_meta = pydicom.dataset.FileMetaDataset()
        coded.file_meta.TransferSyntaxUID = EXPLICIT
        coded.compress(RLE, generate_instance_uid=False)
        data = next(generate_frames(coded.PixelData, number_of_frames=1))
    return corpus.write(path, plain, syntax, data, "Zażółćska 44051401458".encode())


@pytest.mark.parametrize("syntax", [JPEG, RLE])
def test_compressed_frames_lose_what_no_decoder_needs(paths: tuple[Path, Path], syntax: str) -> None:
    source = _compressed(paths[0], syntax)
    before = pydicom.dcmread(source).pixel_array
    assert {"Zażółćska", "44051401458"} <= set(leaks(source.read_bytes()))
    run(source, paths[1])
    found = pydicom.dcmread(paths[1])
    assert leaks(paths[1].read_bytes()) == []
    assert np.array_equal(found.pixel_array, before)
    assert found.file_meta.TransferSyntaxUID == syntax


def test_jpeg_2000_comments_go(tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    whole = pydicom.dcmread(str(get_testdata_file("JPEG2000.dcm")))
    frame = next(generate_frames(whole.PixelData, number_of_frames=1))
    planted = "Zażółćska 44051401458".encode()
    first = frame.index(b"\xff\x52")
    frame = frame[:first] + b"\xff\x64" + (len(planted) + 4).to_bytes(2) + b"\x00\x01" + planted + frame[first:]
    whole.PixelData = pydicom.encaps.encapsulate([frame + planted])
    whole.save_as(tmp_path / "in.dcm")
    assert leaks((tmp_path / "in.dcm").read_bytes())
    run(tmp_path / "in.dcm", tmp_path / "out.dcm")
    assert leaks((tmp_path / "out.dcm").read_bytes()) == []
    assert np.array_equal(pydicom.dcmread(tmp_path / "out.dcm").pixel_array, whole.pixel_array)


def test_burned_in_annotation(paths: tuple[Path, Path]) -> None:
    report = run(native(paths[0]), paths[1])
    assert report.burned_in_declared is False
    assert not report.needs_person
    assert "BurnedInAnnotation" not in pydicom.dcmread(paths[1])
    report = run(native(paths[0], change=lambda plain: setattr(plain, "BurnedInAnnotation", "YES")), paths[1])
    assert report.burned_in_declared is True
    assert report.needs_person
    assert pydicom.dcmread(paths[1]).BurnedInAnnotation == "YES"


@pytest.mark.parametrize("honest", [True, False])
@pytest.mark.parametrize("syntax", NATIVE)
def test_a_lookup_table_stays_unless_something_hides_in_it(paths: tuple[Path, Path], syntax: str, honest: bool) -> None:
    curve = list(range(0, 4096, 16)) if honest else [ord(letter) for letter in ("44051401458 " * 22)[:256]]

    def luts(plain: Dataset) -> None:
        item = Dataset()
        item.add_new(0x00283002, "US", [256, 0, 12])
        item.LUTExplanation = "Zażółćska"
        item.add_new(0x00283006, "US", curve)
        plain.VOILUTSequence = Sequence([item])

    run(native(paths[0], syntax, luts), paths[1])
    found = pydicom.dcmread(paths[1])
    assert ("VOILUTSequence" in found) == honest
    if honest:
        data = found.VOILUTSequence[0].LUTData  # bytes when the file names no representation
        assert (np.frombuffer(data, "<u2").tolist() if isinstance(data, bytes) else list(data)) == curve
        assert "LUTExplanation" not in found.VOILUTSequence[0]


def test_a_refused_file_leaves_nothing(tmp_path: Path) -> None:
    source = native(tmp_path / "in.dcm")
    source.write_bytes(source.read_bytes()[:-9000])
    with pytest.raises(Refused) as refused:
        run(source, tmp_path / "out.dcm")
    assert refused.value.code == "truncated"
    assert [path.name for path in tmp_path.iterdir()] == ["in.dcm"]


def test_missing_object_uid_still_gives_one(paths: tuple[Path, Path]) -> None:
    run(native(paths[0], change=lambda plain: delattr(plain, "SOPInstanceUID")), paths[1])
    assert pydicom.dcmread(paths[1]).SOPInstanceUID.startswith("2.25.")


def test_pydicoms_own_files_go_through_or_are_refused(tmp_path: Path) -> None:
    from pydicom.data import get_testdata_files

    done, messages = 0, []
    for name in get_testdata_files():
        source, target = Path(name), tmp_path / "out"
        if not source.is_file():
            continue
        try:
            run(source, target)
        except Refused as refused:
            messages.append(str(refused))
            continue
        done += 1
        before, after = inspect(source).facts(), inspect(target).facts()
        assert {**before, "burned_in": None} == {**after, "burned_in": None}
        if before["format"] == "dicom":
            assert np.array_equal(pydicom.dcmread(source).pixel_array, pydicom.dcmread(target).pixel_array)
    assert done >= 10
    assert set(messages) <= {str(Refused(code)) for code in Refused.MESSAGES}


@dataclass(frozen=True)
class Found:
    """What the search for text gives."""

    boxes: tuple[TextBox, ...] = ()
    doubtful: bool = False
    version: str = "test"


def test_text_is_painted_and_reported(paths: tuple[Path, Path]) -> None:
    source, target = native(paths[0]), paths[1]
    boxes = (TextBox(10, 20, 30, 8), TextBox(60, 20, 10, 8, painted=False, marker="L"))
    report = deidentify(
        source, target, key=KEY, key_id="t", hospital=1, patient=PATIENT, text=Found(boxes, doubtful=True)
    )
    found, expected = pydicom.dcmread(target).pixel_array, corpus.picture()
    assert (found[20:28, 10:40] == found[20, 10]).all()
    expected[20:28, 10:40] = found[20, 10]
    assert np.array_equal(found, expected)
    assert (report.text, report.text_version, report.doubtful, report.needs_person) == (list(boxes), "test", True, True)
    assert "113101" not in report.options


def test_only_a_person_clears_the_picture(tmp_path: Path) -> None:
    source, plain, checked = native(tmp_path / "in.dcm"), tmp_path / "plain.dcm", tmp_path / "checked.dcm"
    run(source, plain)
    attest(plain, checked, key=KEY, hospital=1)
    before, after = pydicom.dcmread(plain), pydicom.dcmread(checked)
    assert "113101" in [item.CodeValue for item in after.DeidentificationMethodCodeSequence]
    assert after.BurnedInAnnotation == "NO"
    assert after.PixelData == before.PixelData
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "PatientID", "StudyDate", "StudyTime"):
        assert after[keyword].value == before[keyword].value
    with pytest.raises(ValueError, match="not de-identified under this key"):
        attest(source, tmp_path / "never.dcm", key=KEY, hospital=1)
    with pytest.raises(ValueError, match="a person is shown"):
        deidentify(source, checked, key=KEY, key_id="t", hospital=1, patient=PATIENT, checked=True)
    assert not (tmp_path / "never.dcm").exists()


def test_a_name_beside_our_uid_does_not_pass_as_done(tmp_path: Path) -> None:
    """Somebody took a released file and put the patient's data back."""
    run(native(tmp_path / "in.dcm"), tmp_path / "done.dcm")
    put_back = pydicom.dcmread(tmp_path / "done.dcm")
    put_back.PatientID, put_back.StudyDate = "QPAT-770131", "20210310"
    put_back.save_as(tmp_path / "back.dcm")
    deidentify(tmp_path / "back.dcm", tmp_path / "out.dcm", key=KEY, key_id="t", hospital=1, patient=None)
    found = pydicom.dcmread(tmp_path / "out.dcm")
    assert leaks((tmp_path / "out.dcm").read_bytes()) == []
    assert found.StudyDate != "20210310"


def test_a_file_of_a_former_key_is_recognised(tmp_path: Path) -> None:
    old, new = KEY, b"another key, also 32 bytes long.."
    for name, keys in (("done", {"key": old}), ("again", {"key": new, "former": [old]})):
        source = native(tmp_path / "in.dcm") if name == "done" else tmp_path / "done.dcm"
        deidentify(source, tmp_path / f"{name}.dcm", key_id="t", hospital=1, patient=None, **keys)
    assert (tmp_path / "again.dcm").read_bytes() == (tmp_path / "done.dcm").read_bytes()


def test_without_dates_none_are_claimed(paths: tuple[Path, Path]) -> None:
    def dateless(plain: Dataset) -> None:
        for keyword in sum(DATES, ()):
            if keyword in plain:
                delattr(plain, keyword)

    report = run(native(paths[0], change=dateless), paths[1])
    assert report.options == ["113100", "113105", "113108"]
    assert pydicom.dcmread(paths[1]).LongitudinalTemporalInformationModified == "REMOVED"


def test_what_belongs_together_goes_together(paths: tuple[Path, Path]) -> None:
    def half(plain: Dataset) -> None:
        plain.RescaleSlope, plain.RescaleType = "1", "US"
        plain.WindowWidth = "9999999"

    run(native(paths[0], change=half), paths[1])
    found = pydicom.dcmread(paths[1])
    assert not {"RescaleSlope", "RescaleType", "WindowCenter", "WindowWidth"} & {item.keyword for item in found}


def test_replacements_follow_the_class(paths: tuple[Path, Path]) -> None:
    def dirty(plain: Dataset) -> None:
        plain.SOPClassUID, plain.Modality, plain.PixelIntensityRelationship = corpus.DX, "QX", "QX"
        plain.WindowCenter, plain.ImagerPixelSpacing = "99999999", ["0", "0"]
        plain.PresentationIntentType = "QX"

    run(native(paths[0], change=dirty), paths[1])
    found = pydicom.dcmread(paths[1])
    assert (found.Modality, found.PixelIntensityRelationship) == ("DX", "LOG")
    assert (found.WindowCenter, found.WindowWidth, found.ImagerPixelSpacing) == (2048, 4096, [1, 1])
    assert found.PresentationIntentType == "FOR PRESENTATION"
