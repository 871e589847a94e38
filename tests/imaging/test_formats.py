"""Recognising, checking and decoding: what is accepted, what is refused and why, and what the picture looks like."""

import logging
import pickle
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.formats import (
    Format,
    Refused,
    date_taken,
    decode,
    inspect,
    sniff,
    stored,
    stored_and_decoded,
    to_png,
    write_png,
)

from .deid import corpus
from .deid.corpus import DEFLATED, EXPLICIT, leaks, native


def code(call: Callable[[], object]) -> str:
    with pytest.raises(Refused) as refused:
        call()
    return refused.value.code


def radiograph(path: Path, pixels: np.ndarray, **attributes: object) -> Path:
    """A plain CR image of ``pixels`` (uint8 or uint16)."""
    plain = Dataset()
    plain.SOPClassUID, plain.SOPInstanceUID = corpus.CR, "1.2.3"
    plain.Rows, plain.Columns = pixels.shape
    plain.SamplesPerPixel, plain.PhotometricInterpretation, plain.PixelRepresentation = 1, "MONOCHROME2", 0
    plain.BitsAllocated = plain.BitsStored = pixels.dtype.itemsize * 8
    plain.HighBit = plain.BitsStored - 1
    for keyword, value in attributes.items():
        setattr(plain, keyword, value)
    return corpus.write(path, plain, EXPLICIT, pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())


RAMP = (np.linspace(0, 4095, 200)[None, :] * np.ones((150, 1))).astype(np.uint16)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty"),
        (b"hello", "not_an_image"),
        (b"%PDF-1.7", "not_an_image"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", "not_part10"),
        (b"\x00" * 128 + b"DICM", "unsupported_transfer_syntax"),
        (b"\xff\xd8\xff\xe0", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "undecodable"),
        (b"II*\x00", "undecodable"),
        (b"GIF89a" + b"\x00" * 50, "not_an_image"),
    ],
)
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "radiograph.dcm"
    path.write_bytes(data)
    assert code(lambda: inspect(path)) == expected


def test_content_counts_not_the_name(tmp_path: Path) -> None:
    image = Image.fromarray(corpus.picture(bits=8))
    for kind in (Format.PNG, Format.JPEG, Format.TIFF):
        path = tmp_path / "wrong.dcm"
        image.save(path, format=kind.name)
        assert sniff(path) is kind
        assert (inspect(path).width, inspect(path).height) == image.size
    assert sniff(native(tmp_path / "wrong.jpg")) is Format.DICOM


def test_facts_hold_no_secrets(tmp_path: Path) -> None:
    found = inspect(native(tmp_path / "in.dcm"))
    assert (found.patient_id, found.issuer) == ("QPAT-770131", "SZPITAL-QX")
    assert leaks(repr(found).encode()) == leaks(repr(found.facts()).encode()) == []
    assert (found.view, found.sex, found.age, found.bits, found.burned_in) == ("PA", "F", 76, 12, False)


@pytest.mark.parametrize(
    ("attributes", "age"),
    [
        ({"PatientAge": "034Y"}, 34),
        ({"PatientAge": "018M"}, 1),
        ({"PatientAge": "101Y"}, 90),
        ({"PatientAge": "62"}, 62),
        ({"PatientBirthDate": "19500601", "StudyDate": "20200531"}, 69),
        ({"PatientBirthDate": "19200601", "StudyDate": "20200531"}, 90),
        ({"PatientBirthDate": "20210601", "StudyDate": "20200531"}, None),
        ({"PatientBirthDate": "unknown", "StudyDate": "20200531"}, None),
        ({}, None),
    ],
)
def test_age(tmp_path: Path, attributes: dict[str, str], age: int | None) -> None:
    assert inspect(radiograph(tmp_path / "in.dcm", RAMP, **attributes)).age == age


@pytest.mark.parametrize(
    ("attributes", "day"),
    [
        ({"StudyDate": "20260301", "AcquisitionDate": "20260302"}, date(2026, 3, 1)),
        ({"StudyDate": "", "AcquisitionDate": "20260302"}, date(2026, 3, 2)),
        ({"StudyDate": "20261301"}, None),
        ({}, None),
    ],
)
def test_the_day_of_the_examination(tmp_path: Path, attributes: dict[str, str], day: date | None) -> None:
    path = radiograph(tmp_path / "in.dcm", RAMP, **attributes)
    assert inspect(path).taken_on == date_taken(path) == day
    assert "2026" not in str(inspect(path).facts())
    assert "2026" not in repr(inspect(path))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "unsupported_sop_class"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "encapsulated_document"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"}, "structured_report"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}, "multi_frame"),
        ({"NumberOfFrames": "2"}, "multi_frame"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour"),
        ({"Rows": 50}, "too_small"),
        ({"Rows": 10_001}, "too_many_pixels"),
        ({"Rows": 9_000, "Columns": 9_000}, "too_many_pixels"),
        ({"Rows": 151}, "truncated"),
        ({"BitsAllocated": 32}, "unsupported_pixels"),
        ({"HighBit": 11}, "unsupported_pixels"),
    ],
)
def test_dicom_that_is_no_grey_radiograph_is_refused(
    tmp_path: Path, attributes: dict[str, object], expected: str
) -> None:
    path = radiograph(tmp_path / "in.dcm", RAMP, **attributes)
    assert code(lambda: inspect(path)) == expected
    assert code(lambda: decode(path)) == expected


def test_one_grey_level_is_no_radiograph(tmp_path: Path) -> None:
    assert code(lambda: inspect(radiograph(tmp_path / "in.dcm", np.full_like(RAMP, 7)))) == "blank"
    Image.new("L", (200, 200), 9).save(tmp_path / "in.png")
    assert code(lambda: inspect(tmp_path / "in.png")) == "blank"


def test_a_deflated_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = native(tmp_path / "in.dcm", DEFLATED)
    data = path.read_bytes()
    start = data.index(b"44051401458\x00", 132) + 12
    deflater = zlib.compressobj(wbits=-15)
    path.write_bytes(data[:start] + deflater.compress(bytes(2 * 1024**2)) + deflater.flush())
    monkeypatch.setattr("imaging.formats.header.MAX_FILE_BYTES", 1024**2)
    assert code(lambda: inspect(path)) == "decompression_bomb"


def test_picture_bombs_are_refused_before_decoding(tmp_path: Path) -> None:
    for size in ((10_001, 200), (9_000, 9_000)):
        Image.new("1", size).convert("L").save(tmp_path / "in.png")
        assert code(lambda: inspect(tmp_path / "in.png")) == "too_many_pixels"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "dcm"])
def test_a_cut_file_is_refused(tmp_path: Path, extension: str, share: float) -> None:
    path = tmp_path / f"in.{extension}"
    if extension == "dcm":
        native(path)
    else:
        Image.fromarray(corpus.picture(400, 400, 8)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert code(lambda: inspect(path)) in ("truncated", "undecodable", "no_pixels")


@pytest.mark.parametrize("extension", ["jpg", "png", "tif"])
def test_grey_photographs_are_taken_and_colour_pictures_refused(tmp_path: Path, extension: str) -> None:
    grey = np.stack([corpus.picture(200, 200, 8)] * 3, axis=2).astype(int)
    tinted = np.clip(grey + np.array([3, 0, -4]), 0, 255)
    Image.fromarray(tinted.astype(np.uint8)).save(tmp_path / f"grey.{extension}")
    assert inspect(tmp_path / f"grey.{extension}").photometric == "RGB"
    marked = tinted.copy()
    marked[40:60, 40:60] = [250, 20, 20]
    Image.fromarray(marked.astype(np.uint8)).save(tmp_path / f"marked.{extension}")
    assert code(lambda: inspect(tmp_path / f"marked.{extension}")) == "colour"


@pytest.mark.parametrize("mode", ["CMYK", "1", "F"])
def test_unusual_modes_are_refused(tmp_path: Path, mode: str) -> None:
    Image.fromarray(corpus.picture(bits=8)).convert(mode).save(tmp_path / "in.tif")
    assert code(lambda: inspect(tmp_path / "in.tif")) in ("colour", "unsupported_pixels")


def test_decode_gives_values_between_0_and_1(tmp_path: Path) -> None:
    pixels = decode(radiograph(tmp_path / "in.dcm", RAMP))
    assert (pixels.shape, pixels.dtype) == ((150, 200), np.float32)
    assert pixels.min() == 0
    assert pixels.max() == 1
    assert np.all(np.diff(pixels[0]) >= 0)


def test_monochrome1_is_turned_so_that_dense_is_bright(tmp_path: Path) -> None:
    plain = decode(radiograph(tmp_path / "2.dcm", RAMP))
    turned = decode(radiograph(tmp_path / "1.dcm", RAMP, PhotometricInterpretation="MONOCHROME1"))
    assert np.allclose(turned, 1 - plain, atol=1e-5)


def test_window_follows_the_standard(tmp_path: Path) -> None:
    pixels = decode(radiograph(tmp_path / "in.dcm", RAMP, WindowCenter="2048", WindowWidth="2048"))
    expected = np.clip((RAMP.astype(float) - 2047.5) / 2047 + 0.5, 0, 1)
    assert np.allclose(pixels, expected, atol=1e-5)


def test_window_counts_in_rescaled_values(tmp_path: Path) -> None:
    scaled = {"RescaleSlope": "0.5", "RescaleIntercept": "-100", "WindowCenter": "924", "WindowWidth": "1024"}
    pixels = decode(radiograph(tmp_path / "in.dcm", RAMP, **scaled))
    expected = np.clip((RAMP.astype(float) * 0.5 - 100 - 923.5) / 1023 + 0.5, 0, 1)
    assert np.allclose(pixels, expected, atol=1e-5)


def test_a_window_that_shows_nothing_gives_way(tmp_path: Path) -> None:
    pixels = decode(radiograph(tmp_path / "in.dcm", RAMP, WindowCenter="60000", WindowWidth="10"))
    assert np.ptp(pixels) == 1


def test_padding_is_black_and_does_not_count(tmp_path: Path) -> None:
    padded = np.where(np.arange(150)[:, None] < 40, 65_535, RAMP).astype(np.uint16)
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        path = radiograph(tmp_path / "in.dcm", padded, PixelPaddingValue=65_535, PhotometricInterpretation=photometric)
        pixels = decode(path)
        assert np.all(pixels[:40] == 0)
        assert np.ptp(pixels[40:]) == 1


def test_voi_lut(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new(0x00283002, "US", [4096, 0, 12])
    item.add_new(0x00283006, "US", [4095 - value for value in range(4096)])
    pixels = decode(radiograph(tmp_path / "in.dcm", RAMP, VOILUTSequence=Sequence([item])))
    assert np.allclose(pixels, 1 - RAMP / 4095, atol=1e-3)


def test_sixteen_bit_files_decode_alike(tmp_path: Path) -> None:
    for extension in ("png", "tif"):
        Image.fromarray(RAMP).save(tmp_path / f"in.{extension}")
        assert np.allclose(decode(tmp_path / f"in.{extension}"), RAMP / 4095, atol=2e-3)


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_tiff_with_white_as_zero_is_turned(tmp_path: Path, mode: str) -> None:
    pixels = (RAMP // 16).astype(np.uint8) if mode == "L" else RAMP
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="miniswhite")
    shown = decode(tmp_path / "in.tif")
    assert shown[0, 0] > shown[0, -1]


def test_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = (RAMP // 16).astype(np.uint8)
    for extension in ("jpg", "png", "tif"):
        Image.fromarray(pixels).save(tmp_path / f"in.{extension}", exif=exif)
        assert decode(tmp_path / f"in.{extension}").shape == (200, 150)
        assert (inspect(tmp_path / f"in.{extension}").width) == 150


@pytest.mark.parametrize(
    "name", ["JPEG2000.dcm", "JPEG-LL.dcm", "JPGExtended.dcm", "image_dfl.dcm", "JPEG2000_UNC.dcm", "vlut_04.dcm"]
)
def test_transfer_syntaxes_decode(name: str) -> None:
    path = Path(str(get_testdata_file(name)))
    dataset = pydicom.dcmread(path)
    assert decode(path).shape == (dataset.Rows, dataset.Columns)


@pytest.mark.parametrize("name", ["in.dcm", "tinted.jpg", "deep.png"])
def test_decoding_once_gives_both(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".dcm":
        native(path, change=lambda plain: setattr(plain, "PhotometricInterpretation", "MONOCHROME1"))
    elif path.suffix == ".jpg":
        Image.fromarray(np.stack([RAMP >> 4, RAMP >> 4, RAMP // 17], axis=2).astype(np.uint8)).save(path)
    else:
        Image.fromarray(RAMP).save(path)
    values, shown = stored_and_decoded(path)
    np.testing.assert_array_equal(values, stored(path))
    np.testing.assert_array_equal(shown, decode(path))
    assert values.shape == shown.shape
    assert values.dtype.kind in "iu"
    assert shown.max() <= 1


def test_to_png(tmp_path: Path) -> None:
    to_png(np.linspace(0, 1, 60_000, dtype=np.float32).reshape(300, 200), tmp_path / "out.png", max_side=150)
    image = Image.open(tmp_path / "out.png")
    assert (image.mode, image.size) == ("L", (100, 150))


@pytest.mark.parametrize(("pixels", "mode"), [((RAMP >> 4).astype(np.uint8), "L"), (RAMP > 100, "1")])
def test_write_png_keeps_every_value(pixels: np.ndarray, mode: str, tmp_path: Path) -> None:
    write_png(pixels, tmp_path / "out.png")
    image = Image.open(tmp_path / "out.png")
    assert image.mode == mode
    np.testing.assert_array_equal(image, pixels)


def test_parsers_are_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    path = native(tmp_path / "in.dcm", change=lambda plain: setattr(plain, "StudyDate", "Zazolcska"))
    with caplog.at_level(logging.DEBUG):
        inspect(path)
        decode(path)
    assert caplog.text == ""
    assert list(recwarn) == []


def test_refusals_say_what_to_do_and_survive_pickling() -> None:
    for name in Refused.MESSAGES:
        found = pickle.loads(pickle.dumps(Refused(name)))
        assert (found.code, found.message) == (name, Refused.MESSAGES[name])
        assert found.message.endswith(".")
