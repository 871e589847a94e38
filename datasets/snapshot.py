"""What a dataset would release now, image by image, and how that differs from a release."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Prefetch, Q

from datasets.deidentification import deidentification_row
from datasets.metadata import entry_row, image_row
from datasets.models import Archive, Dataset, LungMask, Radiograph, Release, ReleaseItem, SegmentationEntry

Files = dict[str, list[dict[str, Any]]]
CHUNK = 2000  # rows held in memory
# Numbers only: databases sort text in different ways, and releases must not depend on that.
RADIOGRAPH_ORDER = ("patient__hospital__number", "patient__number", "group__class_id", "pk")
ENTRY_ORDER = ("source__source_id", "pk")


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


def snapshot(
    dataset: Dataset, *, after: ReleaseItem | None = None, sets: Mapping[int, str] | None = None
) -> Iterator[Frozen]:
    """Every accepted radiograph in the order of the tables: hospital, patient, class, acceptance. Of a segmentation
    collection every mask: source, import; those of withdrawn radiographs are left out.

    It begins behind `after`. `sets` by patient (id) stand where a radiograph has none yet.
    """
    if dataset.is_segmentation:
        entries = dataset.entries.filter(tombstone=None).exclude(radiograph__status=Radiograph.Status.WITHDRAWN)
        entries = entries.filter(_behind(after, "entry", ENTRY_ORDER))
        for entry in entries.select_related("source").order_by(*ENTRY_ORDER).iterator(chunk_size=CHUNK):
            yield Frozen(None, entry, entry_row(entry), _files_of_entry(entry))
        return
    radiographs = (
        Radiograph.objects.filter(dataset=dataset, status=Radiograph.Status.ACCEPTED)
        .select_related("dataset", "group", "patient__hospital", "region")
        .prefetch_related(Prefetch("masks", LungMask.objects.order_by("pk")))
        .filter(_behind(after, "radiograph", RADIOGRAPH_ORDER))
        .order_by(*RADIOGRAPH_ORDER)
    )
    findings = list(dataset.findings.values_list("code", flat=True))
    if findings:
        radiographs = radiographs.prefetch_related("findings")
    for radiograph in radiographs.iterator(chunk_size=CHUNK):
        radiograph.set = radiograph.set or (sets or {}).get(radiograph.patient_id, "")
        yield Frozen(radiograph, None, image_row(radiograph, findings), _files(radiograph))


def _behind(item: ReleaseItem | None, image: str, order: tuple[str, ...]) -> Q:
    """Those that stand behind the image of `item` in `order`; all, where there is none."""
    if item is None:
        return Q()
    place = ReleaseItem.objects.values_list(*(f"{image}__{name}" for name in order)).get(pk=item.pk)
    behind, same = Q(), Q()
    for name, value in zip(order, place, strict=True):
        behind |= same & Q(**{f"{name}__gt": value})
        same &= Q(**{name: value})
    return behind


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
    """Counts images as they pass by, by group or source, against `last`; call `finish` after the last one.

    Images are known by their file names. Some thousand are in memory, not the whole release before.
    """

    last: Release | None
    difference: Difference = field(default_factory=Difference)
    by_part: Counter[int] = field(default_factory=Counter)
    by_set: Counter[tuple[int, str]] = field(default_factory=Counter)
    differences: defaultdict[int, Difference] = field(default_factory=lambda: defaultdict(Difference))
    patients: set[int] = field(default_factory=set)
    hospitals: set[int] = field(default_factory=set)
    size: int = 0
    _waiting: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    _met: Counter[int] = field(default_factory=Counter)

    def add(self, frozen: Frozen) -> None:
        self.by_part[frozen.part] += 1
        self.by_set[frozen.part, frozen.metadata["set"] or ""] += 1
        self.size += sum(file.get("size", 0) for files in frozen.files.values() for file in files)
        if frozen.radiograph is not None:
            self.patients.add(frozen.radiograph.patient_id)
            self.hospitals.add(frozen.radiograph.patient.hospital_id)
        self._waiting[frozen.filename] = frozen.part, frozen.digest
        if len(self._waiting) >= CHUNK:
            self._compare()

    def finish(self) -> None:
        self._compare()
        if self.last is not None:
            part_of = "source" if self.last.dataset.is_segmentation else "group"
            before = dict(self.last.items.order_by().values_list(part_of).annotate(Count("pk")))
            for part, images in before.items():
                self.differences[part].removed = images - self._met[part]
        for difference in self.differences.values():
            self.difference.added += difference.added
            self.difference.changed += difference.changed
            self.difference.kept += difference.kept
            self.difference.removed += difference.removed

    def _compare(self) -> None:
        """Counts those that wait, and forgets them."""
        before: dict[str, tuple[int, bytes]] = {}
        if self.last is not None and self._waiting:
            part_of = "source_id" if self.last.dataset.is_segmentation else "group_id"
            items = self.last.items.filter(filename__in=self._waiting)
            for filename, part, metadata, files in items.values_list("filename", part_of, "metadata", "files"):
                before[filename] = part, digest(metadata, files)
        for filename, (part, seen) in self._waiting.items():
            difference = self.differences[part]
            if filename not in before:
                difference.added += 1
                continue
            self._met[before[filename][0]] += 1
            if before[filename][1] == seen:
                difference.kept += 1
            else:
                difference.changed += 1
        self._waiting.clear()
