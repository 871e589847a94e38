"""JPEG, PNG and TIFF: the picture stays as it is, everything else goes."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imaging.deid import Report, deidentify
from imaging.formats import Format, Refused, sniff

from .corpus import KEY, leaks, picture

PLANTED = "Zażółćska 44051401458"


def run(source: Path, target: Path) -> Report:
    return deidentify(source, target, key=KEY, key_id="test", hospital=1, patient="")


def exif(orientation: int = 1) -> Image.Exif:
    found = Image.Exif()
    found[0x010E], found[0x013B], found[0x0112] = "QPAT-770131", "Qwertzuiop", orientation
    found.get_ifd(0x8825)[1] = "N"  # GPS
    return found


def jpeg(path: Path, image: Image.Image | None = None, orientation: int = 1, **options: object) -> Path:
    out = BytesIO()
    (image or Image.fromarray(picture(bits=8))).save(
        out, format="JPEG", quality=90, exif=exif(orientation), comment=PLANTED.encode(), **options
    )
    path.write_bytes(out.getvalue() + PLANTED.encode() + out.getvalue())  # a second picture behind the first
    return path


@pytest.mark.parametrize("options", [{}, {"optimize": True}])
def test_jpeg_keeps_its_coefficients(tmp_path: Path, options: dict[str, object]) -> None:
    source, target = jpeg(tmp_path / "in.jpg", **options), tmp_path / "out.jpg"
    assert {"44051401458", "QPAT-770131", "Qwertzuiop"} <= set(leaks(source.read_bytes()))
    report = run(source, target)
    assert leaks(target.read_bytes()) == []
    assert np.array_equal(np.asarray(Image.open(source)), np.asarray(Image.open(target)))
    found = Image.open(target)
    assert not found.getexif()
    assert "comment" not in found.info
    assert {entry.attribute for entry in report.removed} >= {"APP1", "COM", "bytes after EOI"}
    again = tmp_path / "again.jpg"
    run(target, again)
    assert again.read_bytes() == target.read_bytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("quality", [30, 75, 90, 95])
def test_text_within_the_scan_of_a_jpeg_goes(tmp_path: Path, mode: str, quality: int) -> None:
    """Bytes between the last block and EOI look like entropy-coded data; the picture is written anew without them."""
    image = Image.fromarray(picture(bits=8)).convert(mode)
    out = BytesIO()
    image.save(out, format="JPEG", quality=quality)
    clean, source, target = tmp_path / "clean.jpg", tmp_path / "in.jpg", tmp_path / "out"
    clean.write_bytes(out.getvalue())
    assert run(clean, tmp_path / "clean").format is Format.JPEG
    source.write_bytes(out.getvalue()[:-2] + b"44051401458" + b"\xff\xd9")
    report = run(source, target)
    assert report.format is sniff(target) is Format.PNG
    assert leaks(target.read_bytes()) == []
    assert np.array_equal(np.asarray(Image.open(source)), np.asarray(Image.open(target)))
    assert "bytes within the scan" in {entry.attribute for entry in report.removed}


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_blocks": 1}])
def test_a_jpeg_whose_scans_cannot_be_checked_becomes_a_png(tmp_path: Path, options: dict[str, object]) -> None:
    source, target = jpeg(tmp_path / "in.jpg", **options), tmp_path / "out"
    report = run(source, target)
    assert report.format is sniff(target) is Format.PNG
    assert leaks(target.read_bytes()) == []
    assert np.array_equal(np.asarray(Image.open(source)), np.asarray(Image.open(target)))


@pytest.mark.parametrize("mode", ["YCbCr", "RGB"])
def test_grey_jpeg_in_colours_keeps_its_meaning(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(picture(bits=8)).convert("RGB")
    source = jpeg(tmp_path / "in.jpg", image, keep_rgb=mode == "RGB")
    run(source, tmp_path / "out.jpg")
    assert np.array_equal(np.asarray(Image.open(source)), np.asarray(Image.open(tmp_path / "out.jpg")))


@pytest.mark.parametrize("orientation", [2, 3, 4, 5, 6, 7, 8])
def test_a_turned_jpeg_becomes_an_upright_png(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    source = jpeg(tmp_path / "in.jpg", orientation=orientation)
    report = run(source, tmp_path / "out")
    assert report.format is Format.PNG
    assert sniff(tmp_path / "out") is Format.PNG
    upright = ImageOps.exif_transpose(Image.open(source))
    assert np.array_equal(np.asarray(upright), np.asarray(Image.open(tmp_path / "out")))
    assert leaks((tmp_path / "out").read_bytes()) == []


def png(path: Path, image: Image.Image, **options: object) -> Path:
    info = PngInfo()
    info.add_text("Patient", "44051401458")
    info.add_text("Note", "QPAT-770131 Qwertzuiop", zip=True)
    info.add_itxt("Name", "Grzegżółka", zip=True)
    info.add(b"prVt", PLANTED.encode())
    image.save(path, format="PNG", pnginfo=info, exif=exif(), icc_profile=PLANTED.encode(), **options)
    path.write_bytes(path.read_bytes() + PLANTED.encode())
    return path


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "RGBA", "LA", "P"])
def test_png_keeps_pixels_and_depth(tmp_path: Path, mode: str) -> None:
    pixels = picture(bits=8)
    image = Image.fromarray(picture() if mode == "I;16" else pixels)
    if mode != "I;16":
        image = image.convert(mode)
    source, target = png(tmp_path / "in.png", image), tmp_path / "out.png"
    assert {"QPAT-770131", "Grzegżółka", "44051401458"} <= set(leaks(source.read_bytes()))
    report = run(source, target)
    assert leaks(target.read_bytes()) == []
    assert leaks(repr(report.as_dict()).encode()) == []
    found = Image.open(target)
    assert found.mode == {"RGBA": "RGB", "LA": "L", "P": "L"}.get(mode, mode)
    expected = picture() if mode == "I;16" else pixels
    grey = np.asarray(found)
    assert np.array_equal(grey if grey.ndim == 2 else grey[:, :, 0], expected)
    assert {"tEXt", "zTXt", "iTXt", "eXIf", "iCCP", "other chunks", "bytes after IEND"} <= {
        entry.attribute for entry in report.removed
    }


@pytest.mark.parametrize(
    ("bits", "compression"), [(8, "raw"), (12, "raw"), (8, "tiff_lzw"), (12, "tiff_adobe_deflate")]
)
def test_tiff_keeps_pixels_of_the_first_page(tmp_path: Path, bits: int, compression: str) -> None:
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    pages = [Image.fromarray(picture(bits=bits)), Image.fromarray(picture(100, 100, bits))]
    pages[0].save(
        source, format="TIFF", save_all=True, append_images=pages[1:], compression=compression,
        description="QPAT-770131", artist="Qwertzuiop", tiffinfo={65000: PLANTED, 33723: b"44051401458"},
    )  # fmt: skip
    assert "QPAT-770131" in leaks(source.read_bytes())
    report = run(source, target)
    assert leaks(target.read_bytes()) == []
    found = Image.open(target)
    assert found.n_frames == 1
    assert np.array_equal(np.asarray(found), picture(bits=bits))
    assert {"ImageDescription", "Artist", "other tags", "further pages"} <= {
        entry.attribute for entry in report.removed
    }


@pytest.mark.parametrize("extension", ["jpg", "png"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_cut_file_is_refused_and_leaves_nothing(tmp_path: Path, extension: str, share: float) -> None:
    source = tmp_path / f"in.{extension}"
    Image.fromarray(picture(bits=8)).save(source)
    data = source.read_bytes()
    source.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(Refused):
        run(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [source.name]
