"""How well burned-in text is found: strings drawn on real radiographs, the untouched pictures, and the time it takes.

    python -m benchmarks.text FOLDER [--clean LIST] [--split validation] [--limit N] [--seed 7]

FOLDER holds ``index.csv`` (columns ``filename``, ``split``) and its pictures. LIST names the pictures, one file name a
line, in which a person saw neither text nor a marker: painted boxes there are false alarms. Three strings and one
marker are drawn on every picture. A string counts as found when 90 % of its inked pixels lie in painted boxes.
"""

import argparse
import csv
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imaging.deid.text import find_text

FONTS = Path("/usr/share/fonts/truetype")
STRINGS = (
    "KOWALSKA ANNA", "Nguyen Van Binh", "DOB 12/03/1956", "ID: 4471-902-33", "MRN 00815542", "2019-11-02 14:33",
    "St. Mary's Hospital", "SMITH^JOHN", "M 067Y", "Wójcik Łukasz", "Acc# A2209817", "07.05.1988", "R JK", "Dr. Huber",
    "Jan 4 2021", "Ward 7B", "18:31:16", "GARCIA LOPEZ, M", "Exp 23", "Pt: O'Neil", "F 44", "1234567", "Szpital",
)  # fmt: skip
MARKERS = ("L", "R", "AP", "PA", "PORTABLE", "ERECT", "SUPINE", "SITTING")


@dataclass
class Drawn:
    """A string that was drawn: its inked pixels and what kind it is."""

    text: str
    ink: NDArray[np.bool_]
    kinds: dict[str, str]


def main() -> None:
    """Draw, look, print the table."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path)
    ask.add_argument("--clean", type=Path)
    ask.add_argument("--split", default="validation")
    ask.add_argument("--limit", type=int, default=10_000)
    ask.add_argument("--seed", type=int, default=7)
    ask.add_argument("--enlarged", type=float, default=1.0, help="pictures are enlarged by this factor first")
    ask.add_argument("--missed", action="store_true", help="name every string that was not found")
    given = ask.parse_args()
    cv2.setNumThreads(1)
    rows = [r for r in csv.DictReader((given.folder / "index.csv").open()) if r["split"] == given.split]
    random = np.random.default_rng(given.seed)
    names = [str(name) for name in random.permutation(sorted(r["filename"] for r in rows))[: given.limit]]
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    kept: list[bool] = []
    seconds: list[float] = []
    doubtful = 0
    find_text(np.zeros((400, 400), np.uint8))  # the sessions are made once per process
    for name in names:
        picture = _picture(given.folder / name, given.enlarged)
        stored, drawn, marker = draw(picture, random)
        start = time.process_time()
        text = find_text(stored)
        seconds.append(time.process_time() - start)
        doubtful += text.doubtful
        painted = np.zeros(stored.shape, bool)
        for box in text.boxes:
            if box.painted:
                painted[box.top : box.top + box.height, box.left : box.left + box.width] = True
        for string in drawn:
            hit = float(painted[string.ink].mean()) >= 0.9
            found["all"]["all"].append(hit)
            for kind, value in string.kinds.items():
                found[kind][value].append(hit)
            if given.missed and not hit:
                print("missed", name, string.text, string.kinds, round(float(painted[string.ink].mean()), 2))
        if marker is not None:
            kept.append(float(painted[marker.ink].mean()) < 0.1)
    for kind, values in found.items():
        for value, hits in sorted(values.items()):
            print(f"found {kind:9s} {value:14s} {sum(hits):4d} of {len(hits):4d}  {mean(hits):6.1%}")
    print(f"markers kept {sum(kept)} of {len(kept)}; doubtful {doubtful} of {len(names)}")
    print(f"CPU per image: median {median(seconds):.3f} s, mean {mean(seconds):.3f} s")
    _untouched(given.folder, names, given.clean)


def _untouched(folder: Path, names: list[str], clean: Path | None) -> None:
    seconds, alarms, doubtful = [], [], 0
    for name in clean.read_text().split() if clean else names:
        picture = _picture(folder / name, 1.0)
        start = time.process_time()
        text = find_text(picture)
        seconds.append(time.process_time() - start)
        doubtful += text.doubtful
        if any(box.painted for box in text.boxes):
            alarms.append((name, [b.as_dict() for b in text.boxes if b.painted]))
    kind = "clean" if clean else "untouched (some carry text of their own)"
    print(f"painted {len(alarms)} of {len(seconds)} {kind} pictures, doubtful {doubtful}")
    print(f"CPU per {kind} image: median {median(seconds):.3f} s, mean {mean(seconds):.3f} s")
    if clean:
        for name, boxes in alarms:
            print("  ", name, boxes)


def _picture(path: Path, enlarged: float) -> NDArray[np.uint8]:
    picture = np.asarray(Image.open(path).convert("L"))
    if enlarged != 1:
        picture = np.asarray(cv2.resize(picture, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC))
    return picture


def draw(
    picture: NDArray[np.uint8], random: np.random.Generator
) -> tuple[NDArray[np.integer], list[Drawn], Drawn | None]:
    """``picture`` with strings and a marker drawn, in one of several depths; what was drawn."""
    depth = int(random.choice((8, 12, 16)))
    values: NDArray[Any] = picture.astype(np.float32) / np.float32(255)
    if depth > 8:
        values = np.clip(values + random.normal(0, 0.004, values.shape).astype(np.float32), 0, 1)
        values *= 0.8  # text may be brighter than any tissue
    if random.random() < 0.3:
        values = values.max() - values
    taken = np.zeros(values.shape, bool)
    drawn = [d for _ in range(3) if (d := _string(values, taken, str(random.choice(STRINGS)), random))]
    marker = _string(values, taken, str(random.choice(MARKERS)), random, marker=True)
    for string in drawn:
        string.kinds["depth"] = str(depth)
    stored = np.rint(np.clip(values, 0, 1) * ((1 << depth) - 1))
    if depth == 16 and random.random() < 0.5:
        return (stored - 32768).astype(np.int16), drawn, marker
    return stored.astype(np.uint8 if depth == 8 else np.uint16), drawn, marker


def _string(
    values: NDArray[Any], taken: NDArray[np.bool_], text: str, random: np.random.Generator, marker: bool = False
) -> Drawn | None:
    side = max(values.shape)
    sizes = {"tiny": (0.008, 0.013), "small": (0.013, 0.025), "middle": (0.025, 0.045), "large": (0.045, 0.09)}
    size = "middle" if marker else str(random.choice(list(sizes)))
    high = max(8.0, side * random.uniform(*sizes[size]))
    fonts = [*sorted(FONTS.rglob("*.ttf")), None]
    chosen = fonts[int(random.integers(len(fonts)))]
    font = ImageFont.truetype(str(chosen), high) if chosen else ImageFont.load_default(high)
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    canvas = Image.new("L", (right - left + 6, bottom - top + 6))
    ImageDraw.Draw(canvas).text((3 - left, 3 - top), text, fill=255, font=font)
    turn = 0 if marker else int(random.choice((0, 0, 0, 0, 90, 180, 270)))
    slant = 0.0 if marker or random.random() < 0.7 else float(random.uniform(-6, 6))
    alpha = np.asarray(canvas.rotate(turn + slant, expand=True, resample=Image.Resampling.BICUBIC), np.float32) / 255
    h, w = alpha.shape
    if h >= values.shape[0] - 8 or w >= values.shape[1] - 8:
        return None
    for _ in range(30):
        y, x = int(random.integers(4, values.shape[0] - h - 3)), int(random.integers(4, values.shape[1] - w - 3))
        if random.random() < 0.5:
            y = int(random.choice((4, values.shape[0] - h - 4)))
        pad = int(high)
        if not taken[max(0, y - pad) : y + h + pad, max(0, x - pad) : x + w + pad].any():
            break
    else:
        return None
    here = values[y : y + h, x : x + w]
    ground = float(here.mean())
    contrast = "plain" if marker else str(random.choice(("plain", "plain", "faint", "boxed")))
    if contrast == "boxed":
        here[:] = box = float(random.choice((0.0, 1.0)))
        ink = 1 - box
    elif contrast == "faint":
        step = float(random.uniform(0.06, 0.12)) + 2 * min(0.1, float(here.std()))
        ink = ground + (step if ground < 0.5 else -step)
    else:
        ink = 1.0 if ground < 0.55 else 0.0
    here[:] = here * (1 - alpha) + ink * alpha
    taken[y : y + h, x : x + w] = True
    inked = np.zeros(values.shape, bool)
    inked[y : y + h, x : x + w] = alpha > 0.5
    kinds = {"size": size, "contrast": contrast, "ink": "light" if ink > ground else "dark", "turn": str(turn)}
    kinds["slant"] = "yes" if slant else "no"
    return Drawn(text, inked, kinds)


if __name__ == "__main__":
    main()
