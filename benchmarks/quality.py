"""What quality control finds, what it misses, and how often it alarms for nothing.

    .venv/bin/python -m benchmarks.quality INDEX NEGATIVES [--every 1] [--dicom FOLDER]

INDEX: index.csv of frontal chest radiographs; its validation split is assessed as it is (false alarms) and spoiled
(detection). NEGATIVES: negatives.csv; what the view network was trained on is left out. --every N: each N-th radiograph
is spoiled. --dicom: a folder of DICOM files to list the verdicts on.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.collection import pair, pixels_of, validation
from imaging.formats import Refused, decode
from imaging.lungs import segment
from imaging.quality import Quality, assess
from imaging.quality.training.data import negatives

Pixels = NDArray[np.float32]


def _framed(pixels: Pixels) -> Pixels:
    """On a light page with a dark bar, as a screenshot."""
    height, width = pixels.shape
    page = np.full((height + height // 4, width + width // 3), 0.94, np.float32)
    page[: height // 12] = 0.2
    page[height // 8 : height // 8 + height, width // 6 : width // 6 + width] = pixels
    return page


def _cut_sideways(pixels: Pixels) -> Pixels:
    return pixels[:, : round(0.62 * pixels.shape[1])]


def _cut_above(pixels: Pixels) -> Pixels:
    return pixels[round(0.35 * pixels.shape[0]) :]


def _cut_below(pixels: Pixels) -> Pixels:
    return pixels[: round(0.5 * pixels.shape[0])]


def _with_few_levels(pixels: Pixels) -> Pixels:
    return np.asarray(np.rint(pixels * 12) / 12, np.float32)


def _faint(pixels: Pixels) -> Pixels:
    return np.asarray(np.rint((0.4 + pixels / 10) * 255) / 255, np.float32)


SPOILED: dict[str, tuple[str, Callable[[Pixels], Pixels]]] = {
    "inverted": ("inverted", lambda pixels: 1 - pixels),
    "turned by 90": ("rotated", lambda pixels: np.rot90(pixels, -1)),
    "turned by 180": ("rotated", lambda pixels: np.rot90(pixels, 2)),
    "turned by 270": ("rotated", lambda pixels: np.rot90(pixels)),
    "mirrored": ("mirrored", lambda pixels: pixels[:, ::-1]),
    "upside down": ("rotated", lambda pixels: pixels[::-1]),
    "cut at the side": ("cut", _cut_sideways),
    "cut above": ("cut", _cut_above),
    "cut below": ("cut", _cut_below),
    "screenshot": ("framed", _framed),
    "12 grey levels": ("posterised", _with_few_levels),
    "a tenth of the contrast": ("flat", _faint),
    "overexposed": ("saturated", lambda pixels: np.clip((pixels - 0.5) * 5 + 0.5, 0, 1)),
}
"""What is done to good radiographs, and the code that should name it."""


def judged(pixels: Pixels) -> Quality:
    pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    found = segment(pixels)
    return assess(found.mask, found.confidence, pixels)


def table(rows: dict[str, Counter[str]], totals: dict[str, int]) -> None:
    """Rows: what was shown; columns: how often each code was named."""
    codes = sorted({code for counts in rows.values() for code in counts})
    print("\n| shown | n | " + " | ".join(codes) + " |\n|" + "---|" * (len(codes) + 2))
    for name, counts in rows.items():
        print(f"| {name} | {totals[name]} | " + " | ".join(str(counts[code] or "") for code in codes) + " |")


def measure(index: Path, negatives_csv: Path, every: int, dicom: Path | None) -> None:
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    totals: Counter[str] = Counter()
    detected: Counter[str] = Counter()
    expected: dict[str, str] = {}

    def see(name: str, pixels: Pixels, code: str = "") -> Quality:
        found = judged(pixels)
        rows[name].update({*found.reasons, "unusable"} if not found.usable else found.reasons)
        totals[name] += 1
        expected[name] = code
        detected[name] += bool(code) and code in found.reasons
        return found

    good = validation(index)
    for number, row in enumerate(good):
        pixels, _ = pair(index, row)
        found = see("good", pixels)
        if set(found.reasons) - {"resolution"}:
            print(f"alarm: {row['filename']}: {found.findings}")
        if number % every == 0:
            for name, (code, spoil) in SPOILED.items():
                see(name, spoil(pixels), code)
    laterals, others = (named for named in _held_out(negatives_csv))
    for name, kind in (*((n, "lateral") for n in laterals), *((n, "not_chest") for n in others)):
        found = see(f"held out: {kind}", name[1], kind)
        if kind not in found.reasons:
            print(f"missed: {name[0]}: view {found.view}, reasons {found.reasons}")
    table(rows, totals)
    print("\n| shown | n | code | named | usable |\n|---|---|---|---|---|")
    for name, n in totals.items():
        usable = n - rows[name]["unusable"]
        print(f"| {name} | {n} | {expected[name]} | {detected[name] / n:.1%} | {usable / n:.1%} |")
    if dicom is not None:
        for path in sorted(dicom.iterdir()):
            try:
                found = judged(decode(path))
                print(f"{path.name}: usable {found.usable}, {found.view}, {found.findings}")
            except Refused as refused:
                print(f"{path.name}: refused, {refused.code}")


def _held_out(negatives_csv: Path) -> Any:
    """Held-out laterals and others as (name, pixels), from the files where there is one, else from the canvas."""
    for pictures in negatives(negatives_csv, held_out=True):
        named = []
        for name, image in zip(pictures.names, pictures.images, strict=True):
            path = negatives_csv.parent / "negatives" / name
            named.append((name, pixels_of(path) if path.exists() else image.astype(np.float32) / np.float32(255)))
        yield named


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path)
    parser.add_argument("negatives", type=Path)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--dicom", type=Path)
    arguments = parser.parse_args()
    measure(arguments.index, arguments.negatives, arguments.every, arguments.dicom)
