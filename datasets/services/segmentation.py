"""Hand-drawn masks come into the library here, with the images that may come along."""

import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.storage import storages
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.services import record
from datasets.errors import DatasetError
from datasets.models import Dataset, Radiograph, SegmentationEntry, SegmentationSource, Tombstone
from datasets.services.library import NewFile, Shelf

SOURCE_WORDS = ("description", "licence", "url", "citation")


@dataclass(frozen=True)
class Drawn:
    """A mask on its way into the collection, and its image where that comes along. Sizes in pixels.

    `mask` is a 1-bit PNG, `image` a TIFF of nothing but grey levels; both are bytes, small enough to hold.
    """

    filename: str
    set: str
    mask: bytes = field(repr=False)
    width: int
    height: int
    convention: str = ""
    licence: str = ""
    patient: str = field(default="", repr=False)
    image: bytes | None = field(default=None, repr=False)
    deid_report: dict[str, Any] = field(default_factory=dict, repr=False)
    radiograph: Radiograph | None = None

    def plain(self) -> dict[str, Any]:
        """What the row of an entry says beside its files."""
        return {
            "set": self.set,
            "convention": self.convention,
            "licence": self.licence,
            "width": self.width,
            "height": self.height,
            "radiograph_id": self.radiograph.pk if self.radiograph else None,
        }


def patient_hash(dataset: Dataset, patient: str) -> str:
    """The keyed hash by which later imports find the same patient (HMAC-SHA-256 under the portal's secret key)."""
    return salted_hmac(f"datasets.segmentation.patient:{dataset.pk}", patient, algorithm="sha256").hexdigest()


@transaction.atomic
def set_source(
    *, manager: User, dataset: Dataset, name: str, source_id: int | None = None, ours: bool = False, **words: str
) -> SegmentationSource:
    """The source of that name, made with the next number (or `source_id`) where it is missing, with `words` of it.

    `ours` stays once it is said. Raises DatasetError: the number is another source's, or the words won't do.
    """
    if unknown := set(words) - set(SOURCE_WORDS):
        raise TypeError(f"unknown fields: {sorted(unknown)}")
    dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
    if not dataset.is_segmentation:
        raise DatasetError(_("This dataset is no collection of masks."))
    source = dataset.sources.filter(source=name).first()
    is_new = source is None
    if source is None:
        last = dataset.sources.order_by("-source_id").values_list("source_id", flat=True).first() or 0
        source = SegmentationSource(dataset=dataset, source=name, source_id=source_id or last + 1)
    elif source_id is not None and source_id != source.source_id:
        raise DatasetError(_("This source has the source_id %(number)s already.") % {"number": source.source_id})
    before = {name: getattr(source, name) for name in (*SOURCE_WORDS, "images_ours")}
    after = {**before, **words, "images_ours": before["images_ours"] or ours}
    if is_new or after != before:
        for name, value in after.items():
            setattr(source, name, value)
        try:
            source.full_clean()
        except ValidationError as error:
            raise DatasetError(" ".join(error.messages)) from error
        source.save()
        record(
            "source.added" if is_new else "source.changed",
            actor=manager,
            about=source,
            dataset=dataset.pk,
            images_ours=source.images_ours,
        )
    return source


@transaction.atomic
def put_entry(*, manager: User, source: SegmentationSource, drawn: Drawn, replace: bool = False) -> str:
    """Takes one mask into the collection; returns "added", "changed" or "there already".

    One of the same name must be the same but for an image that it lacked, unless it is to be replaced. Files that a
    release names stay. Raises DatasetError.
    """
    # Whoever publishes a release queues here too: a release never holds half of a row.
    dataset = Dataset.objects.select_for_update().get(pk=source.dataset_id)
    entry = dataset.entries.filter(filename=drawn.filename).first()
    mask = NewFile.of(drawn.mask)
    image = None if drawn.image is None else NewFile.of(drawn.image)
    if entry is not None and Tombstone.objects.filter(entry=entry).exists():
        raise DatasetError(_("The mask of this name was withdrawn. It does not come back under it."))
    if entry is not None:
        same = entry.source_id == source.pk and entry.mask_sha256 == mask.sha256
        same = same and all(getattr(entry, name) == value for name, value in drawn.plain().items())
        other_image = entry.image_sha256 != (image.sha256 if image else "")
        if same and (not other_image or (image is None and not replace)):
            return "there already"
        if not replace and not (same and not entry.image):
            raise DatasetError(_("Another mask, or other facts, are there under this name already."))
    shelf = Shelf(f"{dataset.slug}/masks/{secrets.token_hex(8)}")
    try:
        outcome, replaced = _write(entry, manager, dataset, source, drawn, shelf, mask, image)
    except BaseException:
        shelf.clear()
        raise
    for path in replaced:
        transaction.on_commit(partial(storages["library"].delete, path))
    return outcome


def _write(
    entry: SegmentationEntry | None,
    manager: User,
    dataset: Dataset,
    source: SegmentationSource,
    drawn: Drawn,
    shelf: Shelf,
    mask: NewFile,
    image: NewFile | None,
) -> tuple[str, list[str]]:
    """Writes files and row; what happened, and the paths of files that nobody needs any more."""
    replaced: list[str] = []
    outcome = "added" if entry is None else "changed"
    if entry is None:
        entry = SegmentationEntry(dataset=dataset, filename=drawn.filename, imported_by=manager)
    elif not entry.release_items.exists():
        replaced = [str(file.name) for file in (entry.mask, entry.image) if file]
    entry.source = source
    for name, value in drawn.plain().items():
        setattr(entry, name, value)
    if drawn.patient:
        entry.patient_hash = patient_hash(dataset, drawn.patient)
    entry.mask, entry.mask_sha256, entry.mask_size = shelf.put("mask.png", mask), mask.sha256, len(drawn.mask)
    if image is None or drawn.image is None:
        entry.image, entry.image_sha256, entry.image_size, entry.deid_report = "", "", None, {}
    else:
        entry.image, entry.image_sha256 = shelf.put("image.tif", image), image.sha256
        entry.image_size, entry.deid_report = len(drawn.image), drawn.deid_report
    entry.save()
    record(
        f"mask.{outcome}",
        actor=manager,
        about=entry,
        dataset=dataset.pk,
        source=source.pk,
        image=bool(entry.image),
        radiograph=entry.radiograph_id,
    )
    return outcome, replaced
