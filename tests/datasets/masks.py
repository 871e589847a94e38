"""A folder of hand-drawn masks and their index, as somebody would hand it over."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command
from numpy.typing import NDArray
from PIL import Image

from accounts.models import User
from datasets.models import Dataset
from tests.datasets.library import Library

COLUMNS = ("mask", "image", "source", "patient", "set", "licence", "mask_convention")


def lungs(seed: int = 0, size: tuple[int, int] = (340, 320)) -> NDArray[np.bool_]:
    """Two rectangles in (H, W), another pair for every seed."""
    mask = np.zeros(size, dtype=bool)
    mask[60 + seed : 250, 50:140] = mask[60 + seed : 250, 180:270] = True
    return mask


def picture(seed: int = 0) -> NDArray[np.uint8]:
    """Clouds, (340, 320): nothing in it that could be text."""
    coarse = np.random.default_rng(seed).integers(60, 200, (6, 6), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((320, 340), Image.Resampling.BICUBIC))


class Folder:
    """Masks of drawn radiographs. `row` adds a line, `write` the table, `run` calls the command."""

    def __init__(self, root: Path, library: Library) -> None:
        self.root, self.manager, self.curator = root, library.manager, library.curator
        self.agreement = library.agreement
        self.rows: list[dict[str, Any]] = []

    def mask(self, name: str, seed: int = 0, **options: Any) -> str:
        Image.fromarray(lungs(seed, **options)).save(self.root / name)
        return name

    def image(self, name: str, seed: int = 0) -> str:
        Image.fromarray(picture(seed)).save(self.root / name)
        return name

    def row(self, **cells: Any) -> None:
        number = len(self.rows)
        if "mask" not in cells:
            cells["mask"] = self.mask(f"m{number}.png", number)
        self.rows.append({"source": "ours", **cells})

    def write(self, separator: str = ",", mark: str = "") -> Path:
        columns = [*COLUMNS, *sorted({key for row in self.rows for key in row} - {*COLUMNS})]
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, delimiter=separator, restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        index = self.root / "index.csv"
        index.write_text(mark + out.getvalue(), encoding="utf-8")
        return index

    def run(self, *arguments: str, user: User | None = None, **table: Any) -> tuple[str, str]:
        """What the command says on both streams. It makes the collection `masks` where that is missing."""
        out, err = io.StringIO(), io.StringIO()
        words = ["masks", str(self.write(**table)), "--user", (user or self.manager).email]
        words += ["--create", "--agreement", self.agreement.code, "--title", "Masks"]
        try:
            call_command("import_masks", *words, *arguments, stdout=out, stderr=err)
        finally:
            self.said = out.getvalue() + err.getvalue()
        return out.getvalue(), err.getvalue()

    @property
    def dataset(self) -> Dataset:
        return Dataset.objects.get(slug="masks")

    def with_images(self) -> tuple[str, ...]:
        return ("--images", "ours", "--ours", "ours", "--checked-by", self.curator.email)
