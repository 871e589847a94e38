"""Text as it is burned into radiographs, drawn on pictures: many fonts, sizes, contrasts, turns; and things like it."""

from __future__ import annotations

import random
import string
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FONTS = sorted(str(path) for path in Path("/usr/share/fonts/truetype").rglob("*.ttf"))
# Invented, as headers and labels have them.
WORDS = [
    "Kowalski",
    "Nowak",
    "Wiśniewska",
    "Wójcik",
    "Kamińska",
    "Lewandowska",
    "Zieliński",
    "SMITH",
    "JOHNSON",
    "Müller",
    "García",
    "Chen",
    "Popova",
    "Dąbrowski",
    "HOSPITAL",
    "Szpital",
    "Clinic",
    "Radiology",
    "Dept",
    "Portable",
    "Anna",
    "Jan",
    "Maria",
    "John",
    "ID",
    "MRN",
    "DOB",
    "Acc",
    "Date",
    "Time",
    "kV",
    "mAs",
]
Picture = NDArray[np.float32]


def word(r: random.Random) -> str:
    """A name, date, time, number or code."""
    kind = r.random()
    if kind < 0.25:
        return r.choice(WORDS)
    if kind < 0.4:
        return f"{r.randint(1, 31):02d}.{r.randint(1, 12):02d}.{r.randint(1920, 2024)}"
    if kind < 0.5:
        return f"{r.randint(1920, 2024)}-{r.randint(1, 12):02d}-{r.randint(1, 31):02d}"
    if kind < 0.6:
        return f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}" + (
            f":{r.randint(0, 59):02d}" if r.random() < 0.5 else ""
        )
    if kind < 0.8:
        return "".join(r.choice(string.digits) for _ in range(r.randint(2, 11)))
    if kind < 0.9:
        return "".join(r.choice(string.ascii_uppercase + string.digits + "-/") for _ in range(r.randint(2, 10)))
    return "".join(r.choice(string.ascii_letters) for _ in range(r.randint(1, 9)))


def line(r: random.Random) -> str:
    """One to four words."""
    text = " ".join(word(r) for _ in range(r.choice([1, 1, 2, 2, 3, 4])))
    return text.upper() if r.random() < 0.2 else text


def ink(r: random.Random, text: str, size: int) -> Picture:
    """How much of each pixel is covered by ``text``, 0..1, cut to the letters."""
    if r.random() < 0.75:
        font = ImageFont.truetype(r.choice(FONTS), size) if r.random() < 0.93 else ImageFont.load_default(size)
        left, top, right, bottom = font.getbbox(text)
        canvas = Image.new("L", (max(1, int(right - left) + 4), max(1, int(bottom - top) + 4)), 0)
        ImageDraw.Draw(canvas).text((2 - left, 2 - top), text, font=font, fill=255)
        alpha = np.asarray(canvas, np.float32) / 255
    else:  # the strokes that many modalities print
        text = text.encode("ascii", "ignore").decode() or "X"
        face, thick = r.choice([0, 1, 2, 3, 4, 5, 6, 7]), r.choice([1, 1, 2, 2, 3]) if size > 12 else 1
        (width, height), below = cv2.getTextSize(text, face, size / 22.0, thick)
        plain = np.zeros((height + below + 6, width + 8), np.uint8)
        smooth = cv2.LINE_AA if r.random() < 0.8 else 8
        cv2.putText(plain, text, (4, height + 2), face, size / 22.0, 255, thick, smooth)
        alpha = plain.astype(np.float32) / 255
    rows, columns = np.nonzero(alpha > 0.3)
    if len(rows) == 0:
        return alpha
    return alpha[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def turned(alpha: Picture, box: Picture, degrees: float) -> tuple[Picture, Picture]:
    """Both turned about their middle, large enough to hold all."""
    if degrees % 90 == 0:
        return np.rot90(alpha, int(degrees // 90)).copy(), np.rot90(box, int(degrees // 90)).copy()
    height, width = alpha.shape
    cosine, sine = abs(np.cos(np.deg2rad(degrees))), abs(np.sin(np.deg2rad(degrees)))
    size = int(width * cosine + height * sine) + 2, int(height * cosine + width * sine) + 2
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    matrix[:, 2] += size[0] / 2 - width / 2, size[1] / 2 - height / 2
    return cv2.warpAffine(alpha, matrix, size), cv2.warpAffine(box, matrix, size)


def draw(picture: Picture, label: NDArray[np.bool_], r: random.Random, low: int = 7, high: int = 56) -> bool:
    """Draw one line of ``low`` to ``high`` px into ``picture`` (0..1) and its box into ``label``; False: no room."""
    rows, columns = picture.shape
    size = round(np.exp(r.uniform(np.log(low), np.log(high))))
    text = line(r)
    if size > 28 and r.random() < 0.5:
        text = word(r)
    alpha = ink(r, text, size)
    kind = r.random()
    degrees = 0 if kind < 0.6 else r.choice([90, 270, 180]) if kind < 0.85 else r.uniform(-12, 12)
    alpha, box = (part[: rows - 2, : columns - 2] for part in turned(alpha, np.ones_like(alpha), degrees))
    height, width = alpha.shape
    y, x = r.randint(0, rows - height), r.randint(0, columns - width)
    if r.random() < 0.35:  # near an edge
        if r.random() < 0.5:
            y = r.choice([0, r.randint(0, min(8, rows - height)), rows - height])
        else:
            x = r.choice([0, r.randint(0, min(8, columns - width)), columns - width])
    place = (slice(y, y + height), slice(x, x + width))
    if label[place].any():
        return False
    ground, kind = float(picture[place].mean()), r.random()
    label[place] |= box > 0.5
    if kind >= 0.75:  # faint
        step = r.choice([-1, 1]) * np.exp(r.uniform(np.log(0.05), np.log(0.4)))
        picture[place] += (step if 0 <= ground + step <= 1 else -step) * alpha
        return True
    if kind < 0.12:  # on a plate
        pad = r.randint(1, 6)
        plate = r.choice([0.0, 0.0, 1.0, r.random()])
        picture[max(0, y - pad) : y + height + pad, max(0, x - pad) : x + width + pad] = plate
        shade = 1 - plate if r.random() < 0.6 else np.clip(plate + r.choice([-1, 1]) * r.uniform(0.15, 1), 0, 1)
        shade, strength = (1 - plate if abs(shade - plate) < 0.1 else shade), 1.0
    elif kind < 0.45:
        shade, strength = (1.0 if ground < 0.85 else 0.0), r.uniform(0.7, 1)
    elif kind < 0.6:
        shade, strength = (0.0 if ground > 0.15 else 1.0), r.uniform(0.7, 1)
    else:  # brighter than the window shows
        shade, strength = r.uniform(1.05, 1.35), 1.0
    if r.random() < 0.3:
        alpha = cv2.GaussianBlur(alpha, (0, 0), r.uniform(0.3, 0.9))
    picture[place] = picture[place] * (1 - alpha * strength) + shade * alpha * strength
    return True


def clutter(picture: Picture, r: random.Random) -> None:
    """Lines, rings, frames and cables, which are no text."""
    rows, columns = picture.shape
    for _ in range(r.choice([0, 0, 1, 2])):
        kind, shade = r.random(), r.choice([1.0, 0.0, r.random()])
        one, other = ((r.randint(0, columns), r.randint(0, rows)) for _ in range(2))
        if kind < 0.4:
            cv2.line(picture, one, other, shade, r.choice([1, 1, 2, 3]), cv2.LINE_AA)
        elif kind < 0.6:
            cv2.circle(picture, one, r.randint(2, 20), shade, r.choice([1, 2, -1]), cv2.LINE_AA)
        elif kind < 0.8:
            cv2.rectangle(picture, one, other, shade, r.choice([1, 1, 2]))
        else:
            steps = np.random.default_rng(r.randint(0, 1 << 30)).normal(0, 30, (6, 2))
            points = np.cumsum(np.vstack([one, steps]), axis=0).astype(np.int32)
            cv2.polylines(picture, [points], False, shade, r.choice([1, 2, 3]), cv2.LINE_AA)
