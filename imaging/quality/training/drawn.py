"""Drawn pictures that are no chest radiographs: pages, shapes, noise, body sections and limbs, as many as one likes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

Random = np.random.Generator


def drawn(random: Random, side: int) -> NDArray[np.uint8]:
    """One (side, side) uint8 picture of a kind chosen by chance."""
    kinds = (_page, _shapes, _noise, _section, _section, _limb)
    image = kinds[random.integers(len(kinds))](random, side)
    low, high = np.percentile(image, (0.5, 99.5))
    scaled = np.clip((image - low) / max(float(high - low), 1e-6), 0, 1) * 255
    return np.rint(scaled).astype(np.uint8)


def _page(random: Random, side: int) -> NDArray[np.float32]:
    image = Image.new("L", (side, side), int(random.integers(180, 256)))
    draw = ImageDraw.Draw(image)
    size, y = random.uniform(4, 16), random.uniform(0, side / 4)
    while y < side * random.uniform(0.6, 1.0):
        letters = "".join(chr(c) for c in random.integers(97, 123, 60))
        words = "".join(" " if random.random() < 0.16 else letter for letter in letters)
        draw.text((random.uniform(0, 0.1) * side, y), words, fill=int(random.integers(0, 90)), font_size=size)
        y += 1.3 * size
    return np.asarray(image, np.float32) + random.normal(0, 3, (side, side)).astype(np.float32)


def _shapes(random: Random, side: int) -> NDArray[np.float32]:
    image = Image.new("L", (side, side), int(random.integers(0, 256)))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(1, 12)):
        x, y, w, h = random.uniform(-0.2, 1, 4) * side
        box = (x, y, x + abs(w), y + abs(h))
        shade = int(random.integers(0, 256))
        (draw.ellipse if random.random() < 0.5 else draw.rectangle)(box, fill=shade)
    blurred = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 3)))
    return np.asarray(blurred, np.float32) + random.normal(0, random.uniform(0, 15), (side, side)).astype(np.float32)


def _noise(random: Random, side: int) -> NDArray[np.float32]:
    """Noise whose amplitude falls with a power of the frequency: from grain to clouds."""
    spectrum = np.fft.rfft2(random.normal(size=(side, side)))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1 / side
    return np.fft.irfft2(spectrum / frequency ** random.uniform(0, 2.2), s=(side, side)).astype(np.float32)


def _section(random: Random, side: int) -> NDArray[np.float32]:
    """An axial section as CT or MR shows it: an oval body, a ring of bone or fat, organs or two lungs, a spine."""
    y, x = (grid / side - 0.5 for grid in np.mgrid[:side, :side].astype(np.float32))
    x, y = x + random.uniform(-0.06, 0.06), y + random.uniform(-0.06, 0.06)
    wide, high = random.uniform(0.33, 0.52), random.uniform(0.22, 0.42)
    body = (x / wide) ** 2 + np.abs(y / high) ** random.uniform(2, 3) < 1
    image = np.where(body, random.uniform(90, 250), random.uniform(0, 60))
    image += body * ndimage.gaussian_filter(random.normal(0, 300, (side, side)), 5)
    rim = body & ~ndimage.binary_erosion(body, iterations=int(random.integers(2, 7)))
    image[rim] += random.uniform(-60, 90)
    if random.random() < 0.7:  # lungs
        air = random.uniform(0, 90)
        for sign in (-1, 1):
            lung = ((x - sign * 0.5 * wide) / (0.36 * wide)) ** 2 + (
                (y + 0.02) / (random.uniform(0.5, 0.75) * high)
            ) ** 2
            vessels = ndimage.gaussian_filter(random.normal(size=(side, side)), random.uniform(0.6, 1.4)) > 0.5
            image[lung < 1] = air
            image[(lung < 1) & vessels] = air + random.uniform(20, 120)
    else:
        for _ in range(random.integers(2, 7)):
            cx, cy = random.uniform(-0.6, 0.6) * wide, random.uniform(-0.6, 0.6) * high
            organ = ((x - cx) / random.uniform(0.04, 0.16)) ** 2 + ((y - cy) / random.uniform(0.04, 0.14)) ** 2 < 1
            image[organ & body] = random.uniform(60, 255)
    spine = (x / 0.05) ** 2 + ((y - 0.55 * high) / 0.05) ** 2 < 1
    image[spine] = random.uniform(150, 255)
    if random.random() < 0.6:  # the table below
        table = np.abs(y - (high + 0.05 + 0.3 * x**2 * random.uniform(-1, 1))) < 0.008
        image[table] = random.uniform(80, 255)
    return (image + random.normal(0, 6, (side, side))).astype(np.float32)


def _limb(random: Random, side: int) -> NDArray[np.float32]:
    """A long bone or two in soft tissue on an empty ground."""
    y, x = (grid / side - 0.5 for grid in np.mgrid[:side, :side].astype(np.float32))
    bend = random.uniform(-0.4, 0.4) * y + random.uniform(-0.5, 0.5) * y**2
    soft = random.uniform(0.12, 0.35) * (1 + random.uniform(-0.8, 0.8) * y)
    image = np.clip(1 - ((x - bend) / soft) ** 2, 0, 1) ** 0.5 * random.uniform(60, 130)
    for _ in range(random.integers(1, 4)):
        centre, half = random.uniform(-0.5, 0.5) * soft, random.uniform(0.02, 0.08) * (1 + 6 * np.abs(y) ** 3)
        away = np.abs(x - bend - centre) / half
        image += (away < 1) * (60 + 90 * away**2)
    return (image + random.normal(0, 4, (side, side))).astype(np.float32)
