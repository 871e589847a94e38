"""The committed view network tells chests from all else, and which way round they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from pydicom.data import get_testdata_file

from imaging.formats import decode
from imaging.phantoms import draw
from imaging.quality import view
from imaging.quality.view import recognise


@pytest.fixture(scope="module")
def chest() -> NDArray[np.float32]:
    return decode(Path(str(get_testdata_file("RG1_UNCR.dcm"))))


def test_a_real_chest(chest: NDArray[np.float32]) -> None:
    seen = recognise(chest)
    assert (seen.name, seen.quarter_turns) == ("frontal", 0)
    assert seen.frontal > 0.8
    assert seen.inverted < 0.2
    assert seen.mirrored < 0.9
    assert seen.frontal + seen.lateral + seen.other == pytest.approx(1)
    assert sum(seen.turned) == pytest.approx(1)


@pytest.mark.parametrize("disease", ["normal", "covid"])
def test_a_drawn_chest(disease: str) -> None:
    seen = recognise(draw(77, disease=disease).astype(np.float32))  # type: ignore[arg-type]
    assert (seen.name, seen.quarter_turns) == ("frontal", 0)
    assert seen.inverted < 0.5


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turns_are_clockwise(chest: NDArray[np.float32], turns: int) -> None:
    seen = recognise(np.rot90(chest, -turns))
    assert (seen.name, seen.quarter_turns) == ("frontal", turns)
    assert seen.turned[turns] > 0.8
    assert seen.mirrored == 0.5


def test_an_inverted_chest(chest: NDArray[np.float32]) -> None:
    seen = recognise(1 - chest)
    assert seen.inverted > 0.8
    assert seen.name == "frontal"


def test_a_mirror_image_gets_the_opposite_answer(chest: NDArray[np.float32]) -> None:
    straight, mirrored = recognise(chest), recognise(chest[:, ::-1])
    assert straight.mirrored + mirrored.mirrored == pytest.approx(1, abs=1e-3)
    assert straight.frontal == pytest.approx(mirrored.frontal, abs=1e-3)
    assert straight.turned[1] == pytest.approx(mirrored.turned[3], abs=1e-3)


@pytest.mark.parametrize("name", ["camera", "page", "coins", "brick"])
def test_photographs_and_pages_are_no_chests(name: str) -> None:
    seen = recognise(getattr(skimage.data, name)().astype(np.float32))
    assert seen.name == "other"
    assert seen.frontal < 0.3


def test_no_size_no_range_no_border_changes_the_answer(chest: NDArray[np.float32]) -> None:
    usual = recognise(chest)
    for other in (
        chest * 4095 - 1000,
        np.pad(chest, 300, constant_values=1),
        np.kron(chest, np.ones((2, 2), np.float32)),
    ):
        assert recognise(other.astype(np.float32)).frontal == pytest.approx(usual.frontal, abs=0.1)


@pytest.mark.parametrize("pixels", [np.zeros((300, 200), np.float32), np.full((200, 300), np.nan, np.float32)])
def test_an_empty_picture_is_no_chest(pixels: NDArray[np.float32]) -> None:
    assert recognise(pixels).other == 1


def test_refuses_what_is_no_image() -> None:
    with pytest.raises(ValueError, match="two-dimensional"):
        recognise(np.zeros((10, 10, 3), np.float32))


def test_the_network_stays_small() -> None:
    assert view.NETWORK.weights.stat().st_size <= 1_000_000


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("turns", [0, 1])
def test_lungs_cut_off_at_a_side_of_the_picture_as_it_lies(chest: NDArray[np.float32], side: int, turns: int) -> None:
    lying = np.rot90(chest, -turns)
    height, width = lying.shape
    share = 0.62
    part = (
        lying[:, round((1 - share) * width) :],
        lying[:, : round(share * width)],
        lying[round((1 - share) * height) :],
        lying[: round(share * height)],
    )[side]
    cut = recognise(part).cut
    assert max(recognise(lying).cut) < 0.3
    assert int(np.argmax(cut)) == side
    assert cut[side] > 0.7


def test_the_sides_of_a_mirror_image_are_exchanged(chest: NDArray[np.float32]) -> None:
    part = chest[:, : round(0.62 * chest.shape[1])]
    left, right, top, bottom = recognise(part).cut
    assert recognise(part[:, ::-1]).cut == pytest.approx((right, left, top, bottom), abs=1e-3)
