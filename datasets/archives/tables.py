"""The tables of a release, row by row from what it froze."""

from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import IO, Any

from django.db import connection
from django.db.models import Q, QuerySet

from datasets import cohorts
from datasets.archives import names
from datasets.copying import copy_csv
from datasets.deidentification import COLUMNS as DEIDENTIFICATION_COLUMNS
from datasets.dictionary import types
from datasets.metadata import (
    DETAIL_COLUMNS,
    IMAGE_COLUMNS,
    SEGMENTATION_COLUMNS,
    csv_lines,
    label_columns,
    write_parquet,
    write_xlsx,
)
from datasets.models import Archive, ReleaseItem
from datasets.models.release import OPEN
from datasets.quality import COLUMNS as QUALITY_COLUMNS

ROWS = 2000  # rows held in memory
CONTENTS = (Archive.Content.METADATA, Archive.Content.DEIDENTIFICATION, Archive.Content.QUALITY)
Alive = Callable[[], None]


def write_table(archive: Archive, file: IO[bytes], alive: Alive, *, tmpdir: str) -> None:
    """CSV, XLSX or Parquet, as the name of the archive says."""
    if archive.content == Archive.Content.DEIDENTIFICATION:
        write_deidentification(archive, file, alive)
    elif archive.content == Archive.Content.QUALITY:
        for line in csv_lines((item.quality for item in items(archive, alive)), QUALITY_COLUMNS):
            file.write(line)
    elif archive.filename.endswith(".xlsx"):
        # What is left of the sheets goes with it, also where the work is stopped.
        with TemporaryDirectory(dir=tmpdir) as folder:
            write_xlsx(file, rows(archive, alive), columns(archive), tmpdir=folder)
    elif archive.filename.endswith(".parquet"):
        wanted = columns(archive)
        if of_masks(archive):
            wanted += tuple(name for name in DETAIL_COLUMNS if name not in wanted)
        write_parquet(file, rows(archive, alive), types(wanted))
    else:
        _write_csv(archive, file, alive)


def _write_csv(archive: Archive, file: IO[bytes], alive: Alive) -> None:
    wanted = DETAIL_COLUMNS if archive.filename.endswith(f"-{names.DETAILS_CSV}") else columns(archive)
    if connection.vendor == "postgresql":
        copy_csv(_chosen(archive), wanted, file)
    else:
        for line in csv_lines(rows(archive, alive), wanted):
            file.write(line)


def of_masks(archive: Archive) -> bool:
    """Whether it belongs to a segmentation collection."""
    return archive.release.dataset.is_segmentation


def columns(archive: Archive) -> tuple[str, ...]:
    """Of the metadata that goes with the archive."""
    about = archive.release.about
    if about.get("labels_only") or archive.filename.endswith(f"-{names.LABELS_CSV}"):
        return label_columns(dict(about.get("findings", [])))
    return SEGMENTATION_COLUMNS if of_masks(archive) else IMAGE_COLUMNS


def _chosen(archive: Archive) -> QuerySet[ReleaseItem]:
    """The images of its group or source, and of its part, or of its cohort; those of a table in the order in which they
    were frozen."""
    found = ReleaseItem.objects.filter(release_id=archive.release_id)
    if archive.group_id is not None:
        found = found.filter(group_id=archive.group_id)
    if archive.source_id is not None:
        found = found.filter(source_id=archive.source_id)
    if archive.cohort is not None:
        return cohorts.matching(archive.release, archive.cohort.filters).order_by("radiograph_id")
    if archive.content in CONTENTS:
        return found.order_by("pk")
    image = "entry_id" if of_masks(archive) else "radiograph_id"
    within = Q(**{f"{image}__gt": archive.above})
    if archive.upto != OPEN:
        within &= Q(**{f"{image}__lte": archive.upto})
    return found.filter(within).order_by(image)


def items(archive: Archive, alive: Alive) -> Iterator[ReleaseItem]:
    """The images that have something in this archive; a table has all of them."""
    for item in _chosen(archive).iterator(chunk_size=ROWS):
        alive()
        if archive.content in CONTENTS or item.files.get(archive.content):
            yield item


def rows(archive: Archive, alive: Alive) -> Iterator[dict[str, Any]]:
    """Their metadata."""
    return (item.metadata for item in items(archive, alive))


def write_deidentification(archive: Archive, file: IO[bytes], alive: Alive) -> None:
    """The reports of the images in this archive, or of all. Of a mask without its image there is nothing to say."""
    reports = (
        {"filename": item.filename, **item.deidentification}
        for item in items(archive, alive)
        if item.deidentification or item.radiograph_id is not None
    )
    for line in csv_lines(reports, DEIDENTIFICATION_COLUMNS):
        file.write(line)
