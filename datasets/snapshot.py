"""What a dataset would release now, image by image, and how that differs from a release."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Prefetch

from datasets.deidentification import deidentification_row
from datasets.metadata import entry_row, image_row
from datasets.models import Archive, Dataset, LungMask, Radiograph, Release, SegmentationEntry

Files = dict[str, list[dict[str, Any]]]
CHUNK = 2000  # rows held in memory


@dataclass(frozen=True)
class Frozen:
    """What a release takes of a radiograph or of an entry of a segmentation collection (the other is None): the
    metadata row and, by content, the files (name, path, sha256)."""

    radiograph: Radiograph | None
    entry: SegmentationEntry | None
    metadata: dict[str, Any]
    files: Files

    @property
    def filename(self) -> str:
        name: str = self.metadata["filename"]
        return name

    @property
    def part(self) -> int:
        """The id of its group, or of its source."""
        if self.radiograph is not None:
            return self.radiograph.group_id
        return self.entry.source_id if self.entry is not None else 0

    @property
    def deidentification(self) -> dict[str, Any]:
        """What the release says of how the image was de-identified; nothing where there is only a mask."""
        if self.radiograph is not None:
            return deidentification_row(self.radiograph.filename, self.radiograph.deid_report)
        if self.entry is not None and self.entry.image:
            return deidentification_row(self.entry.image_name, self.entry.deid_report)
        return {}

    @property
    def digest(self) -> bytes:
        return digest(self.metadata, self.files)


def digest(metadata: dict[str, Any], files: Files) -> bytes:
    """SHA-256 of what researchers see of an image: where a file lies in the library makes no difference."""
    seen = [metadata, {content: [[file["name"], file["sha256"]] for file in files[content]] for content in files}]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).digest()


def snapshot(dataset: Dataset) -> Iterator[Frozen]:
    """Every accepted radiograph in the order of the archives: hospital, patient, class, acceptance. Of a segmentation
    collection every mask: source, import; those of withdrawn radiographs are left out."""
    if dataset.is_segmentation:
        entries = dataset.entries.filter(tombstone=None).exclude(radiograph__status=Radiograph.Status.WITHDRAWN)
        for entry in entries.select_related("source").order_by("source__source_id", "pk").iterator(chunk_size=CHUNK):
            yield Frozen(None, entry, entry_row(entry), _files_of_entry(entry))
        return
    radiographs = (
        Radiograph.objects.filter(dataset=dataset, status=Radiograph.Status.ACCEPTED)
        .select_related("dataset", "group", "patient__hospital", "region")
        .prefetch_related(Prefetch("masks", LungMask.objects.order_by("pk")))
        # Numbers only: databases sort text in different ways, and archives must not depend on that.
        .order_by("patient__hospital__number", "patient__number", "group__class_id", "pk")
    )
    for radiograph in radiographs.iterator(chunk_size=CHUNK):
        yield Frozen(radiograph, None, image_row(radiograph), _files(radiograph))


def _file(name: str, file: Any, sha256: str, size: int | None) -> dict[str, Any]:
    """`size` in bytes; rows of before do not know it, and then the release asks the library."""
    known = {} if size is None else {"size": size}
    return {"name": name, "path": file.name, "sha256": sha256, **known}


def _files_of_entry(entry: SegmentationEntry) -> Files:
    files = {Archive.Content.MASKS.value: [_file(entry.filename, entry.mask, entry.mask_sha256, entry.mask_size)]}
    if entry.image:
        files[Archive.Content.IMAGES.value] = [
            _file(entry.image_name, entry.image, entry.image_sha256, entry.image_size)
        ]
    return files


def _files(radiograph: Radiograph) -> Files:
    content = Archive.Content
    stem = radiograph.filename.rpartition(".")[0]
    files = {
        content.RADIOGRAPHS.value: [_file(radiograph.filename, radiograph.file, radiograph.sha256, radiograph.size)]
    }
    if region := getattr(radiograph, "region", None):
        files[content.LUNG_REGIONS.value] = [
            _file(f"{stem}.png", region.image, region.image_sha256, region.image_size),
            _file(f"{stem}_mask.png", region.mask, region.mask_sha256, region.mask_size),
        ]
    # A mask that a person drew counts more than the model's; of several the newest counts.
    masks = sorted(radiograph.masks.all(), key=lambda mask: (mask.kind == LungMask.Kind.MANUAL, mask.pk))
    if masks:
        files[content.LUNG_MASKS.value] = [_file(f"{stem}.png", masks[-1].file, masks[-1].sha256, masks[-1].size)]
    return files


@dataclass
class Difference:
    """Counts of images against the release before; `kept` ones are the same in every byte and word."""

    added: int = 0
    changed: int = 0
    kept: int = 0
    removed: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)

    @property
    def only_additions(self) -> bool:
        return not (self.changed or self.removed)


@dataclass
class Comparison:
    """Counts images as they pass by, by group or source, against `last`; call `finish` after the last one."""

    last: Release | None
    difference: Difference = field(default_factory=Difference)
    by_part: Counter[int] = field(default_factory=Counter)
    by_content: Counter[tuple[int, str]] = field(default_factory=Counter)
    patients: set[int] = field(default_factory=set)
    hospitals: set[int] = field(default_factory=set)
    _before: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.last is not None:
            items = self.last.items.values_list("filename", "metadata", "files")
            for filename, metadata, files in items.iterator(chunk_size=CHUNK):
                self._before[filename] = digest(metadata, files)

    def add(self, frozen: Frozen) -> None:
        self.by_part[frozen.part] += 1
        self.by_content.update((frozen.part, content) for content in frozen.files)
        if frozen.radiograph is not None:
            self.patients.add(frozen.radiograph.patient_id)
            self.hospitals.add(frozen.radiograph.patient.hospital_id)
        before = self._before.pop(frozen.filename, None)
        if before is None:
            self.difference.added += 1
        elif before == frozen.digest:
            self.difference.kept += 1
        else:
            self.difference.changed += 1

    def finish(self) -> None:
        self.difference.removed = len(self._before)
