"""Patch releases: what a published version had, without the images that were withdrawn since (1.0 becomes 1.0.1)."""

from functools import partial
from itertools import islice

from django.db import transaction
from django.db.models import Count
from django.utils import translation
from django.utils.translation import ngettext

from accounts.models import User
from audit.services import record
from datasets import versions
from datasets.models import Dataset, Release, ReleaseItem, Withdrawal
from datasets.services.building import discard_files, places
from datasets.services.ordering import order_archives

CHUNK = 2000  # rows held in memory


def order_patches(dataset_id: int, *, manager: User) -> list[Release]:
    """Orders a patch release for every version N.N of the dataset whose newest form still has a withdrawn image.

    One that is being built already has it no more (`withdraw_images` sees to that), so nothing is ordered twice,
    whoever comes at the same time. A version of which nothing is left gets none.
    """
    ordered = []
    with transaction.atomic():
        dataset = Dataset.objects.select_for_update().get(pk=dataset_id)
        newest: dict[tuple[int, ...], Release] = {}
        for release in sorted(dataset.releases.all(), key=lambda release: versions.order(release.version)):
            newest[versions.order(release.version)[:2]] = release
        for release in newest.values():
            withdrawn = release.items.exclude(tombstone=None)
            if withdrawn.exists() and release.items.filter(tombstone=None).exists():
                ordered.append(_publish_patch(manager, release))
    return ordered


def _publish_patch(manager: User, release: Release) -> Release:
    """What `release` froze, word for word, but for the withdrawn images; its archives are ordered."""
    patch = Release.objects.create(
        dataset=release.dataset,
        version=versions.patch(release.version),
        changes=changes(release),
        about=release.about,
        quality=release.quality,
        replaces=release,
        created_by=manager,
        # What is wrong with a version is wrong with its patch.
        deprecated_at=release.deprecated_at,
        deprecation_notice=release.deprecation_notice,
    )
    kept = release.items.filter(tombstone=None).order_by("pk").iterator(chunk_size=CHUNK)
    while items := list(islice(kept, CHUNK)):
        for item in items:
            item.pk, item.release = None, patch
        ReleaseItem.objects.bulk_create(items)
    order_archives(patch)
    record("release.created", actor=manager, about=patch, dataset=patch.dataset_id, version=patch.version)
    return patch


def reorder_archives(release: Release) -> None:
    """After images were taken out of a release that is still being built: its archives are planned and built anew. One
    of which nothing is left goes, too: it never was public.

    While images are still being frozen there are no archives: the freezing goes on, and passes over what is
    withdrawn."""
    if release.freezing:
        return
    old = forget_archives(release)
    if release.items.exists():
        if release.replaces is not None:
            release.changes = changes(release.replaces)
            release.save(update_fields=["changes"])
        order_archives(release)
        record("release.reordered", about=release, archives=old)
    else:
        record("release.dropped", about=release, version=release.version)
        release.delete()


def forget_archives(release: Release) -> int:
    """Deletes the archives of a release that is not public yet, and their files with the commit; returns how many.
    Whoever is building one finds the row gone and throws away what was made."""
    old = list(release.archives.select_related("release__dataset"))
    paths = {str(archive.file.name) for archive in old if archive.file}
    paths.update(path for archive in old for path in places(archive))
    release.archives.all().delete()
    transaction.on_commit(partial(discard_files, paths), robust=True)
    return len(old)


def changes(release: Release) -> str:
    """The change log of the patch that takes the place of `release`: how many images went and why, never who. In
    English, as everything that a release freezes."""
    counted = release.items.exclude(tombstone=None).order_by()
    reasons = dict(counted.values_list("tombstone__withdrawal__reason").annotate(Count("pk")))
    with translation.override("en"):
        lines = [
            ngettext("%(count)s image withdrawn: %(reason)s.", "%(count)s images withdrawn: %(reason)s.", count)
            % {"count": count, "reason": reason.label}
            for reason in Withdrawal.Reason
            if (count := reasons.get(reason.value, 0))
        ]
    return "\n".join(lines)
