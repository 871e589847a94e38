"""Masks and images of a segmentation collection: two values, grey levels, and nothing that is not a pixel."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom import dcmread

from imaging import masks
from imaging.formats import Refused
from imaging.phantoms import FakePerson, draw, write_dicom


def lungs(size: tuple[int, int] = (160, 120)) -> NDArray[np.bool_]:
    """Two rectangles in (H, W)."""
    mask = np.zeros(size, dtype=bool)
    mask[30:120, 15:50] = mask[30:120, 65:105] = True
    return mask


@pytest.mark.parametrize(
    ("mode", "black", "white", "name"),
    [
        ("1", 0, 1, "a.png"),
        ("L", 0, 255, "a.png"),
        ("L", 0, 1, "a.tif"),
        ("P", 0, 1, "a.png"),
        ("RGB", 0, 255, "a.png"),
    ],
)
def test_two_values_are_a_mask_however_they_are_stored(
    tmp_path: Path, mode: str, black: int, white: int, name: str
) -> None:
    path, values = tmp_path / name, np.where(lungs(), white, black).astype(np.uint8)
    image = Image.fromarray(lungs()) if mode == "1" else Image.fromarray(values)
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 255, 255])
    image = image.convert(mode) if mode == "RGB" else image
    image.save(path)
    assert (masks.read_mask(path) == lungs()).all()


def test_a_mask_of_sixteen_bits_counts_too(tmp_path: Path) -> None:
    Image.fromarray(np.where(lungs(), 65535, 0).astype(np.uint16)).save(tmp_path / "a.tif")
    assert (masks.read_mask(tmp_path / "a.tif") == lungs()).all()


def test_soft_edges_of_a_jpeg_are_cut_half_way(tmp_path: Path) -> None:
    Image.fromarray(lungs()).convert("L").save(tmp_path / "a.jpg", quality=75)
    found = masks.read_mask(tmp_path / "a.jpg")
    assert (found != lungs()).mean() < 0.01


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.zeros((160, 120), dtype=np.uint8), "mask_empty"),
        (np.tile(np.arange(120, dtype=np.uint8), (160, 1)), "mask_grey"),
        (np.where(lungs(), 0, 255).astype(np.uint8), "mask_inverted"),
        (lungs().astype(np.uint8) + np.triu(np.ones((160, 120), dtype=np.uint8)) * lungs(), "mask_grey"),
        (np.full((40, 40), 255, dtype=np.uint8), "too_small"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path: Path, values: NDArray[np.uint8], code: str) -> None:
    Image.fromarray(values).save(tmp_path / "a.png")
    with pytest.raises(Refused) as refused:
        masks.read_mask(tmp_path / "a.png")
    assert refused.value.code == code
    assert refused.value.message


def test_colours_are_labels_of_something_else(tmp_path: Path) -> None:
    Image.merge("RGB", [Image.fromarray(lungs()).convert("L"), *[Image.new("L", (120, 160))] * 2]).save(
        tmp_path / "a.png"
    )
    with pytest.raises(masks.NotAMask, match="mask_grey"):
        masks.read_mask(tmp_path / "a.png")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "bomb.png")
    with pytest.raises(Refused, match="too_many_pixels"):
        masks.read_mask(tmp_path / "bomb.png")


def test_only_pixels_of_a_mask_survive(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Comment", "Kowalski Jan")
    Image.fromarray(lungs()).save(tmp_path / "a.png", pnginfo=info, dpi=(72, 72))
    png = masks.mask_png(masks.read_mask(tmp_path / "a.png"))
    assert b"Kowalski" not in png
    with Image.open(BytesIO(png)) as image:
        assert (image.mode, image.size, image.info) == ("1", (120, 160), {})
        assert (np.asarray(image) == lungs()).all()


def test_another_size_only_by_the_nearest_pixel() -> None:
    assert (masks.resized(masks.resized(lungs(), 240, 320), 120, 160) == lungs()).all()


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_dicom_image_keeps_every_level_and_shows_bone_bright(tmp_path: Path, photometric: str) -> None:
    pixels, path = draw(3, bits=12, size=(320, 300)), tmp_path / "a.dcm"
    write_dicom(path, pixels, FakePerson.invent(3, "F"), seed=3)
    dataset = dcmread(path)
    dataset.PhotometricInterpretation = photometric
    dataset.save_as(path)
    with Image.open(BytesIO(masks.grey_tiff(masks.read_grey(path)))) as image:
        found = np.asarray(image)
        assert image.mode == "I;16"
    assert (found == (4095 - pixels if photometric == "MONOCHROME1" else pixels)).all()


def test_nothing_but_pixels_goes_into_the_tiff(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Kowalski Jan"
    levels = draw(4, bits=8, size=(320, 300))
    Image.fromarray(levels).save(tmp_path / "a.png", exif=exif)
    tiff = masks.grey_tiff(masks.read_grey(tmp_path / "a.png"))
    assert b"Kowalski" not in tiff
    with Image.open(BytesIO(tiff)) as image:
        assert (np.asarray(image) == levels).all()
        # Sizes, depth, compression, photometric, strips: no software, date, description or resolution.
        assert set(image.tag_v2) <= {254, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 339}  # type: ignore[attr-defined]
