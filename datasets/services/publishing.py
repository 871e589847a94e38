"""Freezing a release. Its archives are built by Celery (`building`); it is public once they all are."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.services import record
from datasets import selectors, versions
from datasets.archives import DEIDENTIFICATION_CSV, DETAILS_CSV, QUALITY_CSV
from datasets.citing import dataset_facts
from datasets.errors import PublishRefused
from datasets.models import Archive, Dataset, DiagnosisGroup, Release, ReleaseItem, SegmentationSource
from datasets.quality import quality_row
from datasets.services.scores import frozen_scores
from datasets.services.segmentation import SOURCE_WORDS
from datasets.snapshot import CHUNK, Comparison, snapshot
from imaging.outliers import Scale

ZIPPED = (Archive.Content.RADIOGRAPHS, Archive.Content.LUNG_REGIONS, Archive.Content.LUNG_MASKS)
ZIPPED_OF_SOURCE = (Archive.Content.MASKS, Archive.Content.IMAGES)


@transaction.atomic
def publish_release(*, manager: User, dataset: Dataset, version: str, changes: str) -> Release:
    """Freezes every accepted radiograph, or every mask of a segmentation collection, under `version` (N.N, greater
    than all before) and orders the archives.

    Raises PublishRefused: another release is being built, nothing is new, or the version or change log won't do.
    """
    dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
    _check(dataset, version, changes)
    scores = frozen_scores(dataset)
    scale = scores.scale()
    release = Release.objects.create(
        dataset=dataset,
        version=version,
        changes=changes.strip(),
        created_by=manager,
        about=_about(dataset),
        quality={} if dataset.is_segmentation else {"counts": scores.as_dict(), "fences": scale.fences},
    )
    comparison = Comparison(selectors.latest_release(dataset))
    items = _items(release, dataset, comparison, scale)
    while batch := list(islice(items, CHUNK)):
        ReleaseItem.objects.bulk_create(batch)
    comparison.finish()
    if not comparison.by_part:
        if dataset.is_segmentation:
            raise PublishRefused(_("There is nothing to publish: no mask was imported yet."))
        raise PublishRefused(_("There is nothing to publish: no image of this dataset is accepted yet."))
    if comparison.difference.is_empty:
        raise PublishRefused(_("There is nothing new: the images and their metadata are those of the last release."))
    _order(release, comparison)
    difference = comparison.difference
    record(
        "release.created",
        actor=manager,
        about=release,
        dataset=dataset.pk,
        version=version,
        images=sum(comparison.by_part.values()),
        added=difference.added,
        changed=difference.changed,
        removed=difference.removed,
    )
    return release


def order_archives(release: Release) -> None:
    """Plans the archives of what the release holds, and has them built."""
    comparison = Comparison(None)
    part_of = "source" if release.dataset.is_segmentation else "group"
    for part, files in release.items.order_by().values_list(part_of, "files").iterator(chunk_size=CHUNK):
        comparison.by_part[part] += 1
        comparison.by_content.update((part, content) for content in files)
    _order(release, comparison)


def _order(release: Release, comparison: Comparison) -> None:
    for archive in Archive.objects.bulk_create(_archives(release, comparison)):
        enqueue(archive)


def enqueue(archive: Archive) -> None:
    """Publishes the archive's task when the transaction commits. A task that gets lost is found by the sweep."""
    from datasets.tasks import build_archive  # tasks import the services

    transaction.on_commit(partial(build_archive.delay, str(archive.pk)))


def _check(dataset: Dataset, version: str, changes: str) -> None:
    if selectors.release_in_progress(dataset):
        raise PublishRefused(_("Another release of this dataset is being built. Wait until it is published."))
    numbers = versions.parse(version)
    if numbers is None:
        raise PublishRefused(_("A version is two numbers with a point between, e.g. 1.1."))
    last = selectors.greatest_version(dataset)
    if last is not None and numbers <= versions.order(last):
        raise PublishRefused(_("The version must be greater than %(last)s.") % {"last": last})
    if not changes.strip():
        raise PublishRefused(_("Say what changed: researchers read it before they download."))


def _about(dataset: Dataset) -> dict[str, Any]:
    """What README and LICENSE of the archives say, frozen: the dataset may change later, they may not."""
    return {
        "slug": dataset.slug,
        "origin": dataset.origin,
        "title": dataset.title,
        "description": dataset.description,
        "licence": dataset.licence,
        "licence_url": dataset.licence_url,
        "citation": dataset.citation,
        "agreement": f"{dataset.agreement.title}, version {dataset.agreement.version}",
        "agreement_text": dataset.agreement.text,
        "groups": {str(group.class_id): group.label for group in dataset.groups.all()},
        "sources": {
            str(source.source_id): {name: getattr(source, name) for name in ("source", *SOURCE_WORDS)}
            for source in dataset.sources.all()
        },
        "deidentification": True,
        "citing": dataset_facts(dataset.pk),
    }


def _items(release: Release, dataset: Dataset, comparison: Comparison, scale: Scale) -> Iterator[ReleaseItem]:
    for frozen in snapshot(dataset):
        comparison.add(frozen)
        yield ReleaseItem(
            release=release,
            radiograph=frozen.radiograph,
            group=frozen.radiograph.group if frozen.radiograph else None,
            entry=frozen.entry,
            source=frozen.entry.source if frozen.entry else None,
            filename=frozen.filename,
            metadata=frozen.metadata,
            files=frozen.files,
            deidentification=frozen.deidentification,
            quality=quality_row(frozen.radiograph, scale) if frozen.radiograph else {},
        )


def _archives(release: Release, comparison: Comparison) -> Iterator[Archive]:
    """The archives of a release: per group or source what it has any of, and the metadata tables."""
    # So that the sweep leaves them alone while their tasks wait for a worker.
    not_before = timezone.now() + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS)
    stem = f"{release.dataset.slug}-{release.version}"

    def archive(
        name: str, content: Archive.Content, items: int, **part: DiagnosisGroup | SegmentationSource
    ) -> Archive:
        return Archive(
            release=release,
            **part,
            content=content,
            filename=f"{stem}-{name}",
            items=items,
            claimed_until=not_before,
        )

    images = sum(comparison.by_part.values())
    if release.dataset.is_segmentation:
        pictures = 0
        for source in release.dataset.sources.all():
            label = _file_label(source.source, source.source_id)
            for content in ZIPPED_OF_SOURCE:
                if items := comparison.by_content[source.pk, content.value]:
                    yield archive(f"{label}-{content.value}.zip", content, items, source=source)
            pictures += comparison.by_content[source.pk, Archive.Content.IMAGES.value]
        yield archive("segmentation.csv", Archive.Content.METADATA, images)
        yield archive(DETAILS_CSV, Archive.Content.METADATA, images)
        if pictures:
            yield archive(DEIDENTIFICATION_CSV, Archive.Content.DEIDENTIFICATION, pictures)
        return
    for group in release.dataset.groups.all():
        label = _file_label(group.label, group.class_id)
        for content in ZIPPED:
            if items := comparison.by_content[group.pk, content.value]:
                yield archive(f"{label}-{content.value}.zip", content, items, group=group)
        if items := comparison.by_part[group.pk]:
            yield archive(f"{label}.csv", Archive.Content.METADATA, items, group=group)
    yield archive("images.xlsx", Archive.Content.METADATA, images)
    yield archive(DEIDENTIFICATION_CSV, Archive.Content.DEIDENTIFICATION, images)
    yield archive(QUALITY_CSV, Archive.Content.QUALITY, images)


def _file_label(label: str, number: int) -> str:
    """The label as a part of a file name. The number keeps two labels apart that come out the same."""
    safe = re.sub(r"[^A-Za-z0-9-]+", "_", label)
    taken = f"{safe}.csv" in (DEIDENTIFICATION_CSV, QUALITY_CSV)
    return safe if safe == label and not taken else f"{number}_{safe}"
