"""Boxes are painted, everything around them keeps its value, in every way that pixels are stored."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from imaging.deid import raster
from imaging.deid.boxes import TextBox
from imaging.deid.painting import JPEG_2000_LOSSLESS, RLE, paint, settle
from imaging.formats import Format, Refused, jpeg2000
from imaging.formats.pixeldata import Encapsulated, Layout, Native

EXPLICIT, BIG, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.90"
BOX = TextBox(10, 20, 40, 12)
LEFT_ALONE = TextBox(80, 60, 20, 20, painted=False, marker="L")


def picture(bits: int, *, signed: bool = False) -> np.ndarray:
    """Noise over a ramp, (120, 130)."""
    ramp = np.linspace(0, (1 << bits) - 1, 130)[None, :] * np.ones((120, 1))
    noisy = np.clip(ramp + np.random.default_rng(5).normal(0, 3, ramp.shape), 0, (1 << bits) - 1)
    if signed:
        return (noisy - (1 << bits - 1)).astype(np.int16)
    return noisy.astype(np.uint8 if bits == 8 else np.uint16)


def encoded(values: np.ndarray, syntax: str, stored: int) -> tuple[bytes, Layout]:
    """One frame as our own encoders write it."""
    layout = Layout(*values.shape, values.itemsize * 8, stored, values.dtype.kind == "i", "MONOCHROME2")
    frame = get_encoder(UID(syntax)).encode(
        values, rows=layout.rows, columns=layout.columns, bits_allocated=layout.allocated, bits_stored=stored,
        pixel_representation=int(layout.signed), photometric_interpretation="MONOCHROME2", samples_per_pixel=1,
        number_of_frames=1,
    )  # fmt: skip
    return (jpeg2000.clean(frame).data if syntax == J2K else bytes(frame)), layout


def outside(values: np.ndarray) -> np.ndarray:
    """The values without those in the box."""
    kept = np.ones(values.shape[:2], bool)
    kept[20:32, 10:50] = False
    return values[kept]


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, False), (12, True)])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_native_pixels_keep_their_syntax(syntax: str, bits: int, signed: bool, photometric: str) -> None:
    values = picture(bits, signed=signed)
    order = ">" if syntax == BIG else "<"
    layout = Layout(120, 130, values.itemsize * 8, bits, signed, photometric)
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    vr = "OB" if bits == 8 else "OW"
    found, done = settle(Native(BytesIO(b"head" + data), 4, vr, layout, syntax), [BOX, LEFT_ALONE])
    after = found.values()
    black = values.max() if photometric == "MONOCHROME1" else values.min()
    assert done == "text painted over"
    assert (after[20:32, 10:50] == black).all()
    assert np.array_equal(outside(after), outside(values))
    assert isinstance(found, Native)
    assert sum(map(len, found.chunks())) == len(data)


def test_pixels_of_8_bits_in_big_endian_words_are_seen_in_their_places() -> None:
    values = picture(8)
    data = values.reshape(-1, 2)[:, ::-1].tobytes()
    pixels = Native(BytesIO(data), 0, "OW", Layout(120, 130, 8, 8, False, "MONOCHROME2"), BIG)
    assert np.array_equal(pixels.values(), values)
    found, _ = settle(pixels, [TextBox(11, 20, 39, 12)])
    assert np.array_equal(found.values()[:, :11], values[:, :11])
    assert (found.values()[20:32, 11:50] == values.min()).all()


@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (16, False), (12, True)])
@pytest.mark.parametrize("syntax", [J2K, RLE])
def test_compressed_pixels_lose_nothing_around_the_box(syntax: str, bits: int, signed: bool) -> None:
    values = picture(bits, signed=signed)
    frame, layout = encoded(values, syntax, bits)
    found, _ = settle(Encapsulated(frame, syntax, layout, []), [BOX])
    assert found.syntax == (RLE if syntax == RLE else JPEG_2000_LOSSLESS)
    assert (found.values()[20:32, 10:50] == values.min()).all()
    assert np.array_equal(outside(found.values()), outside(values))
    again, done = settle(found, ())
    assert (again, done) == (found, "copied without decoding")


def test_a_picture_of_several_chunks_keeps_its_values() -> None:
    values = np.arange(1500 * 1000, dtype=np.uint32).astype(np.uint16).reshape(1500, 1000)
    layout = Layout(1500, 1000, 16, 16, False, "MONOCHROME2")
    pixels = Native(BytesIO(values.tobytes()), 0, "OW", layout, EXPLICIT)
    assert np.array_equal(pixels.values(), values)
    found, _ = settle(pixels, [TextBox(0, 0, 1, 1)])
    assert np.array_equal(found.values().ravel()[1:], values.ravel()[1:])


def test_nothing_to_paint_copies_the_bytes() -> None:
    values = picture(12)
    pixels = Native(BytesIO(values.tobytes()), 0, "OW", Layout(120, 130, 16, 12, False, "MONOCHROME2"), EXPLICIT)
    assert settle(pixels, [LEFT_ALONE]) == (pixels, "copied without decoding")


def test_a_box_of_another_picture_is_refused() -> None:
    with pytest.raises(Refused):
        paint(picture(8), [TextBox(100, 100, 40, 10)])


@pytest.mark.parametrize("kind", [Format.PNG, Format.TIFF, Format.JPEG])
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_rasters_are_painted_without_loss(tmp_path: Path, kind: Format, mode: str) -> None:
    if kind is Format.JPEG and mode == "I;16":
        mode = "L"
    values = picture(12 if mode == "I;16" else 8)
    image = Image.fromarray(values).convert("RGB") if mode == "RGB" else Image.fromarray(values)
    source = tmp_path / "image"
    image.save(source, kind.name)
    before = np.asarray(Image.open(source))
    data, report = raster.rewrite(source, kind, "id", [BOX, LEFT_ALONE])
    after = np.asarray(Image.open(BytesIO(data)))
    assert report.format is (Format.TIFF if kind is Format.TIFF else Format.PNG)
    assert ("pixels", "text painted over") in report.replaced
    assert (after[20:32, 10:50] == before.min()).all()
    assert np.array_equal(outside(after), outside(before))
