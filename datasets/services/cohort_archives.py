"""Archives of cohorts: ordered by people, built like the files of a release (`building`), removed when nobody downloads
them any more."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import F, Max, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from datasets import cohorts, policies
from datasets.errors import DatasetError
from datasets.models import Archive, Cohort, CohortOrder, Release
from datasets.services.building import destroy_gone
from datasets.services.ordering import CHUNK, ZIPPED, enqueue, stored_size

MOST_UNFINISHED = 3  # archives that a person may have waiting or being built
LIVE = (*Archive.UNFINISHED, Archive.Status.READY)


@transaction.atomic
def order_cohort(*, user: User, cohort: Cohort, content: str) -> Archive:
    """Orders the archive of `content` (one of ZIPPED) of a cohort. One that is there or on its way is given back, and
    shared with those who ordered it before; nobody learns of them.

    Raises DatasetError: the person may not have it, no image of the cohort has such files, they are more than
    CXR_COHORT_MAX_MB or than the disk has room for, or the person has MOST_UNFINISHED orders on their way.
    """
    if content not in ZIPPED:
        raise DatasetError(_("Choose radiographs, lung regions or lung masks."))
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    # A withdrawal takes this lock, too: it sees this order, or the order sees its tombstones.
    releases = Release.objects.select_for_update(of=("self",)).select_related("dataset__agreement")
    release = cohort.release = releases.get(pk=cohort.release_id)
    groups = cohorts.groups(release, cohort.filters)
    if not groups:
        raise DatasetError(_("No image of this cohort has such files."))
    if not policies.may_order(policies.Standing(user, release.dataset), cohort, groups, content).allowed:
        raise DatasetError(_("You need access to all groups of this version, and to these files of the images."))
    there = Archive.objects.select_for_update(of=("self",)).filter(cohort=cohort, content=content, status__in=LIVE)
    archive = there.first()
    if archive is not None and archive.order.people.filter(pk=user.pk).exists():
        return archive
    if archive is None or archive.status != Archive.Status.READY:
        _check_unfinished(user)
    if archive is None:
        archive = _new(user, cohort, content)
        archive.order.groups.set(groups)
        enqueue(archive)
    archive.order.people.add(user)
    CohortOrder.objects.filter(pk=archive.pk).update(at=timezone.now())
    record("cohort.ordered", actor=user, about=archive, release=release.pk, cohort=cohort.pk, content=content)
    return archive


def _check_unfinished(user: User) -> None:
    if user.cohort_orders.filter(archive__status__in=Archive.UNFINISHED).count() >= MOST_UNFINISHED:
        raise DatasetError(
            _("%(most)s archives that you ordered are being built. Wait until one is ready.")
            % {"most": MOST_UNFINISHED}
        )


def _new(user: User, cohort: Cohort, content: str) -> Archive:
    images, size = _measure(cohort, content)
    _check_room(size)
    archive = Archive.objects.create(
        release=cohort.release,
        cohort=cohort,
        content=content,
        filename=f"{cohort.identifier}-{content}.zip",
        items=images,
        bytes_total=size,
        claimed_until=timezone.now() + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS),
    )
    newest = cohort.release.items.aggregate(newest=Max("tombstone"))["newest"]
    CohortOrder.objects.create(archive=archive, newest_tombstone=newest or 0, by=user)
    return archive


def _measure(cohort: Cohort, content: str) -> tuple[int, int]:
    """How many images have such files, and the bytes of these. Raises DatasetError where it won't do."""
    images = size = 0
    found = cohorts.matching(cohort.release, cohort.filters).order_by("pk").values_list("files", flat=True)
    for files in found.iterator(chunk_size=CHUNK):
        if stored := files.get(content):
            images += 1
            size += sum(stored_size(file) for file in stored)
        if size > settings.CXR_COHORT_MAX_BYTES:
            raise DatasetError(
                _("These files are more than %(most)s MB together. Narrow the conditions, or use the client.")
                % {"most": settings.CXR_COHORT_MAX_BYTES // 1024**2}
            )
    if not images:
        raise DatasetError(_("No image of this cohort has such files."))
    return images, size


def _check_room(size: int) -> None:
    """An archive lies in the temporary folder while it is copied to its storage; those on their way need their room."""
    ordered = Archive.objects.filter(cohort__isnull=False, status__in=Archive.UNFINISHED)
    waiting = ordered.aggregate(left=Sum(F("bytes_total")))["left"] or 0
    place = Path(getattr(storages["archives"], "location", settings.CXR_VAR))  # S3 has none
    place = next(folder for folder in (place, *place.parents) if folder.exists())
    if shutil.disk_usage(place).free < 2 * size + waiting + settings.CXR_COHORT_KEEP_FREE_BYTES:
        raise DatasetError(_("The portal has no room for this archive now. Try again in some days, or use the client."))


def sweep_cohorts() -> int:
    """Removes the archives that nobody has begun to download for CXR_COHORT_DAYS; returns how many. What a crash left
    of their files goes the next time."""
    since = timezone.now() - timedelta(days=settings.CXR_COHORT_DAYS)
    removed = 0
    for pk in _idle(since).values_list("pk", flat=True):
        with transaction.atomic():
            # The lock waits for a download that is just being written down; one that comes after sees the state.
            locked = Archive.objects.select_for_update(of=("self",)).filter(pk=pk).first()
            if locked is None or not _idle(since).filter(pk=pk).exists():
                continue
            _remove(locked)
            removed += 1
    destroy_gone()
    return removed


def _idle(since: datetime) -> QuerySet[Archive]:
    ready = Archive.objects.filter(cohort__isnull=False, status=Archive.Status.READY, order__at__lt=since)
    return ready.exclude(downloads__at__gte=since)


def end_orders(user: User) -> None:
    """Ends what somebody ordered whose account is being closed; archives that nobody else ordered go at once. Within
    the caller's transaction."""
    orders = user.cohort_orders.filter(archive__status__in=LIVE).values("pk")
    for archive in Archive.objects.select_for_update(of=("self",)).filter(pk__in=orders).order_by("pk"):
        archive.order.people.remove(user)
        if archive.status in LIVE and not archive.order.people.exists():
            _remove(archive)
    user.cohort_orders.clear()
    transaction.on_commit(destroy_gone, robust=True)


def _remove(archive: Archive) -> None:
    """A worker that is at it loses its claim, and throws away what it made."""
    archive.status = Archive.Status.REMOVED
    archive.save(update_fields=["status"])
    record("cohort.removed", about=archive, release=archive.release_id, cohort=archive.cohort_id)
