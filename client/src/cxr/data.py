"""Released radiographs for programs: rows of metadata, images and masks, straight out of the ZIP files.

import cxr

normal = cxr.load("polcovid", dir="data", group="NORMAL", where="age > 60")
table = normal.to_pandas()
for image in normal:
    pixels, lungs = image.pixels(), image.mask()
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cxr.download import download, open_holding, read_rows
from cxr.extracting import image_stem
from cxr.where import condition

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_IMAGES, _MASKS = ("radiographs", "images"), ("lung_masks", "masks")
_NUMBERS = ("patient_id", "hospital_id", "class_id", "age", "smoke_packyears", "source_id", "width", "height")


class Incomplete(RuntimeError):  # noqa: N818
    """Not everything could be downloaded; what is missing was said on stderr. Call again to go on."""


@dataclass(frozen=True)
class Image:
    """One image of a release. ``metadata``: its row, column by column, as text; empty means unknown."""

    metadata: dict[str, str]
    _entries: dict[str, tuple[zipfile.ZipFile, str]] = field(repr=False)  # by content

    @property
    def filename(self) -> str:
        return self.metadata["filename"]

    def read(self, content: str = "radiographs") -> bytes:
        """The file as it was released. Raises KeyError where this content was not downloaded or is not there."""
        archive, name = self._entries[content]
        return archive.read(name)

    def pixels(self) -> "np.ndarray[Any, Any]":
        """The radiograph: height x width, grey as stored (uint8 or uint16); needs cxr-commons-client[data]."""
        content = next((content for content in _IMAGES if content in self._entries), _IMAGES[0])
        return _pixels(self.read(content))

    def mask(self) -> "np.ndarray[Any, Any] | None":
        """The lungs, bool, as large as the radiograph; None where there is no mask or masks were not downloaded."""
        content = next((content for content in _MASKS if content in self._entries), None)
        return None if content is None else _pixels(self.read(content)) > 0


class Collection(Sequence[Image]):
    """Images of a release that are in a folder, in the order of the metadata. Close it, or use it with ``with``."""

    def __init__(self, folder: Path, where: str | None = None) -> None:
        names = [name for name in open_holding(folder).files if "/" not in name]
        self.rows = read_rows(
            folder / name for name in sorted(names) if name.endswith(".csv") and _tells(folder / name)
        )
        if where is not None and self.rows:
            test = condition(where, self.rows[0])
            self.rows = [row for row in self.rows if test(row)]
        self._stack = ExitStack()
        by_stem: dict[str, dict[str, tuple[zipfile.ZipFile, str]]] = {}
        for name in sorted(names):
            if not name.endswith(".zip"):
                continue
            archive = self._stack.enter_context(zipfile.ZipFile(folder / name))
            for entry in archive.namelist():
                content, _, rest = entry.partition("/")
                if rest and not (content == "lung_regions" and rest.endswith("_mask.png")):
                    by_stem.setdefault(image_stem(entry), {})[content] = (archive, entry)
        stems = ((row, PurePosixPath(row["filename"]).stem) for row in self.rows)
        self._images = [Image(row, by_stem[stem]) for row, stem in stems if stem in by_stem]

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: Any) -> Any:
        return self._images[index]

    def __iter__(self) -> Iterator[Image]:
        return iter(self._images)

    def to_pandas(self) -> "pd.DataFrame":
        """The metadata, one row per image, numbers as numbers; needs cxr-commons-client[data]."""
        import pandas as pd

        table = pd.DataFrame(self.rows).replace("", None)
        for column in table.columns.intersection(list(_NUMBERS)):
            table[column] = pd.to_numeric(table[column])
        return table

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> "Collection":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def load(
    dataset: str,
    dir: str | Path,
    *,
    group: str | None = None,
    content: Sequence[str] = ("metadata", "radiographs", "lung_masks"),
    where: str | None = None,
    offline: bool = False,
) -> Collection:
    """Downloads ``DATASET[@VERSION]`` into ``dir`` as ``cxr download`` does, which fetches nothing twice, and opens it.

    ``offline``: only opens what is there. Portal and token are those of ``cxr login`` or of the environment. Raises
    Incomplete, account.Wrong, WhereError.
    """
    folder = Path(dir)
    if not offline:
        options = [part for name in content for part in ("--content", name)]
        options += ["--group", group] if group else []
        status = download([dataset, str(folder), *options])
        if status:
            raise Incomplete(f"cxr download ended with {status}.")
    return Collection(folder, where)


def _tells(path: Path) -> bool:
    """Whether a table is one of metadata: others (quality, de-identification) have a row per image, too."""
    with path.open(encoding="utf-8") as file:
        heading = file.readline().strip().split(",")
    return {"origin", "class"} <= set(heading) or {"source", "source_id"} <= set(heading)


def _pixels(content: bytes) -> "np.ndarray[Any, Any]":
    import numpy as np

    if content[128:132] == b"DICM":
        import pydicom

        pixels: np.ndarray[Any, Any] = pydicom.dcmread(io.BytesIO(content)).pixel_array
        return pixels
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)
