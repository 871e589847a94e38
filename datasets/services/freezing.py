"""Freezing the images of a release: a small dataset at once, a large one step by step in a worker.

A step is one transaction that goes on behind the last image frozen so far: a worker that is killed costs one step, and
two workers at once take turns. The archives are ordered with the last step.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.services import record
from datasets import selectors, sets
from datasets.models import Dataset, Radiograph, Release, ReleaseItem
from datasets.quality import quality_row
from datasets.services.ordering import order_archives
from datasets.snapshot import CHUNK, Comparison, Difference, Frozen, snapshot
from imaging.outliers import Distribution, Scale

STEP = 5000  # images that one transaction freezes


class Change(NamedTuple):
    """What a release has, and how that differs from the one before."""

    images: int
    difference: Difference


def waiting(dataset: Dataset) -> int:
    """How many images the next release has, roughly: those of withdrawn radiographs are counted among the masks."""
    if dataset.is_segmentation:
        return dataset.entries.filter(tombstone=None).count()
    return Radiograph.objects.filter(dataset=dataset, status=Radiograph.Status.ACCEPTED).count()


def freeze_at_once(release: Release) -> Change:
    """All of it within the caller's transaction; the archives are not ordered yet."""
    give_sets(release.dataset)
    comparison = Comparison(selectors.latest_release(release.dataset))
    items = _items(release, snapshot(release.dataset), comparison)
    while batch := list(islice(items, CHUNK)):
        ReleaseItem.objects.bulk_create(batch)
    comparison.finish()
    return Change(comparison.by_part.total(), comparison.difference)


def enqueue(release: Release) -> None:
    """Publishes the task of freezing when the transaction commits; the sweep finds it if it gets lost."""
    from datasets.tasks import freeze_release as task  # tasks import the services

    transaction.on_commit(partial(task.delay, release.pk))


def freeze_release(release_id: int) -> None:
    """Freezes what is left to freeze of a release, and orders its archives. May be called any number of times."""
    while _step(release_id):
        pass
    _finish(release_id)


def sweep_freezing() -> int:
    """Publishes the tasks of freezing again whose worker was lost, and returns how many."""
    with transaction.atomic():
        lost = list(
            Release.objects.select_for_update(skip_locked=True, of=("self",)).filter(
                Q(claimed_until=None) | Q(claimed_until__lt=timezone.now()), freezing=True
            )
        )
        for release in lost:
            _hold(release)
            enqueue(release)
    return len(lost)


def _hold(release: Release) -> None:
    release.claimed_until = timezone.now() + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS)
    release.save(update_fields=["claimed_until"])


@transaction.atomic
def _locked(release_id: int) -> Release | None:
    """The release where it is still to be frozen, with its dataset: who withdraws an image waits for this step."""
    found = Release.objects.filter(pk=release_id, freezing=True).first()
    if found is None:
        return None
    dataset = Dataset.objects.select_for_update().get(pk=found.dataset_id)
    release = Release.objects.select_for_update(of=("self",)).filter(pk=release_id, freezing=True).first()
    if release is not None:
        release.dataset = dataset
    return release


@transaction.atomic
def _step(release_id: int) -> bool:
    """Freezes the next STEP images; whether there may be more."""
    release = _locked(release_id)
    if release is None:
        return False
    last = release.items.order_by("-pk").first()
    if last is None:
        give_sets(release.dataset)
    found = islice(snapshot(release.dataset, after=last), STEP)
    frozen = 0
    items = _items(release, found, None)
    while batch := list(islice(items, CHUNK)):
        ReleaseItem.objects.bulk_create(batch)
        frozen += len(batch)
    _hold(release)
    return frozen == STEP


@transaction.atomic
def _finish(release_id: int) -> None:
    """Orders the archives of a release whose images are all frozen, once."""
    release = _locked(release_id)
    if release is None:
        return
    release.freezing, release.claimed_until = False, None
    release.save(update_fields=["freezing", "claimed_until"])
    order_archives(release)
    record("release.frozen", actor=release.created_by, about=release, images=release.items.count())


def give_sets(dataset: Dataset) -> None:
    """Gives every patient without a set one, as `sets` plans it."""
    for given in sets.planned(dataset):
        bare = Radiograph.objects.filter(dataset=dataset, status=Radiograph.Status.ACCEPTED, set="")
        for name in sorted(set(given.values())):
            patients = iter([patient for patient, its in given.items() if its == name])
            while chunk := list(islice(patients, CHUNK)):
                bare.filter(patient__in=chunk).update(set=name)


def _items(release: Release, images: Iterator[Frozen], comparison: Comparison | None) -> Iterator[ReleaseItem]:
    scale = _scale(release)
    for frozen in images:
        if comparison is not None:
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


def _scale(release: Release) -> Scale:
    """That of the scores which the release froze."""
    return Distribution.from_dict(release.quality.get("counts", {})).scale()
