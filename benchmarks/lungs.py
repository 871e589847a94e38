"""How good are the lung masks, next to a second radiologist, and what does a mask cost?

    .venv/bin/python -m benchmarks.lungs INDEX [--sheet FOLDER] [--outlines PNG] [--per-image CSV] [--limit N]
        [--speed 60]

INDEX: index.csv of radiographs with hand-drawn masks (columns: see imaging/lungs/training/README.md); its validation
split is measured at each image's own resolution, on the row's own convention. --sheet: the 20 worst as worst.png.
--outlines: the outlines of the 20 worst alone, without a pixel of the radiographs, whose licences differ.
"""

import argparse
import csv
import resource
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from benchmarks.collection import CONVENTIONS, mask_of, pair, validation
from imaging import batch
from imaging.formats import decode
from imaging.lungs import segment, segmentation
from imaging.lungs.__main__ import _save, _write

Mask = NDArray[np.bool_]
STAGES = ("decode", "prepare", "infer", "post-process", "write")


def dice(one: Mask, other: Mask) -> float:
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def hausdorff_95(one: Mask, other: Mask) -> float:
    """95th percentile of the distances between the outlines, both ways, in pixels; infinite if one is empty."""
    if not one.any() or not other.any():
        return float("inf")
    box = ndimage.find_objects((one | other).astype(np.uint8))[0]
    outlines = [part & ~ndimage.binary_erosion(part) for part in (one[box], other[box])]
    distances = [ndimage.distance_transform_edt(~outline) for outline in outlines]
    return float(np.percentile(np.concatenate([distances[1][outlines[0]], distances[0][outlines[1]]]), 95))


def table(title: str, groups: dict[str, list[dict[str, float]]]) -> None:
    print(
        f"\n| {title} | n | Dice mean | median | 5th perc. | IoU mean | HD95 px, median | HD95 % of diagonal, median |"
    )
    print("|" + "---|" * 8)
    for name, found in sorted(groups.items()):
        scores = [one["dice"] for one in found]
        overlap = np.mean([score / (2 - score) for score in scores])
        print(
            f"| {name} | {len(found)} | {np.mean(scores):.4f} | {np.median(scores):.4f} "
            f"| {np.percentile(scores, 5):.4f} "
            f"| {overlap:.4f} | {np.median([one['px'] for one in found]):.1f} "
            f"| {np.median([one['percent'] for one in found]):.2f} |"
        )


def compared(mask: Mask, truth: Mask) -> dict[str, float]:
    distance = hausdorff_95(mask, truth)
    return {"dice": dice(mask, truth), "px": distance, "percent": 100 * distance / float(np.hypot(*truth.shape))}


def accuracy(index: Path, limit: int, sheet: Path | None, outlines: Path | None, per_image: Path | None) -> None:
    groups: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(lambda: defaultdict(list))
    all_found = []
    for row in validation(index)[:limit]:
        pixels, truth = pair(index, row)
        mask = segment(pixels, CONVENTIONS[row["mask_convention"]]).mask
        found = compared(mask, truth)
        all_found.append((found, row))
        groups["all"]["all"].append(found)
        for key in ("source", "view", "label3", "mask_convention"):
            groups[key][f"{row['source']}: {row[key]}" if key == "label3" else row[key]].append(found)
        if row["second_reader_mask"]:
            second = mask_of(index.parent / row["second_reader_mask"], truth.shape)
            groups["next to the second reader"]["first reader"].append(compared(truth, second))
            groups["next to the second reader"]["network"].append(compared(mask, second))
    for title, named in groups.items():
        table(title, named)
    all_found.sort(key=lambda pair: pair[0]["dice"])
    if per_image is not None:
        with per_image.open("w", newline="") as file:
            lines = [[row["filename"], *(f"{value:.4f}" for value in found.values())] for found, row in all_found]
            csv.writer(file).writerows([["filename", "dice", "hd95_px", "hd95_percent"], *lines])
    if sheet is not None:
        sheet.mkdir(parents=True, exist_ok=True)
        contact_sheet(index, all_found[:20], shown=True).save(sheet / "worst.png")
    if outlines is not None:
        contact_sheet(index, all_found[:20], shown=False).quantize(8).save(outlines, optimize=True)


def contact_sheet(
    index: Path, worst: list[tuple[dict[str, float], dict[str, str]]], *, shown: bool, side: int = 300
) -> Image.Image:
    """Five in a row, the hand-drawn outline green, the network's red; the radiograph behind them only if `shown`."""
    picture = Image.new("RGB", (5 * side, -(-len(worst) // 5) * side), None if shown else (255, 255, 255))
    for number, (found, row) in enumerate(worst):
        pixels, truth = pair(index, row)
        mask = segment(pixels, CONVENTIONS[row["mask_convention"]]).mask
        image = Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).convert("RGB")
        image.thumbnail((side, side))
        tile = np.array(image) if shown else np.full((image.height, image.width, 3), 245, np.uint8)
        for outline, colour in ((truth, (0, 200, 0)), (mask, (255, 0, 0))):
            small = np.asarray(Image.fromarray(outline).resize(image.size, Image.Resampling.NEAREST))
            tile[small & ~ndimage.binary_erosion(small)] = colour
        name = Path(row["filename"]).stem[:36] if shown else f"{row['source']}, {row['view']}, {row['label3']}"
        image = Image.fromarray(tile)
        ImageDraw.Draw(image).text((4, 4), f"{found['dice']:.3f} {name}", fill=(255, 255, 0) if shown else (0, 0, 0))
        picture.paste(image, (number % 5 * side, number // 5 * side))
    return picture


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def wrapped(*arguments: Any) -> Any:
        start = time.process_time()
        try:
            return function(*arguments)
        finally:
            spent[-1] += time.process_time() - start

    return wrapped


def speed(paths: list[Path]) -> None:
    """Processor time by stage, median over the images; then whole folders through one and two processes."""
    spent: dict[str, list[float]] = {stage: [] for stage in (*STAGES, "all")}
    watched = {"prepare": "prepare", "without_border": "prepare", "_run": "infer"}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for name, stage in watched.items():
            stack.enter_context(patch.object(segmentation, name, timed(getattr(segmentation, name), spent[stage])))
        for path in paths:
            for values in spent.values():
                values.append(0.0)
            begun = time.process_time()
            pixels = decode(path)
            spent["decode"][-1] = time.process_time() - begun
            start = time.process_time()
            mask = segment(pixels).mask
            whole = time.process_time() - start
            spent["post-process"][-1] = whole - spent["prepare"][-1] - spent["infer"][-1]
            start = time.process_time()
            _save(mask, Path(folder) / "mask.png")
            spent["write"][-1] = time.process_time() - start
            spent["all"][-1] = time.process_time() - begun
        stack.close()
        print(f"\n| stage | ms of processor time, median of {len(paths)} | largest |\n|---|---|---|")
        for stage, values in spent.items():
            print(f"| {stage} | {1000 * statistics.median(values[1:]):.1f} | {1000 * max(values[1:]):.1f} |")
        names = [Path(f"{number}.png") for number in range(len(paths))]
        for jobs in (1, 2):
            start = time.monotonic()
            done = list(batch.run(partial(_write, Path(folder), None, "full"), paths, names, jobs=jobs))
            rate = len(paths) / (time.monotonic() - start)
            print(f"{jobs} process(es): {rate:.2f} images/s, {sum(bool(one.code) for one in done)} refused")
    own, children = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(f"memory at most: {own:.0f} MiB in this process, {children:.0f} MiB in a worker")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("--limit", type=int, default=10**6)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--outlines", type=Path)
    parser.add_argument("--per-image", type=Path)
    parser.add_argument("--speed", type=int, default=60, help="images to time, 0 for none")
    arguments = parser.parse_args()
    accuracy(arguments.index, arguments.limit, arguments.sheet, arguments.outlines, arguments.per_image)
    if arguments.speed:
        chosen = validation(arguments.index)[: arguments.speed]
        speed([arguments.index.parent / row["filename"] for row in chosen])
