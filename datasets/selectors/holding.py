"""Which archives hold an image, and who has one of them."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from datasets import cohorts
from datasets.models import Archive, Download, ReleaseItem, Tombstone, Withdrawal

# The archives that carry something of every image, and not its files by content.
TABLES = (Archive.Content.METADATA, Archive.Content.DEIDENTIFICATION, Archive.Content.QUALITY)


def archives_holding(items: QuerySet[ReleaseItem]) -> QuerySet[Archive]:
    """The archives of published releases in whose bytes there is a file or a row of any of `items`."""
    same = items.order_by().filter(release=OuterRef("release"))
    covers = same.filter(
        Q(group=OuterRef("group"), radiograph_id__gt=OuterRef("above"), radiograph_id__lte=OuterRef("upto"))
        | Q(source=OuterRef("source"), entry_id__gt=OuterRef("above"), entry_id__lte=OuterRef("upto"))
    )
    everything = Q(group=None, source=None, content__in=TABLES) & Exists(same)
    table = Q(content__in=TABLES)
    held: Q = everything | Q(table & Exists(covers))
    for content in Archive.Content.values:
        if content not in TABLES:
            held |= Q(Q(content=content) & Exists(covers.filter(files__has_key=content)))
    return Archive.objects.filter(held | Q(pk__in=_of_cohorts(items)))


def _of_cohorts(items: QuerySet[ReleaseItem]) -> list[UUID]:
    """The archives of cohorts that hold any of them, finished or not; each condition is asked by itself."""
    found = []
    releases = items.order_by().values("release")
    for archive in Archive.objects.filter(cohort__release__in=releases).select_related("cohort", "order"):
        if archive.cohort is None:
            continue
        fitting = items.filter(cohorts.fits(archive.cohort.filters), release=archive.release_id)
        in_time = Q(tombstone=None) | Q(tombstone__gt=archive.order.newest_tombstone)
        if fitting.filter(in_time, files__has_key=archive.content).exists():
            found.append(archive.pk)
    return found


def holders(withdrawal: Withdrawal) -> set[int]:
    """The ids of the people who got bytes of an archive that held an image of `withdrawal`, whatever became of it."""
    return {user for tombstone in withdrawal.tombstones.all() for user in _holders(tombstone)}


def held_by(withdrawal: Withdrawal, user_id: int) -> list[Tombstone]:
    """The images of `withdrawal` that this person has downloaded."""
    return [tombstone for tombstone in withdrawal.tombstones.order_by("filename") if user_id in _holders(tombstone)]


def _holders(tombstone: Tombstone) -> set[int]:
    """Unknown how many bytes went out (nginx sends them, or it is going on): some may have."""
    archives = archives_holding(tombstone.items.all())
    return set(Download.objects.filter(archive__in=archives).exclude(bytes_sent=0).values_list("user", flat=True))
