"""The sources of a segmentation collection: how many masks and images each has, set by set."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KT
from django.utils.functional import Promise

from datasets.models import Dataset, Radiograph, Release, ReleaseItem, SegmentationEntry, SegmentationSource, Set
from datasets.selectors.catalogue import MONTH, cache_key


@dataclass(frozen=True)
class SourceCounts:
    """A source with the number of its masks by set (every set, in order) and of the images beside them."""

    source_id: int
    source: str
    licence: str
    description: str
    url: str
    citation: str
    images_ours: bool
    images: int = 0
    sets: dict[str, int] = field(default_factory=dict)

    @property
    def by_set(self) -> list[tuple[str | Promise, int]]:
        """Every set as it is called, and its masks."""
        return [(Set(name).label, count) for name, count in self.sets.items()]

    @property
    def masks(self) -> int:
        return sum(self.sets.values())


def released_sources(release: Release) -> list[SourceCounts]:
    """The sources as a release froze them, with what was not withdrawn; from the cache."""
    key = cache_key("sources", release)
    found: list[SourceCounts] | None = cache.get(key)
    if found is None:
        sources = list(release.dataset.sources.all())
        words = release.about.get("sources", {})
        rows = (
            release.items.filter(tombstone=None)
            .order_by()
            .annotate(name=KT("metadata__set"))
            .values_list("source", "name")
            .annotate(masks=Count("pk"), images=Count("pk", filter=Q(files__has_key="images")))
        )
        with_masks = {pk for pk, _name, _masks, _images in rows}
        found = _counts((source for source in sources if source.pk in with_masks), rows, words)
        cache.set(key, found, MONTH)
    return found


def current_sources(dataset: Dataset) -> list[SourceCounts]:
    """The sources as they are now, released or not."""
    rows = (
        _entries(dataset)
        .order_by()
        .values_list("source", "set")
        .annotate(masks=Count("pk"), images=Count("pk", filter=~Q(image="")))
    )
    return _counts(dataset.sources.all(), rows, {})


def _entries(dataset: Dataset) -> QuerySet[SegmentationEntry]:
    return dataset.entries.filter(tombstone=None).exclude(radiograph__status=Radiograph.Status.WITHDRAWN)


def _counts(
    sources: Iterable[SegmentationSource],
    rows: Iterable[tuple[int, str, int, int]],
    words: dict[str, dict[str, str]],
) -> list[SourceCounts]:
    """`words` of a release, by source id, stand before those of today."""
    masks = {(pk, name): count for pk, name, count, _images in rows}
    images: dict[int, int] = {}
    for pk, _name, _count, count in rows:
        images[pk] = images.get(pk, 0) + count
    return [
        SourceCounts(
            source_id=source.source_id,
            images_ours=source.images_ours,
            images=images.get(source.pk, 0),
            sets={name: masks.get((source.pk, name), 0) for name in Set.values},
            **{
                name: words.get(str(source.source_id), {}).get(name, getattr(source, name))
                for name in ("source", "licence", "description", "url", "citation")
            },
        )
        for source in sources
    ]


def released_masks(release: Release, *, source_id: int | None = None, set: str = "") -> QuerySet[ReleaseItem]:
    """The masks of a release that were not withdrawn since, in the order of its tables; where given, of one source or
    set."""
    items = release.items.filter(tombstone=None).order_by("pk")
    if source_id is not None:
        items = items.filter(source__source_id=source_id)
    return items.filter(metadata__set=set) if set else items


def current_masks(dataset: Dataset, *, source_id: int | None = None, set: str = "") -> QuerySet[SegmentationEntry]:
    """The masks as they are now, in the order in which a release would have them."""
    entries = _entries(dataset).select_related("source").order_by("source__source_id", "pk")
    if source_id is not None:
        entries = entries.filter(source__source_id=source_id)
    return entries.filter(set=set) if set else entries
