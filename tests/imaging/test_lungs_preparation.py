"""The one preparation that training and use share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.lungs.preparation import fit, frame_for, prepare, resize, without_border


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_the_picture_lies_in_the_middle_of_the_canvas(height: int, width: int) -> None:
    frame = frame_for(height, width, 256)
    assert max(frame.inner_height, frame.inner_width) == 256
    assert abs(2 * frame.top + frame.inner_height - 256) <= 1
    assert abs(2 * frame.left + frame.inner_width - 256) <= 1
    if min(height, width) * 256 > max(height, width):
        assert abs(frame.inner_height / frame.inner_width - height / width) <= 0.51 * (1 + height / width)


@settings(max_examples=10, deadline=None)
@given(st.integers(20, 700), st.integers(20, 700), st.floats(0.01, 1000), st.floats(-1000, 1000))
def test_grey_values_have_no_unit(height: int, width: int, gain: float, offset: float) -> None:
    pixels = np.random.default_rng(height * width).random((height, width), dtype=np.float32)
    usual, _ = fit(pixels, 128)
    other, _ = fit((pixels * gain + offset).astype(np.float32), 128)
    assert usual.min() == 0
    assert usual.max() <= 1
    # What float32 leaves of the picture next to a large offset.
    assert np.abs(usual - other).max() < 1e-3 + 1e-6 * abs(offset) / gain * 10


def test_standardised_to_zero_and_one() -> None:
    prepared, frame = prepare(np.linspace(0, 9, 300 * 200, dtype=np.float32).reshape(300, 200), 256)
    assert prepared.shape == (256, 256)
    assert prepared.dtype == np.float32
    assert prepared.mean() == pytest.approx(0, abs=1e-4)
    assert prepared.std() == pytest.approx(1, abs=1e-3)
    assert frame.on_canvas() == (slice(0, 256), slice(42, 213))


def test_one_white_marker_does_not_set_the_contrast() -> None:
    pixels = np.tile(np.linspace(0, 1, 400, dtype=np.float32), (400, 1))
    marked = pixels.copy()
    marked[:8, :8] = 50
    assert np.abs(fit(pixels, 100)[0][10:] - fit(marked, 100)[0][10:]).max() < 0.02


def test_shrinking_averages() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), (512, 256))
    assert np.abs(resize(stripes, 64, 64)[2:-2, 2:-2] - 0.5).max() < 0.05


@pytest.mark.parametrize("pixels", [np.ones((9, 9)), np.full((9, 9), np.nan), np.zeros((0, 4)), np.zeros((3, 3, 3))])
def test_refuses_what_has_no_contrast(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError):
        fit(pixels.astype(np.float32), 64)


@pytest.mark.parametrize("shade", [0.0, 0.4, 1.0])
def test_a_border_of_one_shade_is_left_out(shade: float) -> None:
    picture = np.random.default_rng(3).uniform(0.1, 0.9, (600, 500)).astype(np.float32)
    picture[0, 0], picture[-1, -1] = 0.0, 1.0
    framed = np.pad(picture, ((80, 120), (0, 90)), constant_values=shade)
    framed[20:40, 100:110] = 1 - shade  # letters
    assert without_border(framed) == (slice(80, 680), slice(0, 500))


def test_what_collimation_leaves_stays() -> None:
    picture = np.random.default_rng(3).uniform(0.1, 0.9, (600, 500)).astype(np.float32)
    picture[0, 0], picture[-1, -1] = 0.0, 1.0
    framed = np.pad(picture, 30)
    assert without_border(framed) == (slice(0, 660), slice(0, 560))
    assert without_border(np.zeros((50, 40), np.float32)) == (slice(0, 50), slice(0, 40))
    assert without_border(np.full((50, 40), np.nan, np.float32)) == (slice(0, 50), slice(0, 40))
