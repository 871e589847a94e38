"""A collection of radiographs with hand-drawn lung masks, as the benchmarks read it."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.lungs.segmentation import Convention

CONVENTIONS: dict[str, Convention] = {"full_lung_incl_retrocardiac": "full", "lung_field_excl_heart": "field"}


def validation(index: Path) -> list[dict[str, str]]:
    """The rows of the validation split of an index.csv."""
    with index.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == "validation"]


def pixels_of(path: Path) -> NDArray[np.float32]:
    """A picture of 8 bits as (H, W) float32 in 0..1."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255)


def mask_of(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask, brought to the shape of its image."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize(shape[::-1], Image.Resampling.NEAREST)) > 127


def pair(index: Path, row: dict[str, str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A row's radiograph and its hand-drawn mask."""
    pixels = pixels_of(index.parent / row["filename"])
    return pixels, mask_of(index.parent / row["mask"], pixels.shape)
