"""What its hospital takes back before it was ever released: it leaves nothing but its row."""

from functools import partial

from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from datasets.errors import DatasetError
from datasets.models import Dataset, Radiograph, ReleaseItem
from datasets.services.library import withdraw_radiograph


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
    library = storages["library"]
    there = [path for path in paths if path and library.exists(path)]
    for path in there:
        library.delete(path)
    return bool(there)
