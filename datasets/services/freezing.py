"""Freezing the images of a release: a small dataset at once, a large one step by step in a worker.

A step is one transaction that goes on behind the last image frozen so far: a worker that is killed costs one step, and
two workers at once take turns. The archives are ordered with the last step. After CXR_STAGE_MAX_ATTEMPTS attempts at
the same step the release has failed, until a data manager tries again or gives it up.
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
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from datasets import selectors, sets, versions
from datasets.errors import DatasetError
from datasets.models import Dataset, Radiograph, Release, ReleaseItem
from datasets.quality import quality_row
from datasets.services.ordering import order_archives
from datasets.services.telling import forget_failure, tell_of_failure
from datasets.snapshot import CHUNK, Comparison, Difference, Frozen, digest, snapshot
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
    if not _begin(release_id):
        return
    try:
        while _step(release_id):
            pass
        _finish(release_id)
    except Exception:
        _give_back(release_id)
        raise


@transaction.atomic
def retry_freezing(*, manager: User, release: Release) -> None:
    """Has the freezing of a release go on that failed, with all its attempts. Raises DatasetError: it has not failed,
    or another release came meanwhile, which a later snapshot under an earlier version would contradict."""
    dataset = Dataset.objects.select_for_update().get(pk=release.dataset_id)
    row = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    if row.status != Release.Status.FAILED:
        raise DatasetError(_("Only a release that could not be frozen can be tried again."))
    greatest = selectors.greatest_version(dataset) or ""
    if selectors.release_in_progress(dataset) or versions.order(greatest) > versions.order(row.version):
        raise DatasetError(_("There is a newer release of this dataset. Give this one up."))
    row.status, row.attempts, row.reason = Release.Status.BUILDING, 0, ""
    row.save(update_fields=["status", "attempts", "reason"])
    _hold(row)
    enqueue(row)
    forget_failure(row)
    record("release.retried", actor=manager, about=row, version=row.version)


def sweep_freezing() -> int:
    """Publishes the tasks of freezing again whose worker was lost, and returns how many."""
    with transaction.atomic():
        lost = list(
            Release.objects.select_for_update(skip_locked=True, of=("self",)).filter(
                Q(claimed_until=None) | Q(claimed_until__lt=timezone.now()),
                freezing=True,
                status=Release.Status.BUILDING,
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
    wanted = Release.objects.filter(pk=release_id, freezing=True, status=Release.Status.BUILDING)
    if (found := wanted.first()) is None:
        return None
    dataset = Dataset.objects.select_for_update().get(pk=found.dataset_id)
    release = wanted.select_for_update(of=("self",)).first()
    if release is not None:
        release.dataset = dataset
    return release


@transaction.atomic
def _begin(release_id: int) -> bool:
    """Counts the attempt; after the last one the release has failed."""
    release = _locked(release_id)
    if release is None:
        return False
    if release.attempts >= settings.CXR_STAGE_MAX_ATTEMPTS:
        # A killed worker says nothing.
        _fail(release, release.reason or _("Its worker was lost %(count)s times.") % {"count": release.attempts})
        return False
    release.attempts += 1
    release.save(update_fields=["attempts"])
    _hold(release)
    return True


def _fail(release: Release, reason: str) -> None:
    release.status, release.reason, release.claimed_until = Release.Status.FAILED, reason, None
    release.save(update_fields=["status", "reason", "claimed_until"])
    record("release.failed", about=release, version=release.version, attempts=release.attempts)
    tell_of_failure(release)


@transaction.atomic
def _give_back(release_id: int) -> None:
    """After an error that may pass the sweep publishes the task again a little later."""
    if (release := _locked(release_id)) is not None:
        release.claimed_until = timezone.now() + timedelta(seconds=settings.CXR_SWEEP_SECONDS * release.attempts)
        release.reason = _("The last attempt ended with an error; the log has it.")
        release.save(update_fields=["claimed_until", "reason"])


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
    if frozen and (release.attempts > 1 or release.reason):  # it goes on: what comes has all its attempts
        release.attempts, release.reason = 1, ""
        release.save(update_fields=["attempts", "reason"])
    _hold(release)
    return frozen == STEP


@transaction.atomic
def _finish(release_id: int) -> None:
    """Orders the archives of a release whose images are all frozen, once."""
    release = _locked(release_id)
    if release is None:
        return
    if not release.items.exists():  # all were withdrawn meanwhile
        record("release.dropped", about=release, version=release.version)
        release.delete()
        return
    if _is_nothing_new(release):
        _fail(release, _("There is nothing new: the images and their metadata are those of the last release."))
        return
    release.freezing, release.claimed_until, release.reason = False, None, ""
    release.save(update_fields=["freezing", "claimed_until", "reason"])
    order_archives(release)
    record("release.frozen", actor=release.created_by, about=release, images=release.items.count())


def _is_nothing_new(release: Release) -> bool:
    """Whether the last release has the same images, word for word and byte for byte."""
    last = selectors.latest_release(release.dataset)
    if last is None or last.items.count() != release.items.count():
        return False
    frozen = release.items.order_by("pk").values_list("filename", "metadata", "files").iterator(chunk_size=CHUNK)
    while batch := {name: digest(metadata, files) for name, metadata, files in islice(frozen, CHUNK)}:
        before = last.items.filter(filename__in=batch).values_list("filename", "metadata", "files")
        if batch != {name: digest(metadata, files) for name, metadata, files in before}:
            return False
    return True


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
