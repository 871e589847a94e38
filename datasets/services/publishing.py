"""Freezing a release. Its archives are built by Celery (`building`); it is public once they all are."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.services import record
from datasets import selectors, versions
from datasets.citing import dataset_facts
from datasets.errors import PublishRefused
from datasets.models import Dataset, Release, ReleaseItem
from datasets.quality import quality_row
from datasets.services.ordering import order_archives
from datasets.services.scores import frozen_scores
from datasets.services.segmentation import SOURCE_WORDS
from datasets.snapshot import CHUNK, Comparison, snapshot
from imaging.outliers import Scale


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
    order_archives(release)
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
