"""Released radiographs for programs: rows of metadata, images and masks, straight out of the ZIP files.

import cxr

normal = cxr.load("polcovid", dir="data", group="NORMAL", where="age > 60")
table = normal.to_pandas()
for image in normal:
    pixels, lungs = image.pixels(), image.mask()
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cxr import account
from cxr.download import COHORT, is_of, open_holding, parse, read_rows, run
from cxr.extracting import image_stem
from cxr.where import condition

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_IMAGES, _MASKS = ("radiographs", "images"), ("lung_masks", "masks")
# Tables that tell of images, too, but are no metadata.
_OTHER_TABLES = ("-quality.csv", "-deidentification.csv")
_MORE_COLUMNS = ("-labels.csv", "-details.csv")
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
    """Images of one release that are in a folder, in the order of the metadata. Close it, or use it with ``with``.

    ``dataset``: ``DATASET[@VERSION]``, without a version the latest that is there; ``group``: label or id of a group
    or source."""

    def __init__(self, folder: Path, dataset: str, group: str | None = None, where: str | None = None) -> None:
        names = _of_release(open_holding(folder).files, dataset)
        rows = read_rows(folder / name for name in names if name.endswith(".csv") and _tells(folder / name))
        self.rows = [row for row in rows if group is None or is_of(row, {group.casefold()})]
        if where is not None and self.rows:
            test = condition(where, self.rows[0])
            self.rows = [row for row in self.rows if test(row)]
        self._stack = ExitStack()
        by_stem: dict[str, dict[str, tuple[zipfile.ZipFile, str]]] = {}
        for name in names:
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
    content: Sequence[str] = ("metadata", *_IMAGES, *_MASKS),
    where: str | None = None,
    offline: bool = False,
) -> Collection:
    """Downloads ``DATASET[@VERSION]`` into ``dir`` as ``cxr download`` does, which fetches nothing twice, and opens it;
    what else lies there, of other versions and groups, stays closed. ``cohort:ID`` opens a kept cohort.

    ``offline``: only opens what is there. Portal and token are those of ``cxr login`` or of the environment. Raises
    Incomplete, account.Wrong, WhereError.
    """
    folder = Path(dir)
    if not offline:
        parts = [part for name in content for part in ("--content", name)]
        options = parse([dataset, str(folder), *parts, *(["--group", group] if group else [])])
        status = run(options)
        if status:
            raise Incomplete(f"cxr download ended with {status}.")
        if dataset.startswith(COHORT):
            where = options.where if where is None else f"({options.where}) and ({where})"
        dataset = options.dataset
    elif dataset.startswith(COHORT):
        raise account.Wrong("What a cohort holds is asked of the portal: not offline.")
    return Collection(folder, dataset, group, where)


def _of_release(files: Iterable[str], dataset: str) -> list[str]:
    """The files of one version, whose names begin with ``DATASET-VERSION-``; tables that add columns come last."""
    slug, _, version = dataset.partition("@")
    beginning = re.compile(rf"{re.escape(slug)}-(\d+(?:\.\d+)+)-[^/]*")
    ordered = sorted(files, key=lambda name: (name.endswith(_MORE_COLUMNS), name))
    versions = {name: found[1] for name in ordered if (found := beginning.fullmatch(name))}
    version = version or max(versions.values(), key=_numbers, default="")
    return [name for name, of in versions.items() if of == version]


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _tells(path: Path) -> bool:
    """Whether a table is one of the metadata of images."""
    with path.open(encoding="utf-8") as file:
        return "filename" in file.readline().strip().split(",") and not path.name.endswith(_OTHER_TABLES)


def _pixels(content: bytes) -> "np.ndarray[Any, Any]":
    import numpy as np

    if content[128:132] == b"DICM":
        import pydicom

        pixels: np.ndarray[Any, Any] = pydicom.dcmread(io.BytesIO(content)).pixel_array
        return pixels
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(content)) as picture:
        return np.asarray(picture)
