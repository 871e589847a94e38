"""What is Good, what is Bad, and why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from skimage.draw import ellipse

from imaging.formats import decode
from imaging.lungs import segment
from imaging.phantoms import draw
from imaging.quality import MIN_LUNG_PX, REASONS, assess


def lungs(height: int = 800, width: int = 800, *, sides: str = "RL", scale: float = 1.0) -> NDArray[np.bool_]:
    """Two upright ellipses where lungs lie."""
    mask = np.zeros((height, width), bool)
    for side in sides:
        column = width * (0.3 if side == "R" else 0.7)
        outline = ellipse(height / 2, column, 0.35 * height * scale, 0.14 * width * scale, shape=mask.shape)  # type: ignore[no-untyped-call]
        mask[outline] = True
    return mask


def test_two_lungs_are_good() -> None:
    judged = assess(lungs(), 0.99)
    assert (judged.quality, judged.reasons) == ("Good", [])
    assert judged.score > 0.85
    assert set(judged.properties) == {"eccentricity", "orientation", "area", "solidity"}
    assert all(0 <= value <= 1 for value in judged.properties.values())
    assert judged.score == pytest.approx(np.mean(list(judged.properties.values())))


def test_measures_the_lungs_in_the_original_pixels() -> None:
    mask = np.zeros((1000, 1000), bool)
    mask[100:700, 200:400] = mask[150:650, 600:850] = True
    mask[990, 990] = True  # a speck is no lung
    judged = assess(mask, 0.99)
    assert (judged.lung_height_px, judged.lung_width_px) == (600, 650)


@pytest.mark.parametrize(("size", "bad"), [((MIN_LUNG_PX, 500), False), ((MIN_LUNG_PX - 1, 500), True)])
@pytest.mark.parametrize("turned", [False, True])
def test_small_lungs_are_bad(size: tuple[int, int], bad: bool, turned: bool) -> None:
    height, width = reversed(size) if turned else size
    mask = np.zeros((700, 700), bool)
    mask[100 : 100 + height, 50 : 50 + width // 3] = True
    mask[100 : 100 + height, 50 + width - width // 3 : 50 + width] = True
    judged = assess(mask, 0.99)
    assert (judged.lung_height_px, judged.lung_width_px) == (height, width)
    assert ("resolution" in judged.reasons) is bad


@pytest.mark.parametrize("side", ["R", "L"])
def test_one_lung_is_bad(side: str) -> None:
    judged = assess(lungs(sides=side), 0.99)
    assert judged.quality == "Bad"
    assert judged.reasons[0] == "one_lung"
    assert judged.score < assess(lungs(), 0.99).score / 1.5


def test_no_lungs_are_bad() -> None:
    for mask in (np.zeros((600, 500), bool), np.eye(500, dtype=bool)):
        judged = assess(mask, 0.0)
        assert (judged.quality, judged.score, judged.reasons) == ("Bad", 0.0, ["no_lungs"])
        assert judged.lung_height_px == judged.lung_width_px == 0


def test_an_unsure_network_is_bad() -> None:
    assert assess(lungs(), 0.5).reasons == ["unsure"]


def test_two_rags_are_bad() -> None:
    mask = lungs()
    mask[np.arange(800) // 20 % 2 == 0] = False
    mask[:, [400 - 160, 400 + 160]] = lungs()[:, [400 - 160, 400 + 160]]
    assert "shape" in assess(mask, 0.99).reasons


def test_lying_lungs_score_less() -> None:
    assert assess(lungs().T, 0.99).score < assess(lungs(), 0.99).score - 0.15


def test_every_reason_has_words() -> None:
    cases = [assess(lungs(scale=0.2), 0.1), assess(lungs(sides="R"), 0.9), assess(np.zeros((9, 9), bool), 0.0)]
    used = {reason for judged in cases for reason in judged.reasons}
    assert used <= set(REASONS)
    assert all(words.endswith((".", "?")) for words in REASONS.values())


def test_a_real_chest_is_good_and_a_blank_or_turned_one_is_not() -> None:
    pixels = decode(Path(str(get_testdata_file("RG1_UNCR.dcm"))))
    found = segment(pixels)
    assert assess(found.mask, found.confidence).quality == "Good"
    for spoiled in (np.zeros_like(pixels), 1 - pixels):
        found = segment(spoiled)
        assert assess(found.mask, found.confidence, spoiled).quality == "Bad"


def test_a_small_chest_is_bad_for_its_size_alone() -> None:
    found = segment(draw(5, size=(330, 300)).astype(np.float32) / np.float32(255))
    judged = assess(found.mask, found.confidence)
    assert (judged.quality, judged.reasons) == ("Bad", ["resolution"])


def test_half_a_chest_is_cut() -> None:
    chest = decode(Path(str(get_testdata_file("RG1_UNCR.dcm"))))
    half = np.ascontiguousarray(chest[:, : round(0.62 * chest.shape[1])])
    found = segment(half)
    assert "cut" in assess(found.mask, found.confidence, half).reasons


def test_of_what_is_no_chest_the_outline_is_not_spoken_of() -> None:
    page = np.tile(np.linspace(0.1, 0.9, 400, dtype=np.float32), (400, 1))
    judged = assess(lungs(400, 400, sides="R"), 0.3, page)
    assert judged.reasons == ["not_chest"]
    assert not judged.usable
    assert set(judged.findings) == {"not_chest"}
