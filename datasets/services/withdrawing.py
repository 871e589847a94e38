"""Taking images out: at once for everybody, with a tombstone where a release had them.

What a hospital takes back before any release leaves nothing but its row (`withdraw_unreleased`). What a data manager
withdraws is out of reach when the transaction ends: the archives that hold it are withdrawn with it. What takes longer
comes after (`finish_withdrawal`): the mails, the destruction of the files, the patch releases. It may run twice or die
anywhere; the sweep runs it again until it is through.
"""

from collections.abc import Iterable, Sequence
from functools import partial

from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from datasets.errors import DatasetError
from datasets.models import (
    Archive,
    Dataset,
    ImageReport,
    Radiograph,
    Release,
    ReleaseItem,
    SegmentationEntry,
    Tombstone,
    Withdrawal,
)
from datasets.selectors.holding import archives_holding
from datasets.services.building import destroy_gone
from datasets.services.library import withdraw_radiograph
from datasets.services.patching import order_patches, reorder_archives
from datasets.services.reporting import close_report
from datasets.services.telling import tell_downloaders

Image = Radiograph | SegmentationEntry
# These concern the patient: a mask whose image is a radiograph of ours takes the radiograph with it.
_OF_THE_PERSON = (Withdrawal.Reason.CONSENT, Withdrawal.Reason.IDENTITY)


@transaction.atomic
def withdraw_images(
    *, manager: User, images: Sequence[Image], reason: str, report: ImageReport | None = None
) -> Withdrawal:
    """Takes images of one patient out of the dataset and of every release, for good.

    A radiograph takes the hand-drawn masks of it along. Raises DatasetError: no image, images of several patients, a
    reason that is none of Withdrawal.Reason, or one of them is withdrawn already.
    """
    if reason not in Withdrawal.Reason.values:
        raise DatasetError(_("Say why the image is withdrawn."))
    radiographs, entries = _chosen(images, reason)
    # A release takes its images under these locks: it has these before us, or not at all.
    chosen: list[Image] = [*radiographs, *entries]
    datasets = {image.dataset_id for image in chosen}
    list(Dataset.objects.select_for_update().filter(pk__in=datasets).order_by("pk"))
    if entries and Tombstone.objects.filter(entry__in=entries).exists():
        raise DatasetError(_("This image is withdrawn already."))
    for radiograph in radiographs:
        withdraw_radiograph(manager=manager, radiograph=radiograph)
    withdrawal = Withdrawal.objects.create(dataset_id=images[0].dataset_id, reason=reason, by=manager, report=report)
    items = ReleaseItem.objects.filter(Q(radiograph__in=radiographs) | Q(entry__in=entries))
    published, building = _out_of_releases(items)
    for image in chosen:
        _lay_tombstone(withdrawal, image, published)
    for release in building:
        reorder_archives(release)
    archives = archives_holding(ReleaseItem.objects.filter(tombstone__withdrawal=withdrawal))
    # The lock waits for every download that is just being written down, and those that come after see the state.
    locked = [archive.pk for archive in archives.select_for_update(of=("self",)).order_by("pk")]
    removed = Q(status=Archive.Status.REMOVED)  # of a cohort, whose file is gone already
    Archive.objects.filter(~removed, pk__in=locked).update(status=Archive.Status.WITHDRAWN)
    _answer_reports(withdrawal)
    record(
        "images.withdrawn",
        actor=manager,
        about=withdrawal,
        reason=reason,
        radiographs=[radiograph.pk for radiograph in radiographs],
        entries=[entry.pk for entry in entries],
        releases=[release.pk for release in published],
        archives=len(locked),
    )
    enqueue(withdrawal)
    return withdrawal


def enqueue(withdrawal: Withdrawal) -> None:
    """Publishes the task of what comes after when the transaction commits; the sweep finds it if it gets lost."""
    from datasets.tasks import finish_withdrawal as task  # tasks import the services

    transaction.on_commit(partial(task.delay, withdrawal.pk), robust=True)


def _chosen(images: Sequence[Image], reason: str) -> tuple[list[Radiograph], list[SegmentationEntry]]:
    """The radiographs and the hand-drawn masks that go, in the order of their ids."""
    entries = {image.pk: image for image in images if isinstance(image, SegmentationEntry)}
    radiographs = {image.pk: image for image in images if isinstance(image, Radiograph)}
    if reason in _OF_THE_PERSON:
        radiographs |= {entry.radiograph.pk: entry.radiograph for entry in entries.values() if entry.radiograph}
    along = SegmentationEntry.objects.filter(radiograph__in=radiographs, tombstone=None)
    entries |= {entry.pk: entry for entry in along}
    patients: set[tuple[str, str | int]] = {
        ("radiograph", radiograph.patient_id) for radiograph in radiographs.values()
    }
    alone = [entry for entry in entries.values() if entry.radiograph_id not in radiographs]
    patients |= {(f"entry of {entry.dataset_id}", entry.patient_hash or entry.pk) for entry in alone}
    if not images:
        raise DatasetError(_("Choose at least one image."))
    if len(patients) > 1:
        raise DatasetError(_("Withdraw the images of one patient at a time."))
    return [radiographs[pk] for pk in sorted(radiographs)], [entries[pk] for pk in sorted(entries)]


def _out_of_releases(items: QuerySet[ReleaseItem]) -> tuple[list[Release], list[Release]]:
    """Takes the items out of releases that are still being built; the published ones that have them, and those."""
    ids = set(items.order_by().values_list("release", flat=True))
    # The same lock as that of whoever publishes it with its last archive: it is public by now, or it waits for us.
    releases = list(Release.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    published = [release for release in releases if release.status == Release.Status.PUBLISHED]
    building = [release for release in releases if release not in published]
    items.filter(release__in=building).delete()
    return published, building


def _lay_tombstone(withdrawal: Withdrawal, image: Image, published: Iterable[Release]) -> None:
    of = {"radiograph": image} if isinstance(image, Radiograph) else {"entry": image}
    items = ReleaseItem.objects.filter(release__in=published, **of)
    having = set(items.values_list("release", flat=True))
    tombstone = Tombstone.objects.create(
        withdrawal=withdrawal,
        dataset_id=image.dataset_id,
        filename=image.filename,
        versions=[release.version for release in published if release.pk in having],
        **of,
    )
    items.update(tombstone=tombstone)


def _answer_reports(withdrawal: Withdrawal) -> None:
    """Whoever reported one of the images hears that it went."""
    names = Q()
    for tombstone in withdrawal.tombstones.all():
        names |= Q(dataset=tombstone.dataset_id, filename=tombstone.filename)
    for report in ImageReport.objects.filter(names, status=ImageReport.Status.OPEN).select_related("reporter"):
        with translation.override(report.reporter.language or settings.LANGUAGE_CODE):
            close_report(manager=withdrawal.by, report=report, answer=_("The image was withdrawn."))


def finish_withdrawal(withdrawal_id: int) -> None:
    """What comes after a withdrawal: mails, destruction, patch releases. May be called any number of times."""
    withdrawal = Withdrawal.objects.select_related("by").get(pk=withdrawal_id)
    if withdrawal.finished_at is not None:
        return
    tell_downloaders(withdrawal)
    destroy_gone()
    for tombstone in withdrawal.tombstones.select_related("radiograph", "entry"):
        _destroy_files(tombstone)
    for dataset in withdrawal.tombstones.order_by("dataset").values_list("dataset", flat=True).distinct():
        order_patches(dataset, manager=withdrawal.by)
    with transaction.atomic():
        if Withdrawal.objects.filter(pk=withdrawal_id, finished_at=None).update(finished_at=timezone.now()):
            record("withdrawal.finished", about=withdrawal)


def sweep_withdrawals() -> int:
    """Publishes the tasks of withdrawals again that are not through, and returns how many."""
    unfinished = Withdrawal.objects.filter(finished_at=None)
    for withdrawal in unfinished:
        enqueue(withdrawal)
    return len(unfinished)


def _destroy_files(tombstone: Tombstone) -> None:
    """Destroys what the library, and what releases remember, has of the image."""
    if tombstone.radiograph_id is not None:
        _destroy(tombstone.radiograph_id)
    elif tombstone.entry is not None:
        _delete([tombstone.entry.mask.name, tombstone.entry.image.name])
    for files in tombstone.items.values_list("files", flat=True):
        _delete(stored["path"] for content in files.values() for stored in content)


@transaction.atomic
def withdraw_unreleased(*, user: User, radiograph: Radiograph) -> Radiograph:
    """Withdraws an accepted image that no release has, and destroys its files once that is committed.

    Raises DatasetError where a release has it (also one that is being built), or where it is withdrawn already."""
    # A release takes its images under this lock: it has this one before us, or not at all.
    collections = radiograph.segmentation_entries.values("dataset")
    list(Dataset.objects.select_for_update().filter(Q(pk=radiograph.dataset_id) | Q(pk__in=collections)).order_by("pk"))
    # Also as the image of a hand-drawn mask.
    items = ReleaseItem.objects.filter(Q(radiograph=radiograph) | Q(entry__radiograph=radiograph))
    if (item := items.select_related("release").order_by("release_id").first()) is not None:
        raise DatasetError(
            _("It is in release {version} of the dataset already. Ask the data manager to withdraw it.").format(
                version=item.release.version
            )
        )
    row = withdraw_radiograph(manager=user, radiograph=radiograph)
    transaction.on_commit(partial(_destroy, row.pk), robust=True)
    return row


def destroy_withdrawn() -> int:
    """Destroys what a crash left of images that were withdrawn before any release; returns of how many."""
    withdrawn = Radiograph.objects.filter(
        status=Radiograph.Status.WITHDRAWN, release_items=None, segmentation_entries__release_items=None
    ).distinct()
    return sum(_destroy(pk) for pk in withdrawn.values_list("pk", flat=True))


def _destroy(radiograph_id: int) -> bool:
    """Were there any files?"""
    row = Radiograph.objects.select_related("region").get(pk=radiograph_id)
    paths = [row.file.name, *row.masks.values_list("file", flat=True)]
    if (region := getattr(row, "region", None)) is not None:
        paths += [region.image.name, region.mask.name]
    for entry in row.segmentation_entries.all():
        paths += [entry.mask.name, entry.image.name]
    return _delete(paths)


def _delete(paths: Iterable[str | None]) -> bool:
    library = storages["library"]
    there = [path for path in paths if path and library.exists(path)]
    for path in there:
        library.delete(path)
    return bool(there)
