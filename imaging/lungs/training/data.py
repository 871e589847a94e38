"""The radiographs and masks of a collection, prepared once; `changes` holds what is done to them while training."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.lungs.preparation import fit, resize, standardise, without_border
from imaging.lungs.training.changes import changed

CHANNELS = {"full_lung_incl_retrocardiac": 0, "lung_field_excl_heart": 1}


@dataclass(frozen=True)
class Prepared:
    """images, masks: (N, S, S) uint8, grey values and 0/255 on the canvas; channels: (N,) int64; rows: index rows."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    channels: NDArray[np.int64]
    rows: list[dict[str, str]]


def read_index(index: Path, split: str) -> list[dict[str, str]]:
    """The rows of a collection's index.csv that belong to one split (`train` or `validation`)."""
    with index.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def read_pair(folder: Path, row: dict[str, str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A row's radiograph (H, W) float32 in 0..1 and its hand-drawn mask (H, W) bool."""
    pixels = np.asarray(Image.open(folder / row["filename"]).convert("L"), dtype=np.float32) / 255
    mask = Image.open(folder / row["mask"]).convert("L")
    if mask.size != pixels.shape[::-1]:
        mask = mask.resize(pixels.shape[::-1], Image.Resampling.NEAREST)
    return pixels, np.asarray(mask) > 127


def load(index: Path, split: str, size: int, cache: Path) -> Prepared:
    """Read and fit a split, or take it from the cache folder, where it is kept under the index's own checksum."""
    rows = read_index(index, split)
    stem = f"{hashlib.sha256(index.read_bytes()).hexdigest()[:12]}-{split}-{size}.npz"
    cached = cache / stem
    if not cached.exists():
        images = np.zeros((len(rows), size, size), np.uint8)
        masks = np.zeros_like(images)
        for number, row in enumerate(rows):
            pixels, mask = read_pair(index.parent, row)
            place = without_border(pixels)
            canvas, frame = fit(pixels[place], size)
            images[number] = np.round(canvas * 255)
            small = resize(mask[place].astype(np.float32), frame.inner_height, frame.inner_width)
            masks[number][frame.on_canvas()] = np.round(small * 255)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(cached, images=images, masks=masks)
    with np.load(cached) as arrays:
        images, masks = arrays["images"], arrays["masks"]
    channels = np.array([CHANNELS[row["mask_convention"]] for row in rows], dtype=np.int64)
    return Prepared(images, masks, channels, rows)


def example(
    data: Prepared, number: int, size: int, random: np.random.Generator | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The network's input (size, size) and the truth in 0..1; with a random generator changed by it."""
    image, mask = data.images[number], data.masks[number]
    if random is None:
        image, mask = (cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA) for part in (image, mask))
    else:
        image, mask = changed(image, mask, size, random)
    return standardise(image.astype(np.float32) / 255), mask.astype(np.float32) / 255
