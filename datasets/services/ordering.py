"""Which archives a release has: planned from what it froze, then built by Celery (`building`)."""

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from datasets import selectors
from datasets.archives import names
from datasets.models import Archive, DiagnosisGroup, Release, SegmentationSource
from datasets.models.release import OPEN
from datasets.parts import Cutting, Part

ZIPPED = (Archive.Content.RADIOGRAPHS, Archive.Content.LUNG_REGIONS, Archive.Content.LUNG_MASKS)
ZIPPED_OF_SOURCE = (Archive.Content.MASKS, Archive.Content.IMAGES)
CHUNK = 2000  # rows held in memory


def order_archives(release: Release) -> list[Archive]:
    """Plans the archives of what `release` froze, and orders them. Within the caller's transaction."""
    plan = _Plan(release)
    archives = Archive.objects.bulk_create(plan.archives(), batch_size=500)
    for archive in archives:
        if archive.content != Archive.Content.SUMS:  # these wait for all others
            enqueue(archive)
    return archives


def enqueue(archive: Archive) -> None:
    """Publishes the archive's task when the transaction commits. A task that gets lost is found by the sweep."""
    from datasets.tasks import build_archive  # tasks import the services

    transaction.on_commit(partial(build_archive.delay, str(archive.pk)))


@dataclass
class _Plan:
    """The archives of a release: per group or source the parts of what it has any of, the tables and the texts."""

    release: Release

    def __post_init__(self) -> None:
        # So that the sweep leaves them alone while their tasks wait for a worker.
        self._not_before = timezone.now() + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS)
        self._stem = f"{self.release.dataset.slug}-{self.release.version}"
        self._before = self.release.replaces or selectors.latest_release(self.release.dataset)
        self._images = 0
        self._counts: Counter[str] = Counter()  # images by content

    def archives(self) -> Iterator[Archive]:
        if self.release.dataset.is_segmentation:
            yield from self._of_masks()
        else:
            yield from self._of_radiographs()
        for name in names.TEXTS:
            yield self._archive(name, Archive.Content.ABOUT, self._images)
        for name in names.SUMS:
            yield self._archive(name, Archive.Content.SUMS, self._images)

    def _of_masks(self) -> Iterator[Archive]:
        counts = dict(self.release.items.order_by().values_list("source").annotate(Count("pk")))
        for source in self.release.dataset.sources.all():
            if counts.get(source.pk):
                yield from self._zips(_file_label(source.source, source.source_id), ZIPPED_OF_SOURCE, source=source)
        images = self._images = sum(counts.values())
        for name in (names.SEGMENTATION_CSV, names.DETAILS_CSV, names.SEGMENTATION_PARQUET):
            yield self._archive(name, Archive.Content.METADATA, images)
        if pictures := self._counts[Archive.Content.IMAGES.value]:
            yield self._archive(names.DEIDENTIFICATION_CSV, Archive.Content.DEIDENTIFICATION, pictures)

    def _of_radiographs(self) -> Iterator[Archive]:
        about = self.release.about
        counts = dict(self.release.items.order_by().values_list("group").annotate(Count("pk")))
        for group in self.release.dataset.groups.all():
            if items := counts.get(group.pk):
                label = _file_label(group.label, group.class_id)
                yield from self._zips(label, ZIPPED, group=group)
                if not about.get("labels_only"):
                    yield self._archive(f"{label}.csv", Archive.Content.METADATA, items, group=group)
        images = self._images = sum(counts.values())
        tables = [] if about.get("labels_only") else [names.IMAGES_XLSX, names.IMAGES_PARQUET]
        if about.get("labels_only") or about.get("findings"):
            tables.append(names.LABELS_CSV)
        for name in tables:
            yield self._archive(name, Archive.Content.METADATA, images)
        yield self._archive(names.DEIDENTIFICATION_CSV, Archive.Content.DEIDENTIFICATION, images)
        yield self._archive(names.QUALITY_CSV, Archive.Content.QUALITY, images)

    def _zips(
        self, label: str, contents: tuple[Archive.Content, ...], **of: DiagnosisGroup | SegmentationSource
    ) -> Iterator[Archive]:
        """The parts of a group or source, by content."""
        cuttings = {
            content.value: Cutting(settings.CXR_PART_BYTES, deque(self._boundaries(content, **of)))
            for content in contents
        }
        image = "radiograph_id" if "group" in of else "entry_id"
        items = self.release.items.filter(**of).order_by(image).values_list(image, "files")
        for key, files in items.iterator(chunk_size=CHUNK):
            for content, cutting in cuttings.items():
                if stored := files.get(content):
                    cutting.add(key, sum(stored_size(file) for file in stored))
        for content, cutting in cuttings.items():
            parts = cutting.finish()
            self._counts[content] += sum(part.items for part in parts)
            for part in parts:
                ending = names.part_ending(part.number, len(parts))
                archive = self._archive(f"{label}-{content}{ending}.zip", Archive.Content(content), part.items, **of)
                yield _hold(archive, part, len(parts))

    def _boundaries(self, content: Archive.Content, **of: Any) -> list[int]:
        if self._before is None:
            return []
        parts = self._before.archives.filter(content=content, **of).exclude(upto=OPEN)
        return list(parts.order_by("upto").values_list("upto", flat=True))

    def _archive(
        self, name: str, content: Archive.Content, items: int, **of: DiagnosisGroup | SegmentationSource
    ) -> Archive:
        return Archive(
            release=self.release,
            **of,
            content=content,
            filename=f"{self._stem}-{name}",
            items=items,
            claimed_until=self._not_before,
        )


def _hold(archive: Archive, part: Part, parts: int) -> Archive:
    archive.part, archive.parts, archive.above, archive.upto = part.number, parts, part.above, part.upto
    archive.bytes_total = part.size
    return archive


def stored_size(stored: dict[str, Any]) -> int:
    """In bytes. Releases of before did not freeze it; of a file that is gone it is 0: the building will tell."""
    if "size" not in stored:
        try:
            return storages["library"].size(stored["path"])
        except FileNotFoundError:
            return 0
    size: int = stored["size"]
    return size


def _file_label(label: str, number: int) -> str:
    """The label as a part of a file name. The number keeps two labels apart that come out the same."""
    safe = re.sub(r"[^A-Za-z0-9-]+", "_", label)
    return safe if safe == label and f"{safe}.csv" not in names.TAKEN else f"{number}_{safe}"
