"""Cutting to the lungs and putting a mask back are each other's inverse."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imaging.lungs import segment
from imaging.lungs.regions import cut, put_back
from imaging.phantoms import draw


def blobs(seed: int, height: int, width: int) -> NDArray[np.bool_]:
    """A rough mask with at least one pixel."""
    mask = np.random.default_rng(seed).random((height, width)) > 0.7
    mask[height // 2, width // 3] = True
    return mask


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 128), st.integers(1, 128))
def test_enlarged_lungs_come_back_bit_for_bit(seed: int, height: int, width: int) -> None:
    mask = blobs(seed, height, width)
    region = cut(np.random.default_rng(seed).random((height, width), dtype=np.float32), mask, size=128)
    assert (put_back(region.mask, json.loads(json.dumps(region.transform))) == mask).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(140, 400), st.integers(140, 400))
def test_a_region_mask_that_was_put_back_is_cut_the_same(seed: int, height: int, width: int) -> None:
    outline = np.ones((height, width), bool)
    region = cut(np.zeros((height, width), np.float32), outline, size=64, margin=0)
    top, left, inner_height, inner_width = region.transform["inner"]
    drawn = np.zeros((64, 64), bool)
    drawn[top : top + inner_height, left : left + inner_width] = blobs(seed, inner_height, inner_width)
    # The corners hold the bounding box, so that the second cut is the first one's.
    for row in (top, top + inner_height - 1):
        drawn[row, [left, left + inner_width - 1]] = True
    back = put_back(drawn, region.transform)
    again = cut(np.zeros((height, width), np.float32), back, size=64, margin=0)
    assert again.transform == region.transform
    assert (again.mask == drawn).all()


def test_region_of_real_size() -> None:
    pixels = draw(4, size=(1400, 1300)).astype(np.float32) / np.float32(255)
    mask = segment(pixels).mask
    region = cut(pixels, mask)
    assert region.image.shape == region.mask.shape == (512, 512)
    assert region.image.dtype == np.uint8
    assert region.mask.dtype == bool
    assert region.image[region.mask].mean() < region.image[region.image > 0].mean()
    back = put_back(region.mask, region.transform)
    assert back.shape == mask.shape
    assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > 0.99


def test_aspect_ratio_is_kept_and_the_rest_is_black() -> None:
    mask = np.zeros((900, 900), bool)
    mask[100:700, 300:500] = True
    region = cut(np.random.default_rng(1).random((900, 900), dtype=np.float32), mask, margin=0.05)
    top, left, bottom, right = region.transform["box"]
    assert (top, left, bottom, right) == (70, 270, 730, 530)
    _, offset, height, width = region.transform["inner"]
    assert height == 512
    assert width == round(512 * 260 / 660)
    assert not region.image[:, :offset].any()
    assert not region.image[:, offset + width :].any()


def test_margin_stops_at_the_edge() -> None:
    mask = np.zeros((50, 40), bool)
    mask[0, 0] = mask[49, 39] = True
    assert cut(np.zeros((50, 40), np.float32), mask, margin=0.5).transform["box"] == [0, 0, 50, 40]


def test_refuses_what_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match="empty"):
        cut(np.zeros((9, 9), np.float32), np.zeros((9, 9), bool))
    with pytest.raises(ValueError, match="shape"):
        cut(np.zeros((9, 9), np.float32), np.ones((9, 8), bool))
    region = cut(np.zeros((9, 9), np.float32), np.ones((9, 9), bool))
    with pytest.raises(ValueError, match="size of the region"):
        put_back(np.ones((256, 256), bool), region.transform)
