"""Random changes of a radiograph and its mask: what training has not shown, use will bring.

Every function takes and returns uint8 arrays on the canvas, 0 black .. 255 white.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Random = np.random.Generator


def changed(image: Pixels, mask: Pixels, size: int, random: Random) -> tuple[Pixels, Pixels]:
    """Another radiograph and its mask, (size, size) each, from (S, S): moved, cut, overlaid, exposed differently."""
    image, mask = _moved(image, mask, size, random)
    if random.random() < 0.25:
        image = _opacified(image, mask, random)
    if random.random() < 0.3:
        image = _uneven(image, random)
    image = _overlaid(image, random)
    image = _exposed(image, random)
    image = _saved(image, random)
    if random.random() < 0.25:
        image, mask = _cut(image, mask, random)
    return image, mask


def _moved(image: Pixels, mask: Pixels, size: int, random: Random) -> tuple[Pixels, Pixels]:
    """Shift by 8 %, scale 0.75..1.2, stretch by 0.9..1.1, turn by up to 20 degrees, bend by 2 %; flip half of them."""
    angle = np.deg2rad(float(np.clip(random.normal(0, 8), -20, 20)))
    scale, stretch = random.uniform(0.75, 1.2) * image.shape[0] / size, random.uniform(0.9, 1.1)
    flip = -1 if random.random() < 0.5 else 1
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = matrix @ np.diag([flip * scale * stretch, scale / stretch])
    shift = random.uniform(-0.08, 0.08, 2) * image.shape[0]
    offset = np.full(2, image.shape[0] / 2) + shift - matrix @ np.full(2, size / 2)
    affine = np.column_stack([matrix, offset]).astype(np.float32)
    if random.random() < 0.7:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return (
            cv2.warpAffine(image, affine, (size, size), flags=flags),
            cv2.warpAffine(mask, affine, (size, size), flags=flags),
        )
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    bends = random.normal(0, random.uniform(0.005, 0.02) * image.shape[0], (2, 5, 5)).astype(np.float32)
    bend_x, bend_y = (cv2.resize(bend, (size, size), interpolation=cv2.INTER_CUBIC) for bend in bends)
    map_x = affine[0, 0] * x + affine[0, 1] * y + affine[0, 2] + bend_x
    map_y = affine[1, 0] * x + affine[1, 1] * y + affine[1, 2] + bend_y
    return (
        cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR),
        cv2.remap(mask, map_x, map_y, cv2.INTER_LINEAR),
    )


def _opacified(image: Pixels, mask: Pixels, random: Random) -> Pixels:
    """Whitened parts of lungs: round, or all below a level; the mask still counts them as lung."""
    inside = np.argwhere(mask > 127)
    if not len(inside):
        return image
    size = image.shape[0]
    cloud = np.zeros((size, size), np.float32)
    for _ in range(int(random.integers(1, 4))):
        y, x = (int(v) for v in inside[random.integers(len(inside))])
        axes = (int(random.uniform(0.04, 0.2) * size), int(random.uniform(0.04, 0.2) * size))
        strength = float(random.uniform(0.3, 1.0))
        if random.random() < 0.25:  # an effusion or a consolidated base: from here down, on one side
            left, right = (0, size // 2) if x < size // 2 else (size // 2, size)
            cloud[y:, left:right] = strength
        else:
            cv2.ellipse(cloud, (x, y), axes, float(random.uniform(0, 180)), 0, 360, strength, -1)
    cloud = cv2.GaussianBlur(cloud, (0, 0), float(random.uniform(0.01, 0.05) * size))
    lungs = cv2.GaussianBlur(mask, (0, 0), 2).astype(np.float32) / 255 if random.random() < 0.5 else np.float32(1)
    cloud *= lungs * float(random.uniform(0.5, 0.95))
    dense = float(np.percentile(image[::4, ::4], random.uniform(65, 95)))
    grains = cv2.resize(random.normal(0, 18, (size // 8, size // 8)).astype(np.float32), (size, size))
    return _bytes(image + cloud * np.maximum(dense + grains - image, 0))


def _uneven(image: Pixels, random: Random) -> Pixels:
    """Exposure that differs over the picture, 0.6 to 1.4 fold."""
    field = random.uniform(0.6, 1.4, (3, 3)).astype(np.float32)
    return _bytes(image * cv2.resize(field, image.shape[::-1], interpolation=cv2.INTER_CUBIC))


def _overlaid(image: Pixels, random: Random) -> Pixels:
    """Labels, boxes of text, cables, electrodes, tubes, implants, covered patches."""
    image = np.ascontiguousarray(image)
    size = image.shape[0]

    def point() -> tuple[int, int]:
        return int(random.uniform(0, size)), int(random.uniform(0, size))

    if random.random() < 0.35:
        for _ in range(int(random.integers(1, 5))):
            letters = "".join(chr(c) for c in random.integers(48, 91, int(random.integers(1, 14))))
            shade, (x, y) = int(random.choice([0, 255, 255])), point()
            height = random.uniform(0.015, 0.06) * size
            if random.random() < 0.4:
                wide = int(height * len(letters))
                cv2.rectangle(image, (x - 3, y - int(1.4 * height)), (x + wide, y + 4), 255 - shade, -1)
            cv2.putText(image, letters, (x, y), cv2.FONT_HERSHEY_SIMPLEX, height / 22, shade, 1, cv2.LINE_AA)
    if random.random() < 0.35:
        for _ in range(int(random.integers(1, 5))):
            steps = np.vstack([point(), random.normal(0, 0.1 * size, (5, 2))])
            knots = np.cumsum(steps, axis=0)
            line = cv2.resize(knots.astype(np.float32), (2, 40), interpolation=cv2.INTER_CUBIC)
            path = np.rint(line[:, None] * 8).astype(np.int32)
            shade, width = int(random.integers(120, 256)), int(random.integers(1, 4))
            cv2.polylines(image, [path], False, shade, width, cv2.LINE_AA, 3)
            if width == 3 and random.random() < 0.5:  # a tube: dark inside
                cv2.polylines(image, [path], False, int(0.6 * shade), 1, cv2.LINE_AA, 3)
            if random.random() < 0.4:  # an electrode at the end of its wire
                end = (int(line[-1, 0]), int(line[-1, 1]))
                cv2.circle(image, end, int(random.uniform(0.008, 0.025) * size), shade, -1, cv2.LINE_AA)
    if random.random() < 0.06:  # a pacemaker, a button, a coin
        axes = (int(random.uniform(0.02, 0.06) * size), int(random.uniform(0.02, 0.06) * size))
        cv2.ellipse(image, point(), axes, float(random.uniform(0, 180)), 0, 360, int(random.integers(200, 256)), -1)
    if random.random() < 0.08:  # something lies over it
        x, y = point()
        far = (x + int(random.uniform(0.04, 0.25) * size), y + int(random.uniform(0.04, 0.15) * size))
        cv2.rectangle(image, (x, y), far, int(random.integers(0, 256)), -1)
    return image


def _exposed(image: Pixels, random: Random) -> Pixels:
    """Other windows: gamma, gain and offset, an S-shaped curve, an equalised histogram; 4 % inverted."""
    if random.random() < 0.1:
        image = cv2.equalizeHist(image)
    grey = np.linspace(0, 1, 256) ** float(np.exp(random.normal(0, 0.35)))
    if random.random() < 0.25:
        middle, slope = random.uniform(0.35, 0.65), random.uniform(3, 9)
        curve = 1 / (1 + np.exp(-slope * (grey - middle)))
        grey = (curve - curve[0]) / (curve[-1] - curve[0])
    grey = grey * random.uniform(0.7, 1.15) + random.uniform(-0.08, 0.12)
    if random.random() < 0.04:
        grey = 1 - grey
    return np.asarray(cv2.LUT(image, _bytes(255 * grey)))


def _saved(image: Pixels, random: Random) -> Pixels:
    """Blurred or sharpened, coarse, noisy, compressed."""
    chance = random.random()
    if chance < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.5, 1.8)))
    elif chance < 0.25:
        soft = cv2.GaussianBlur(image, (0, 0), float(random.uniform(1, 4)))
        image = cv2.addWeighted(image, 2, soft, -1, 0)
    elif chance < 0.35:
        small = int(image.shape[0] * random.uniform(0.3, 0.7))
        image = cv2.resize(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), image.shape[::-1])
    if random.random() < 0.4:
        noise = random.standard_normal(image.shape, dtype=np.float32)
        image = _bytes(image + noise * np.float32(random.uniform(1, 9)))
    if random.random() < 0.15:
        done, file = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(12, 60))])
        image = cv2.imdecode(file, cv2.IMREAD_GRAYSCALE) if done else image
    return np.asarray(image, np.uint8)


def _cut(image: Pixels, mask: Pixels, random: Random) -> tuple[Pixels, Pixels]:
    """Cropped or collimated by up to 15 % on some sides: what is outside is one shade, and no lung."""
    size = image.shape[0]
    cuts = np.where(random.random(4) < 0.5, random.uniform(0.02, 0.15, 4), 0) * size
    top, left, bottom, right = int(cuts[0]), int(cuts[1]), size - int(cuts[2]), size - int(cuts[3])
    shade = 0 if random.random() < 0.7 else int(random.integers(0, 256))
    picture, drawn = np.full_like(image, shade), np.zeros_like(mask)
    picture[top:bottom, left:right] = image[top:bottom, left:right]
    drawn[top:bottom, left:right] = mask[top:bottom, left:right]
    return picture, drawn


def _bytes(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.rint(np.clip(values, 0, 255)), np.uint8)
