"""The radiographs and masks of a collection, prepared once, and the changes made to them while training."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from imaging.lungs.preparation import fit, resize, standardise

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
            canvas, frame = fit(pixels, size)
            images[number] = np.round(canvas * 255)
            small = resize(mask.astype(np.float32), frame.inner_height, frame.inner_width)
            masks[number][frame.on_canvas()] = np.where(small > 0.5, 255, 0)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(cached, images=images, masks=masks)
    with np.load(cached) as arrays:
        images, masks = arrays["images"], arrays["masks"]
    channels = np.array([CHANNELS[row["mask_convention"]] for row in rows], dtype=np.int64)
    return Prepared(images, masks, channels, rows)


def _warp(
    image: Image.Image, mask: Image.Image, random: np.random.Generator, size: int
) -> tuple[Image.Image, Image.Image]:
    """Shift by up to 8 %, scale by 0.8..1.2, stretch by 0.93..1.07, rotate by up to 12 degrees, flip half of them."""
    angle = np.deg2rad(random.uniform(-12, 12))
    scale, stretch = random.uniform(0.8, 1.2), random.uniform(0.93, 1.07)
    scale *= image.width / size
    flip = -1 if random.random() < 0.5 else 1
    shift = random.uniform(-0.08, 0.08, 2) * image.width
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = matrix @ np.diag([flip * scale * stretch, scale / stretch])
    offset = np.full(2, image.width / 2) + shift - matrix @ np.full(2, size / 2)
    affine = (*matrix[0], offset[0], *matrix[1], offset[1])
    if scale > 1.5:  # PIL's bilinear reads four neighbours only
        affine = tuple(value / 2 for value in affine)
        image, mask = image.reduce(2), mask.reduce(2)
    return (
        image.transform((size, size), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR),
        mask.transform((size, size), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR),
    )


def _clutter(image: Image.Image, random: np.random.Generator) -> None:
    """Draw what lies over real radiographs: labels, boxes of text, cables and tubes."""
    draw, size = ImageDraw.Draw(image), image.width
    if random.random() < 0.3:
        for _ in range(random.integers(1, 4)):
            letters = "".join(chr(c) for c in random.integers(48, 91, random.integers(1, 9)))
            x, y = random.uniform(0, 0.9, 2) * size
            shade = int(random.choice([0, 255, 255]))
            if random.random() < 0.4:
                draw.rectangle((x, y, x + random.uniform(0.05, 0.3) * size, y + 0.06 * size), fill=255 - shade)
            draw.text((x, y), letters, fill=shade, font_size=random.uniform(0.03, 0.08) * size)
    if random.random() < 0.3:
        for _ in range(random.integers(1, 4)):
            points = np.cumsum(np.vstack([random.uniform(0, size, 2), random.normal(0, 0.12 * size, (4, 2))]), axis=0)
            draw.line(
                [tuple(p) for p in points],
                fill=int(random.integers(140, 256)),
                width=max(1, int(random.uniform(0.4, 1.6) * size / 128)),
                joint="curve",
            )


def example(
    data: Prepared, number: int, size: int, random: np.random.Generator | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The network's input (size, size) and the truth in 0..1; with a random generator changed as above."""
    image, mask = Image.fromarray(data.images[number]), Image.fromarray(data.masks[number])
    if random is None:
        if size != image.width:
            image, mask = (i.resize((size, size), Image.Resampling.BILINEAR) for i in (image, mask))
        return standardise(np.asarray(image, np.float32) / 255), np.asarray(mask, np.float32) / 255
    image, mask = _warp(image, mask, random, size)
    _clutter(image, random)
    canvas = np.asarray(image, np.float32) / 255
    canvas = canvas ** float(np.exp(random.normal(0, 0.3)))
    canvas = canvas * random.uniform(0.7, 1.1) + random.uniform(-0.05, 0.15)
    canvas += random.normal(0, random.uniform(0, 0.03), canvas.shape)
    return standardise(np.clip(canvas, 0, 1).astype(np.float32)), np.asarray(mask, np.float32) / 255
