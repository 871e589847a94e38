"""What was lost when a picture was saved is found; a radiograph that was saved well has none of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from imaging.formats import decode
from imaging.quality.saving import saved_wrongly


@pytest.fixture(scope="module")
def chest() -> NDArray[np.float32]:
    return decode(Path(str(get_testdata_file("RG1_UNCR.dcm"))))


def around(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """About where the lungs lie."""
    mask = np.zeros(pixels.shape, bool)
    height, width = pixels.shape
    mask[height // 8 : 5 * height // 8, width // 8 : 7 * width // 8] = True
    return mask


def test_nothing_is_wrong_with_a_radiograph_that_was_saved_well(chest: NDArray[np.float32]) -> None:
    assert saved_wrongly(chest, around(chest)) == {}
    assert saved_wrongly(chest, np.zeros(chest.shape, bool)) == {}


@pytest.mark.parametrize("levels", [2, 6, 12])
def test_few_grey_levels(chest: NDArray[np.float32], levels: int) -> None:
    found = saved_wrongly(np.rint(chest * levels).astype(np.float32) / np.float32(levels), around(chest))
    assert found["posterised"] > 0.9


def test_hardly_any_contrast(chest: NDArray[np.float32]) -> None:
    faint = (np.rint((0.5 + chest / 15) * 255) / 255).astype(np.float32)
    found = saved_wrongly(faint, around(chest))
    assert set(found) == {"flat"}


@pytest.mark.parametrize("shift", [-0.9, 0.6])
def test_burnt_out(chest: NDArray[np.float32], shift: float) -> None:
    found = saved_wrongly(np.clip(chest * 1.5 + np.float32(shift), 0, 1), around(chest))
    assert found["saturated"] > 0.7


@pytest.mark.parametrize("shade", [0.2, 0.6, 1.0])
def test_a_frame(chest: NDArray[np.float32], shade: float) -> None:
    framed = np.pad(chest, 400, constant_values=np.float32(shade))
    assert set(saved_wrongly(framed, around(framed))) == {"framed"}


def test_what_collimation_leaves_is_no_frame(chest: NDArray[np.float32]) -> None:
    collimated = np.pad(chest, 150)
    assert saved_wrongly(collimated, np.pad(around(chest), 150)) == {}
    assert "framed" in saved_wrongly(np.pad(chest, 800), np.pad(around(chest), 800))


def test_nothing_but_missing_pixels() -> None:
    assert saved_wrongly(np.full((200, 200), np.nan, np.float32), np.zeros((200, 200), bool))
