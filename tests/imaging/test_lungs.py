"""The committed weights find the lungs, in drawn chests and in the real ones that pydicom-data carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from scipy import ndimage

from imaging.formats import decode
from imaging.lungs import segment, segmentation
from imaging.phantoms import draw


def chest(seed: int = 1, **options: Any) -> NDArray[np.float32]:
    return draw(seed, **options).astype(np.float32) / np.float32(255)


@pytest.mark.parametrize("name", ["RG1_UNCR.dcm", "RG1_J2KR.dcm"])
def test_two_lungs_in_a_real_chest_radiograph(name: str) -> None:
    path = get_testdata_file(name)
    assert path, "package pydicom-data is missing"
    pixels = decode(Path(str(path)))
    found = segment(pixels)
    labels, count = ndimage.label(found.mask)
    assert found.mask.shape == found.probability.shape == pixels.shape
    assert found.mask.dtype == bool
    assert count == 2
    assert found.confidence > 0.95
    left, right = sorted(ndimage.center_of_mass(found.mask, labels, [1, 2]), key=lambda centre: centre[1])
    height, width = pixels.shape
    assert 0.15 * width < left[1] < 0.45 * width < 0.55 * width < right[1] < 0.85 * width
    assert all(0.25 * height < centre[0] < 0.7 * height for centre in (left, right))
    # Air is darker than the mediastinum between the lungs.
    assert pixels[found.mask].mean() < pixels[int(left[0]), int(width * 0.47) : int(width * 0.53)].mean()


@pytest.mark.parametrize("disease", ["normal", "pneumonia", "covid"])
def test_two_lungs_in_a_drawn_chest(disease: str) -> None:
    found = segment(chest(3, disease=disease))
    assert ndimage.label(found.mask)[1] == 2
    assert 0.2 < found.mask.mean() < 0.5
    assert found.confidence > 0.9


def test_field_leaves_out_the_lung_behind_the_heart() -> None:
    pixels = decode(Path(str(get_testdata_file("RG1_UNCR.dcm"))))
    full, field = segment(pixels, "full").mask, segment(pixels, "field").mask
    assert field.sum() < 0.97 * full.sum()
    assert (field & full).sum() > 0.9 * field.sum()


def test_same_mask_whatever_the_size_range_and_border() -> None:
    pixels = chest(2, size=(1000, 920))
    usual = segment(pixels).mask

    def dice(other: NDArray[np.bool_]) -> float:
        return 2 * float((usual & other).sum()) / float(usual.sum() + other.sum())

    assert dice(segment(pixels * 4095 - 1024).mask) > 0.99
    assert dice(segment(np.kron(pixels, np.ones((2, 2), np.float32))).mask[::2, ::2]) > 0.99
    for shade in (0.0, 0.5, 1.0):
        wide = np.pad(pixels, ((0, 0), (300, 300)), constant_values=shade)
        found = segment(wide)
        assert dice(found.mask[:, 300:-300]) > 0.99
        assert not found.mask[:, :300].any()
        assert (found.probability[found.mask] >= 0.5).mean() > 0.99  # all but filled holes
        assert found.probability[:, :300].max() == 0


def test_looks_again_from_closer_where_the_lungs_are_small() -> None:
    chest_itself = chest(2, size=(500, 460))
    page = np.random.default_rng(1).uniform(0.9, 1, (1500, 1400)).astype(np.float32)
    page[700:1200, 600:1060] = chest_itself
    truth = np.zeros(page.shape, bool)
    truth[700:1200, 600:1060] = segment(chest_itself).mask
    found = segment(page).mask
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.93


def test_same_image_same_answer() -> None:
    one, two = segment(chest()), segment(chest())
    assert (one.mask == two.mask).all()
    assert one.confidence == two.confidence
    assert one.model_version == two.model_version == segmentation.NETWORK.version


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((400, 300), np.float32),
        np.full((300, 400), np.nan, np.float32),
        np.full((300, 400), np.inf, np.float32),
        np.ones((1, 1), np.float32),
    ],
    ids=["black", "nan", "infinite", "one pixel"],
)
def test_nothing_to_see_gives_an_empty_mask(pixels: NDArray[np.float32]) -> None:
    found = segment(pixels)
    assert found.mask.shape == pixels.shape
    assert not found.mask.any()
    assert found.confidence == 0.0


def test_some_missing_pixels_do_no_harm() -> None:
    pixels = chest()
    whole = segment(pixels).mask
    pixels[:20, :20] = np.nan
    pixels[-3:, 5] = np.inf
    assert (segment(pixels).mask == whole).mean() > 0.99


def test_noise_is_not_trusted() -> None:
    noise = np.random.default_rng(0).random((600, 600), dtype=np.float32)
    assert segment(noise).confidence < 0.9


def test_refuses_what_is_no_image() -> None:
    with pytest.raises(ValueError, match="two-dimensional"):
        segment(np.zeros((10, 10, 3), np.float32))
    with pytest.raises(ValueError, match="convention"):
        segment(np.zeros((10, 10), np.float32), "lungs")  # type: ignore[arg-type]


def test_keeps_two_lungs_without_holes_and_specks() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 10:40] = mask[20:80, 60:90] = True
    lungs = mask.copy()
    mask[40:50, 20:25] = False
    mask[2:14, 45:55] = mask[95, 95] = True
    assert (segmentation._two_lungs(mask) == lungs).all()
    assert not segmentation._two_lungs(np.eye(100, dtype=bool)).any()
