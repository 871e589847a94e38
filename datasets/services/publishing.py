"""Freezing a release. Its archives are built by Celery (`building`); it is public once they all are."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.services import record
from datasets import selectors, versions
from datasets.citing import dataset_facts
from datasets.errors import DatasetError, PublishRefused
from datasets.models import Dataset, Release, ReleaseItem
from datasets.services import freezing
from datasets.services.ordering import CHUNK, order_archives
from datasets.services.patching import forget_archives
from datasets.services.scores import frozen_scores
from datasets.services.segmentation import SOURCE_WORDS

MOST_HELD_OUT = 90  # per cent of the patients, validation and test together


@transaction.atomic
def publish_release(
    *,
    manager: User,
    dataset: Dataset,
    version: str,
    changes: str,
    validation_percent: int | None = None,
    test_percent: int | None = None,
) -> Release:
    """Freezes every accepted radiograph, or every mask of a segmentation collection, under `version` (N.N, greater
    than all before) and orders the archives. More than CXR_FREEZE_AT_ONCE images are frozen by a worker.

    The shares of the sets, in per cent, hold from now on for patients who have no set yet; None: as before. Raises
    PublishRefused: another release is being built, nothing is new, or the version, change log or shares won't do.
    """
    dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
    _check(dataset, version, changes)
    _share(dataset, validation_percent, test_percent)
    scores = frozen_scores(dataset)
    images = freezing.waiting(dataset)
    release = Release.objects.create(
        dataset=dataset,
        version=version,
        changes=changes.strip(),
        created_by=manager,
        about=_about(dataset),
        quality={} if dataset.is_segmentation else {"counts": scores.as_dict(), "fences": scores.scale().fences},
        freezing=images > settings.CXR_FREEZE_AT_ONCE,
        images_expected=images,
        claimed_until=timezone.now() + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS),
    )
    if release.freezing:
        freezing.enqueue(release)
        record("release.created", actor=manager, about=release, dataset=dataset.pk, version=version, images=images)
        return release
    images, difference = freezing.freeze_at_once(release)
    if not images:
        if dataset.is_segmentation:
            raise PublishRefused(_("There is nothing to publish: no mask was imported yet."))
        raise PublishRefused(_("There is nothing to publish: no image of this dataset is accepted yet."))
    if difference.is_empty:
        raise PublishRefused(_("There is nothing new: the images and their metadata are those of the last release."))
    order_archives(release)
    record(
        "release.created",
        actor=manager,
        about=release,
        dataset=dataset.pk,
        version=version,
        images=images,
        added=difference.added,
        changed=difference.changed,
        removed=difference.removed,
    )
    return release


@transaction.atomic
def drop_release(*, manager: User, release: Release) -> None:
    """Gives up a release that is not public yet: its frozen rows and archives go, its version is free again.

    Raises DatasetError: it is published, or a patch release, without which withdrawn images would have no successor.
    """
    Dataset.objects.select_for_update().get(pk=release.dataset_id)
    row = Release.objects.select_for_update(of=("self",)).filter(pk=release.pk).first()
    if row is None or row.status == Release.Status.PUBLISHED:
        raise DatasetError(_("Only a release that is not published can be given up."))
    if row.replaces_id is not None:
        raise DatasetError(_("A patch release can't be given up: it stands in for a version with withdrawn images."))
    forget_archives(row)
    while batch := list(row.items.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        ReleaseItem.objects.filter(pk__in=batch).delete()
    record("release.dropped", actor=manager, about=row, version=row.version)
    row.delete()


def _share(dataset: Dataset, validation: int | None, test: int | None) -> None:
    """Keeps new shares of the sets with the dataset."""
    validation = dataset.validation_percent if validation is None else validation
    test = dataset.test_percent if test is None else test
    if validation < 0 or test < 0 or validation + test > MOST_HELD_OUT:
        raise PublishRefused(
            _("Validation and test together take %(most)s per cent at most.") % {"most": MOST_HELD_OUT}
        )
    if (validation, test) != (dataset.validation_percent, dataset.test_percent):
        dataset.validation_percent, dataset.test_percent = validation, test
        dataset.save(update_fields=["validation_percent", "test_percent"])


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
        # Pairs, because a database may put the keys of an object in an order of its own.
        "findings": [[finding.code, finding.label] for finding in dataset.findings.all()],
        "labels_only": dataset.labels_only,
        "citing": dataset_facts(dataset.pk),
    }
