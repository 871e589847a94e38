"""Archives of cohorts: ordered by a person, built like the files of a release (`building`), removed when nobody
downloads them any more."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from datasets import cohorts
from datasets.errors import DatasetError
from datasets.models import Archive, Cohort, CohortOrder, Release
from datasets.services.building import destroy_gone
from datasets.services.ordering import CHUNK, ZIPPED, enqueue, stored_size

MOST_UNFINISHED = 3  # archives that a person may have waiting or being built


@transaction.atomic
def order_cohort(*, user: User, cohort: Cohort, content: str) -> Archive:
    """Orders the archive of `content` (one of ZIPPED) of a cohort; `policies.may_order` has said yes. One that is there
    or on its way, whoever ordered it, is given back instead.

    Raises DatasetError: no image of the cohort has such files, they are more than CXR_COHORT_MAX_MB, or the person has
    MOST_UNFINISHED orders on their way.
    """
    if content not in ZIPPED:
        raise DatasetError(_("Choose radiographs, lung regions or lung masks."))
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    # A withdrawal takes this lock, too: it sees this order, or the order sees its tombstones.
    release = Release.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=cohort.release_id)
    live = (*Archive.UNFINISHED, Archive.Status.READY)
    there = Archive.objects.filter(cohort=cohort, content=content, status__in=live)
    if (archive := there.first()) is not None:
        return archive
    if CohortOrder.objects.filter(by=user, archive__status__in=Archive.UNFINISHED).count() >= MOST_UNFINISHED:
        raise DatasetError(
            _("%(most)s archives that you ordered are being built. Wait until one is ready.")
            % {"most": MOST_UNFINISHED}
        )
    images, size = _measure(cohort, release, content)
    archive = Archive.objects.create(
        release=release,
        cohort=cohort,
        content=content,
        filename=f"{cohort.identifier}-{content}.zip",
        items=images,
        bytes_total=size,
        claimed_until=timezone.now() + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS),
    )
    newest = release.items.aggregate(newest=Max("tombstone"))["newest"]
    order = CohortOrder.objects.create(archive=archive, newest_tombstone=newest or 0, by=user)
    order.groups.set(cohorts.groups(release, cohort.filters))
    enqueue(archive)
    record("cohort.ordered", actor=user, about=archive, release=release.pk, cohort=cohort.pk, content=content)
    return archive


def _measure(cohort: Cohort, release: Release, content: str) -> tuple[int, int]:
    """How many images have such files, and the bytes of these. Raises DatasetError where it won't do."""
    images = size = 0
    found = cohorts.matching(release, cohort.filters).order_by("pk").values_list("files", flat=True)
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
            locked.status = Archive.Status.REMOVED
            locked.save(update_fields=["status"])
            record("cohort.removed", about=locked, release=locked.release_id, cohort=locked.cohort_id)
            removed += 1
    destroy_gone()
    return removed


def _idle(since: datetime) -> QuerySet[Archive]:
    ready = Archive.objects.filter(cohort__isnull=False, status=Archive.Status.READY, order__at__lt=since)
    return ready.exclude(downloads__at__gte=since)
