"""The pictures that teach what a frontal chest radiograph is, and what is not one: read, fitted, kept apart."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import data_store  # type: ignore[import-untyped]  # of pydicom-data
import numpy as np
import pydicom
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from imaging.lungs.preparation import fit, resize, without_border

VIEWS = ("frontal", "lateral", "other")
SIDE = 144
"""Pictures are kept at this size, larger than the network's, so that they can be cut."""

HELD_OUT = (
    # by patient, paper or object, so that no relative of a held-out picture is trained on
    "lateral_254B82FC", "lateral_covid-19-infection", "lateral_covid-19-pneumonia-22", "lateral_nejmoa2001191",
    "lateral_pneumocystis-pneumonia-2", "ct_axial_396A81A5", "ct_axial_6A7D4110", "ct_axial_jkms-35-e79",
    "nonmedical_moon", "nonmedical_page", "moon", "page", "text", "astronaut", "rocket", "retina", "phantom", "ihc",
    "RG2", "US1", "examples_rgb", "MR-SIEMENS", "examples_overlay", "explicit_VR", "CT_small", "vlut_04", "mlut_18",
    "JPEG2000_UNC", "JPEG-LL", "motorcycle",
)  # fmt: skip
"""Beginnings of the names of pictures that only measure."""
_CHESTS = re.compile(r"RG1_|fake_|rsna_")


@dataclass(frozen=True)
class Pictures:
    """images: (N, SIDE, SIDE) uint8 on black canvases; inside: (N, SIDE, SIDE) bool, where the picture lies; lungs: the
    same, where lungs were drawn by hand (nowhere if nobody did); names."""

    images: NDArray[np.uint8]
    inside: NDArray[np.bool_]
    lungs: NDArray[np.bool_]
    names: list[str]


def fitted(
    named: list[tuple[str, NDArray[np.float32]]], masks: Mapping[str, NDArray[np.float32]] | None = None
) -> Pictures:
    """Pictures of any size and range, put on canvases as in use; those without contrast are left out.

    masks: by name, as large as the picture, 0 outside of the lungs.
    """
    images, inside, lungs, names = [], [], [], []
    for name, pixels in named:
        place = without_border(pixels)
        try:
            canvas, frame = fit(pixels[place], SIDE)
        except ValueError:
            continue
        covered, drawn = np.zeros(canvas.shape, bool), np.zeros(canvas.shape, bool)
        covered[frame.on_canvas()] = True
        if masks is not None:
            drawn[frame.on_canvas()] = resize(masks[name][place], frame.inner_height, frame.inner_width) > 127
        images.append(np.rint(canvas * 255).astype(np.uint8))
        inside.append(covered)
        lungs.append(drawn)
        names.append(name)
    return Pictures(np.stack(images), np.stack(inside), np.stack(lungs), names)


def frontals(index: Path, split: str) -> Pictures:
    """The radiographs of one split of a collection's index.csv, with their lungs."""
    with index.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    named = [(row["filename"], _picture(index.parent / row["filename"])) for row in rows]
    masks = {
        row["filename"]: _picture(index.parent / row["mask"], pixels.shape)
        for row, (_, pixels) in zip(rows, named, strict=True)
    }
    return fitted(named, masks)


def negatives(table: Path, *, held_out: bool) -> tuple[Pictures, Pictures]:
    """The laterals and the others of negatives.csv (columns filename, label; pictures in negatives/ beside it) and of
    the installed packages: trained on, or held out."""
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["filename"].startswith(HELD_OUT) == held_out]
    named = [(row, _picture(table.parent / "negatives" / row["filename"])) for row in rows]
    laterals = [(row["filename"], pixels) for row, pixels in named if row["label"] == "lateral"]
    others = [(row["filename"], pixels) for row, pixels in named if row["label"] != "lateral"]
    others += [(name, pixels) for name, pixels in _packaged() if name.startswith(HELD_OUT) == held_out]
    return fitted(laterals), fitted(others)


def _picture(path: Path, shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
    image = Image.open(path).convert("L")
    if shape is not None:
        image = image.resize((shape[1], shape[0]), Image.Resampling.NEAREST)
    return np.asarray(image, dtype=np.float32)


def _packaged() -> list[tuple[str, NDArray[np.float32]]]:
    """Photographs and drawings of scikit-image; CT, MR, US, NM and others of pydicom and pydicom-data."""
    folder = Path(skimage.data.__file__).parent
    found = [(path.name, _picture(path)) for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")]
    seen = set()
    folders = (Path(pydicom.__file__).parent / "data" / "test_files", *map(Path, data_store.__path__))
    for path in sorted((path for part in folders for path in part.rglob("*.dcm")), key=lambda path: path.name):
        if _CHESTS.match(path.name):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                dataset = pydicom.dcmread(path, force=True)
                pixels = np.asarray(dataset.pixel_array, dtype=np.float32)
            except Exception:  # files made to be broken
                continue
        if dataset.get("SamplesPerPixel", 1) == 3:
            pixels = pixels[..., :3].mean(axis=-1)
        while pixels.ndim > 2:
            pixels = pixels[len(pixels) // 2]
        mark = (pixels.shape, round(float(pixels.std())))
        if min(pixels.shape) >= 64 and mark not in seen:
            seen.add(mark)
            found.append((path.name, pixels))
    return found
