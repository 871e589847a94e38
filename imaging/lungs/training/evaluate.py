"""Measure the committed weights, as `imaging.lungs.segment` uses them, on the validation split of a collection.

python -m imaging.lungs.training.evaluate INDEX [--negatives FOLDER] [--per-image CSV]

Dice is taken at each image's own resolution, after post-processing, on the row's own mask convention.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging import quality
from imaging.lungs import segment
from imaging.lungs.training.data import CHANNELS, read_index, read_pair
from imaging.lungs.training.model import CONVENTIONS

PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Sorensen-Dice of two (H, W) bool masks; 1 when both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def table(title: str, groups: dict[str, list[float]]) -> None:
    """Print n, mean, median and 5th percentile of each group as a Markdown table."""
    print(f"\n| {title} | n | mean | median | 5th percentile |\n|---|---|---|---|---|")
    for name, values in sorted(groups.items()):
        figures = (np.mean(values), np.median(values), np.percentile(values, 5))
        print(f"| {name} | {len(values)} | " + " | ".join(f"{figure:.4f}" for figure in figures) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--negatives", type=Path, help="folder of pictures that are no frontal chest radiograph")
    parser.add_argument("--per-image", type=Path, help="CSV to write with one row per image")
    args = parser.parse_args()

    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    alarms: Counter[str] = Counter()
    records, milliseconds, flagged = [], [], 0
    rows = read_index(args.index, "validation")
    for row in rows:
        pixels, drawn = read_pair(args.index.parent, row)
        convention = CONVENTIONS[CHANNELS[row["mask_convention"]]]
        start = time.process_time()
        found = segment(pixels, convention)
        milliseconds.append(1000 * (time.process_time() - start))
        judged = quality.assess(found.mask, found.confidence)
        value = dice(found.mask, drawn)
        scores["all"]["all"].append(value)
        for key in ("source", "view", "label3", "mask_convention"):
            scores[key][f"{row['source']}: {row[key]}" if key == "label3" else row[key]].append(value)
        if row["second_reader_mask"]:
            picture = Image.open(args.index.parent / row["second_reader_mask"]).convert("L")
            second = np.asarray(picture.resize(drawn.shape[::-1], Image.Resampling.NEAREST)) > 127
            scores["second reader"]["first reader"].append(dice(drawn, second))
            scores["second reader"]["network"].append(dice(found.mask, second))
        others = [reason for reason in judged.reasons if reason != "resolution"]
        alarms.update(others)
        flagged += bool(others)
        records.append([row["filename"], f"{value:.4f}", f"{found.confidence:.4f}", f"{judged.score:.4f}", *others])

    for title, groups in scores.items():
        table(title, groups)
    print(f"\nQuality reasons other than resolution: {flagged} of {len(rows)} images, {dict(alarms)}")
    print(f"segment(): {np.median(milliseconds):.0f} ms of processor time per image (median, one thread)")
    if args.negatives:
        caught, missed = 0, []
        for path in sorted(p for p in args.negatives.rglob("*") if p.suffix.lower() in PICTURES):
            found = segment(np.asarray(Image.open(path).convert("L"), dtype=np.float32) / 255)
            judged = quality.assess(found.mask, found.confidence)
            others = [reason for reason in judged.reasons if reason != "resolution"]
            caught, missed = caught + bool(others), missed if others else [*missed, path.name]
            records.append([path.name, "", f"{found.confidence:.4f}", f"{judged.score:.4f}", *others])
        print(f"Negatives with a reason other than resolution: {caught} of {caught + len(missed)}; missed: {missed}")
    if args.per_image:
        with args.per_image.open("w", newline="") as file:
            csv.writer(file).writerows([["filename", "dice", "confidence", "score", "reasons"], *records])


if __name__ == "__main__":
    main()
