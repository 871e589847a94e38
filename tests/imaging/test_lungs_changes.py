"""What training does to radiographs and their masks; NumPy and OpenCV alone, so it runs where PyTorch is missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imaging.lungs.training import changes

Pixels = NDArray[np.uint8]


def pair() -> tuple[Pixels, Pixels]:
    image = np.random.default_rng(1).integers(0, 256, (96, 96)).astype(np.uint8)
    mask = np.zeros((96, 96), np.uint8)
    mask[20:70, 10:40] = mask[20:70, 56:86] = 255
    return image, mask


def test_the_seed_alone_decides() -> None:
    image, mask = pair()
    kept = image.copy(), mask.copy()
    seen = set()
    for seed in range(30):
        one, two = (changes.changed(image, mask, 64, np.random.default_rng(seed)) for _ in range(2))
        for part, again in zip(one, two, strict=True):
            assert part.shape == (64, 64)
            assert part.dtype == np.uint8
            assert (part == again).all()
        assert one[1].any()
        seen.add(one[0].tobytes())
    assert len(seen) == 30
    assert (image == kept[0]).all()
    assert (mask == kept[1]).all()


def test_image_and_mask_move_together() -> None:
    _, mask = pair()
    for seed in range(20):
        image, moved = changes._moved(mask, mask, 64, np.random.default_rng(seed))
        assert (image == moved).all()


def test_what_is_cut_off_is_no_lung() -> None:
    image, mask = pair()
    for seed in range(20):
        picture, drawn = changes._cut(image, mask, np.random.default_rng(seed))
        outside = (drawn != mask) & (mask > 0)
        assert not drawn[outside].any()
        assert len(np.unique(picture[outside])) <= 1


def test_whitening_only_lightens() -> None:
    image, mask = pair()
    whitened = changes._opacified(image, mask, np.random.default_rng(2))
    assert (whitened >= image).all()
    assert (whitened > image).any()
    assert changes._opacified(image, np.zeros_like(mask), np.random.default_rng(2)) is image
