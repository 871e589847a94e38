"""Building archives: claim the row, work outside of any transaction, commit once if the claim is still one's own.

A ZIP that another release of the dataset has, byte for byte, is not built again: both rows name the same file.
"""

import logging
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from uuid import UUID

from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from datasets.archives import recipe, write_archive
from datasets.digests import Digested
from datasets.errors import DatasetError, LibraryFault
from datasets.models import Archive, Release
from datasets.services.ordering import enqueue
from datasets.services.telling import forget_failure, tell_of_failure

PROGRESS_SECONDS = 2  # between two notes of how far a file is
log = logging.getLogger(__name__)
_Status = Archive.Status


class _ClaimLost(Exception):  # noqa: N818
    """Another worker has the archive now; what this one made is thrown away."""


@dataclass
class _Claim:
    """A worker's hold on an archive. The attempt's number tells two workers with the same task id apart."""

    archive_id: UUID
    task_id: str
    attempt: int
    renewed: float
    noted: float = 0

    def held(self) -> Q:
        return Q(pk=self.archive_id, status=_Status.BUILDING, claimed_by=self.task_id, attempts=self.attempt)

    def alive(self) -> None:
        """Renews the lease when a quarter of it is over; raises _ClaimLost if it is somebody else's by now."""
        if monotonic() - self.renewed < settings.CXR_STAGE_LEASE_SECONDS / 4:
            return
        if not Archive.objects.filter(self.held()).update(claimed_until=_lease_end()):
            raise _ClaimLost
        self.renewed = monotonic()

    def note(self, done: int) -> None:
        """Lets people see how many bytes are written."""
        if monotonic() - self.noted >= PROGRESS_SECONDS:
            Archive.objects.filter(self.held()).update(bytes_done=done)
            self.noted = monotonic()


@dataclass(frozen=True)
class _Built:
    """A whole file in its place: what the row will say of it."""

    path: str
    size: int
    md5: str
    sha256: str
    recipe: str
    twin: UUID | None = None


def build_archive(archive_id: UUID | str, task_id: str) -> None:
    """Builds one archive of a release; the last one makes the release public. May be called any number of times.

    Returns without doing anything if the archive is finished or another task is at work on it. The same task id again
    is the broker's redelivery after a killed worker, which takes over at once. A file that is missing from the library
    or changed there fails the archive; anything else is tried again by the sweep, CXR_STAGE_MAX_ATTEMPTS times.
    """
    claim = _claim(UUID(str(archive_id)), task_id)
    if claim is None:
        return
    try:
        built = _make(claim)
        if built.twin and not _finish(claim, built):  # the other release's file went meanwhile
            built = _make(claim, reuse=False)
    except _ClaimLost:
        log.info("archive.claim_lost")
    except LibraryFault as fault:
        _fail(claim, str(fault))
    except Exception:
        _give_back(claim)
        raise
    else:
        if not built.twin and not _finish(claim, built):
            discard_files([built.path])


def sweep_archives() -> int:
    """Publishes the tasks of archives again whose task or worker was lost, and returns how many."""
    with transaction.atomic():
        lost = list(
            Archive.objects.select_for_update(skip_locked=True)
            .filter(Q(claimed_until=None) | Q(claimed_until__lt=timezone.now()))
            .filter(status__in=Archive.UNFINISHED)
        )
        for archive in lost:
            archive.status, archive.claimed_by, archive.claimed_until = _Status.PENDING, "", _lease_end()
            archive.save(update_fields=["status", "claimed_by", "claimed_until"])
            enqueue(archive)
    return len(lost)


@transaction.atomic
def retry_archive(*, manager: User, archive: Archive) -> None:
    """Has a failed archive built again, with all its attempts. Raises DatasetError if it has not failed."""
    archive = Archive.objects.select_for_update(of=("self",)).select_related("release__dataset").get(pk=archive.pk)
    if archive.status != _Status.FAILED:
        raise DatasetError(_("Only a file that could not be built can be tried again."))
    # The attempts are counted anew: what those of before left would stand in their places.
    transaction.on_commit(partial(discard_files, places(archive)), robust=True)
    archive.status, archive.attempts, archive.reason = _Status.PENDING, 0, ""
    archive.claimed_by, archive.claimed_until = "", _lease_end()
    archive.save()
    enqueue(archive)
    forget_failure(archive.release)
    record("archive.retried", actor=manager, about=archive, release=archive.release_id)


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS)


@transaction.atomic
def _claim(archive_id: UUID, task_id: str) -> _Claim | None:
    archive = Archive.objects.select_for_update().filter(pk=archive_id).first()
    if archive is None or archive.status not in (_Status.PENDING, _Status.BUILDING):
        return None
    if archive.content == Archive.Content.SUMS and _others(archive.release_id).exists():
        return None
    leased = archive.claimed_until is not None and archive.claimed_until > timezone.now()
    if archive.status == _Status.BUILDING and leased and archive.claimed_by != task_id:
        return None
    if archive.attempts >= settings.CXR_STAGE_MAX_ATTEMPTS:
        # str(archive.reason) is what the last attempt said; a killed worker says nothing.
        reason = archive.reason or _("Its worker was lost %(count)s times.") % {"count": archive.attempts}
        _set_failed(archive, reason)
        return None
    archive.status, archive.claimed_by, archive.claimed_until = _Status.BUILDING, task_id, _lease_end()
    archive.attempts += 1
    archive.save(update_fields=["status", "claimed_by", "claimed_until", "attempts"])
    return _Claim(archive.pk, task_id, archive.attempts, monotonic())


def _make(claim: _Claim, *, reuse: bool = True) -> _Built:
    """The file of another release where it would be the same, else a new one."""
    found = Archive.objects.select_related("release__dataset", "group", "source", "cohort").filter(pk=claim.archive_id)
    if (archive := found.first()) is None:
        raise _ClaimLost
    made_of = recipe(archive, claim.alive)
    same = Archive.objects.filter(recipe=made_of, release__dataset=archive.release.dataset_id, status=_Status.READY)
    if made_of and reuse and (twin := same.exclude(pk=archive.pk).first()):
        return _Built(twin.file.name or "", twin.size or 0, twin.md5, twin.sha256, made_of, twin.pk)
    return _build(archive, claim, made_of)


def _build(archive: Archive, claim: _Claim, made_of: str) -> _Built:
    """Builds into a file without a name, whose space comes back if the worker dies; hashes it on its way to storage."""
    folder = Path(settings.CXR_VAR) / "tmp"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryFile(dir=folder) as file:

        def alive() -> None:
            claim.alive()
            claim.note(file.tell())

        write_archive(archive, file, alive=alive, tmpdir=str(folder))
        claim.alive()
        content, place = Digested(file), _place(archive, claim.attempt)
        try:
            path = storages["archives"].save(place, content)
        except Exception:  # a full disk, say: the half would take the room of the next attempt
            with suppress(Exception):
                discard_files([place])
            raise
        content.complete()
    return _Built(path, content.count, content.md5, content.sha256, made_of)


def places(archive: Archive) -> list[str]:
    """Where its attempts write, also those whose worker was killed before the row could name the file."""
    return [_place(archive, attempt) for attempt in range(1, archive.attempts + 1)]


def _place(archive: Archive, attempt: int) -> str:
    """Every attempt has a place of its own, so that a half file never lies under a name that counts."""
    suffix = archive.filename.rpartition(".")[2]
    return f"{archive.release.dataset.slug}/{archive.release.version}/{archive.pk}.{attempt}.{suffix}"


@transaction.atomic
def _finish(claim: _Claim, built: _Built) -> bool:
    """The one commit that counts: the archive is ready, and the release public if it was the last one."""
    # The release's row first, always: whoever comes last sees what the others committed.
    release = Release.objects.select_for_update(of=("self",)).filter(archives=claim.archive_id).first()
    if release is None:
        return False
    if built.twin and not Archive.objects.select_for_update().filter(pk=built.twin, status=_Status.READY).exists():
        return False
    ready = Archive.objects.filter(claim.held()).update(
        status=_Status.READY,
        file=built.path,
        size=built.size,
        md5=built.md5,
        sha256=built.sha256,
        recipe=built.recipe,
        bytes_done=built.size,
        claimed_by="",
        claimed_until=None,
        reason="",
    )
    if not ready:
        return False
    archive = Archive.objects.select_related("release__dataset").get(pk=claim.archive_id)
    reused = {"same_as": str(built.twin)} if built.twin else {}
    record("archive.built", about=archive, release=release.pk, size=built.size, sha256=built.sha256, **reused)
    # What a killed worker may have left.
    discard_files(_place(archive, attempt) for attempt in range(1, claim.attempt))
    if archive.cohort_id is not None:  # the release has nothing to wait for
        return True
    unfinished = release.archives.exclude(status=_Status.READY)
    if archive.content != Archive.Content.SUMS and not _others(release.pk).exists():
        for last in unfinished:
            enqueue(last)
    if release.status == Release.Status.BUILDING and not unfinished.exists():
        release.status, release.published_at = Release.Status.PUBLISHED, timezone.now()
        release.save(update_fields=["status", "published_at"])
        record("release.published", actor=release.created_by, about=release, version=release.version)
    return True


def _others(release_id: int) -> QuerySet[Archive]:
    """The unfinished archives of a release whose checksums are to be listed."""
    return (
        Archive.of_release.filter(release=release_id)
        .exclude(content=Archive.Content.SUMS)
        .exclude(status=_Status.READY)
    )


def discard_files(paths: Iterable[str]) -> None:
    """Destroys files of archives, but for those that another archive hands out."""
    for path in paths:
        if not Archive.objects.filter(file=path).exclude(status__in=Archive.GONE).exists():
            storages["archives"].delete(path)


def destroy_gone() -> None:
    """Destroys the files of withdrawn and removed archives, but for one that another version still hands out."""
    for archive in Archive.objects.filter(status__in=Archive.GONE).exclude(file=""):
        discard_files([str(archive.file.name)])
        Archive.objects.filter(pk=archive.pk).update(file="")


@transaction.atomic
def _fail(claim: _Claim, reason: str) -> None:
    archive = Archive.objects.select_for_update().filter(claim.held()).first()
    if archive is not None:
        _set_failed(archive, reason)


def _set_failed(archive: Archive, reason: str) -> None:
    archive.status, archive.reason = _Status.FAILED, reason[:300]
    archive.claimed_by, archive.claimed_until = "", None
    archive.save(update_fields=["status", "reason", "claimed_by", "claimed_until"])
    record("archive.failed", about=archive, release=archive.release_id, attempts=archive.attempts)
    if archive.cohort_id is None:
        tell_of_failure(archive.release)


@transaction.atomic
def _give_back(claim: _Claim) -> None:
    """After an error that may pass (a full disk, say) the sweep publishes the task again a little later."""
    later = timezone.now() + timedelta(seconds=settings.CXR_SWEEP_SECONDS * claim.attempt)
    Archive.objects.filter(claim.held()).update(
        status=_Status.PENDING,
        claimed_by="",
        claimed_until=later,
        reason=_("The last attempt ended with an error; the log has it under this file's id."),
    )
