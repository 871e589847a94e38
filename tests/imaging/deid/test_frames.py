"""Compressed pixels carry the picture and no more: tables that nothing uses, tails that no decoder shows."""

from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from imaging.deid.painting import HIDDEN, JPEG_2000_LOSSLESS, RLE, settle
from imaging.formats import Refused, jpeg, jpeg2000
from imaging.formats.pixeldata import UNUSED_BITS, Encapsulated, Layout, decode_frame, extract
from tests.imaging.deid.test_painting import J2K, encoded, picture

SECRET = b"Kowalski 44051401458"
BASELINE = "1.2.840.10008.1.2.4.50"
SAMPLES = ("JPEG-LL.dcm", "JPGExtended.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm", "MR_small_jpeg_ls_lossless.dcm")


def baseline(**options: object) -> bytes:
    out = BytesIO()
    Image.fromarray((picture(12) >> 4).astype(np.uint8)).save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def frame_of(name: str) -> tuple[bytes, str, Layout]:
    path = get_testdata_file(name)
    assert path
    found = pydicom.dcmread(path)
    layout = Layout(found.Rows, found.Columns, found.BitsAllocated, found.BitsStored,
                    found.PixelRepresentation == 1, found.PhotometricInterpretation)  # fmt: skip
    return next(generate_frames(found.PixelData, number_of_frames=1)), str(found.file_meta.TransferSyntaxUID), layout


def as_baseline(frame: bytes) -> Encapsulated:
    return Encapsulated(jpeg.clean(frame).data, BASELINE, Layout(120, 130, 8, 8, False, "MONOCHROME2"), [])


def table(number: int, content: bytes) -> bytes:
    return b"\xff\xdb\x00\x43" + bytes([number]) + content.ljust(64, b"\x01")


@pytest.mark.parametrize("number", [0, 3], ids=["overwritten", "unused"])
def test_a_table_that_no_scan_uses_is_dropped(number: int) -> None:
    honest = baseline()
    found = jpeg.clean(honest[:2] + table(number, SECRET) + honest[2:])
    assert SECRET not in found.data
    assert found.removed[-1] == "unused tables"
    assert found.data == jpeg.clean(honest).data


def test_repeated_parameters_are_dropped() -> None:
    honest = baseline()
    hidden = b"".join(b"\xff\xdd\x00\x04" + SECRET[at : at + 2] for at in range(0, len(SECRET), 2))
    found = jpeg.clean(honest[:2] + hidden + b"\xff\xdd\x00\x04\x00\x00" + honest[2:])
    assert Image.open(BytesIO(found.data)).size == (130, 120)
    assert b"".join(SECRET[at : at + 2] for at in (0, 2)) not in found.data
    assert found.data.count(b"\xff\xdd") == 1


def test_a_huffman_table_with_a_symbol_twice_is_refused() -> None:
    with pytest.raises(Refused):
        jpeg.clean(baseline()[:2] + b"\xff\xc4\x00\x17\x00" + b"\x00\x00\x04" + b"\x00" * 13 + b"abca" + baseline()[2:])


@pytest.mark.parametrize("options", [{"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 4}, {}])
def test_the_clean_stream_shows_the_same_picture(options: dict[str, object]) -> None:
    honest = baseline(**options)
    found = jpeg.clean(honest).data
    assert np.array_equal(np.asarray(Image.open(BytesIO(found))), np.asarray(Image.open(BytesIO(honest))))
    assert jpeg.clean(found).data == found


@pytest.mark.parametrize("hidden", [SECRET, SECRET[:6], SECRET * 20])
def test_bytes_behind_the_last_block_of_a_frame_do_not_leave(hidden: bytes) -> None:
    honest = baseline()
    pixels = as_baseline(honest[:-2] + hidden + b"\xff\xd9")
    found, done = settle(pixels, ())
    assert isinstance(found, Encapsulated)
    assert found.syntax == JPEG_2000_LOSSLESS
    assert found.removed == [HIDDEN]
    assert done == "same values, compressed anew"
    assert hidden not in found.frame
    assert np.array_equal(found.values(), as_baseline(honest).values())


def test_an_honest_frame_is_copied() -> None:
    pixels = as_baseline(baseline())
    assert settle(pixels, ()) == (pixels, "copied without decoding")


@pytest.mark.parametrize("name", SAMPLES)
def test_honest_frames_of_other_codecs_are_copied(name: str) -> None:
    frame, syntax, layout = frame_of(name)
    clean = jpeg.clean(frame).data
    found, done = settle(Encapsulated(clean, syntax, layout, []), ())
    assert (found.syntax, done) == (syntax, "copied without decoding")
    assert np.array_equal(found.values(), decode_frame(frame, syntax, layout))


@pytest.mark.parametrize("name", SAMPLES)
def test_tails_of_other_codecs_do_not_leave(name: str) -> None:
    frame, syntax, layout = frame_of(name)
    hidden = jpeg.clean(jpeg.clean(frame).data[:-2] + SECRET + b"\xff\xd9").data
    assert SECRET in hidden
    found, _ = settle(Encapsulated(hidden, syntax, layout, []), ())
    assert isinstance(found, Encapsulated)
    assert SECRET not in found.frame
    assert np.array_equal(found.values(), decode_frame(frame, syntax, layout))


def test_a_tail_within_a_jpeg_2000_tile_part_does_not_leave() -> None:
    frame, layout = encoded(picture(12), J2K, 12)
    part = jpeg2000.clean(frame).last_part
    length = int.from_bytes(frame[part + 6 : part + 10]) + len(SECRET)
    hidden = frame[: part + 6] + length.to_bytes(4) + frame[part + 10 : -2] + SECRET + b"\xff\xd9"
    found, _ = settle(Encapsulated(jpeg2000.clean(hidden).data, J2K, layout, []), ())
    assert isinstance(found, Encapsulated)
    assert SECRET not in found.frame
    assert np.array_equal(found.values(), picture(12))
    assert settle(Encapsulated(frame, J2K, layout, []), ())[1] == "copied without decoding"


@pytest.mark.parametrize("marker", [0xFF52, 0xFF5C], ids=["COD", "QCD"])
def test_a_jpeg_2000_segment_longer_than_its_fields_is_refused(marker: int) -> None:
    frame, _ = encoded(picture(12), J2K, 12)
    at = frame.index(marker.to_bytes(2))
    length = int.from_bytes(frame[at + 2 : at + 4])
    longer = frame[: at + 2] + (length + len(SECRET)).to_bytes(2) + frame[at + 4 : at + 2 + length]
    with pytest.raises(Refused):
        jpeg2000.clean(longer + SECRET + frame[at + 2 + length :])


@pytest.mark.parametrize("syntax", [J2K, RLE])
def test_bits_beyond_bits_stored_are_cleared_in_compressed_pixels(syntax: str) -> None:
    values = picture(12)
    values.flat[:40] |= 0x5000
    frame, layout = encoded(values, syntax, 16)
    layout = Layout(layout.rows, layout.columns, 16, 12, False, "MONOCHROME2")
    found, _ = settle(Encapsulated(frame, syntax, layout, []), ())
    assert found.syntax == syntax
    assert UNUSED_BITS in found.removed
    assert np.array_equal(found.values(), picture(12))


def test_a_fragment_longer_than_the_file_asks_for_no_memory() -> None:
    class Counting(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size < 1 << 20
            return super().read(size)

    offsets, fragment = b"\xfe\xff\x00\xe0" + bytes(4), b"\xfe\xff\x00\xe0\xf0\xff\xff\xf0" + b"\xff\xd8\xff\xd9"
    element = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff" + offsets + fragment
    with pytest.raises(Refused) as refused:
        extract(Layout(120, 130, 8, 8, False, "MONOCHROME2"), BASELINE, Counting(element))
    assert refused.value.code == "truncated"
