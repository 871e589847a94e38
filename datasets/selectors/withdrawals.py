"""What a data manager sees before and after a withdrawal, and what everybody sees of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from datasets import versions
from datasets.models import (
    Archive,
    Download,
    ImageReport,
    Radiograph,
    Release,
    ReleaseItem,
    SegmentationEntry,
    Tombstone,
    Withdrawal,
)
from datasets.selectors.holding import archives_holding

Image = Radiograph | SegmentationEntry
FOUND = 50  # images that a search shows


def find_images(text: str) -> list[Image]:
    """Radiographs and hand-drawn masks whose file name is, or begins with, `text`; at most FOUND of each."""
    text = text.strip()
    if not text:
        return []
    radiographs = Radiograph.objects.filter(filename__istartswith=text).select_related("dataset", "tombstone", "group")
    entries = SegmentationEntry.objects.filter(filename__istartswith=text).select_related(
        "dataset", "tombstone", "source"
    )
    return [*radiographs.order_by("filename", "pk")[:FOUND], *entries.order_by("filename", "pk")[:FOUND]]


def of_the_same_patient(image: Image) -> list[Image]:
    """The other images of the patient that are not withdrawn, in every dataset; those of a radiograph's patient, or the
    masks that were imported under the same patient."""
    if isinstance(image, Radiograph):
        others = Radiograph.objects.filter(patient=image.patient_id, status=Radiograph.Status.ACCEPTED)
        return list(others.exclude(pk=image.pk).select_related("dataset", "group").order_by("dataset_id", "pk"))
    if not image.patient_hash:
        return []
    masks = SegmentationEntry.objects.filter(
        dataset=image.dataset_id, patient_hash=image.patient_hash, tombstone=None, radiograph=None
    )
    return list(masks.exclude(pk=image.pk).select_related("dataset", "source").order_by("pk"))


@dataclass(frozen=True)
class Effects:
    """What would happen if an image were withdrawn now."""

    releases: list[Release]  # published
    building: list[Release]
    archives: int
    people: int


def effects(image: Image) -> Effects:
    """In four queries. The masks that were drawn on a radiograph go with it."""
    if isinstance(image, Radiograph):
        items = ReleaseItem.objects.filter(Q(radiograph=image) | Q(entry__radiograph=image))
    else:
        items = ReleaseItem.objects.filter(entry=image)
    releases = Release.objects.filter(items__in=items).select_related("dataset").order_by("dataset_id", "pk").distinct()
    published = [release for release in releases if release.status == Release.Status.PUBLISHED]
    archives = archives_holding(items.filter(release__in=published))
    downloads = Download.objects.filter(archive__in=archives).exclude(bytes_sent=0)
    return Effects(
        releases=published,
        building=[release for release in releases if release not in published],
        archives=archives.exclude(status__in=Archive.GONE).count(),
        people=downloads.order_by().values("user").distinct().count(),
    )


def tombstones(release: Release) -> list[Tombstone]:
    """The withdrawn images that a published version had, with the reason of each. One query."""
    found = Tombstone.objects.filter(items__release=release).select_related("withdrawal")
    return list(found.order_by("withdrawal__at", "filename"))


def withdrawals() -> QuerySet[Withdrawal]:
    """All of them, the newest first."""
    return Withdrawal.objects.select_related("dataset", "by").prefetch_related("tombstones")


def patches_of(withdrawal: Withdrawal) -> list[Release]:
    """The patch releases that stand in the place of the versions which had its images."""
    datasets = withdrawal.tombstones.values("dataset")
    had = ReleaseItem.objects.filter(tombstone__withdrawal=withdrawal).values("release")
    patches = Release.objects.filter(dataset__in=datasets, replaces__in=had).select_related("dataset", "replaces")
    return list(patches.order_by("pk"))


def replacement(release: Release, releases: Iterable[Release]) -> Release | None:
    """The newest patch among `releases` of the version that `release` is, or None if it is that itself."""
    here = versions.order(release.version)
    later = [
        other
        for other in releases
        if versions.order(other.version)[:2] == here[:2] and versions.order(other.version) > here
    ]
    return max(later, key=lambda other: versions.order(other.version), default=None)


def open_reports() -> int:
    """How many reports wait for an answer."""
    return ImageReport.objects.filter(status=ImageReport.Status.OPEN).count()
