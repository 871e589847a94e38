"""What the pages of a release tell is counted before anybody asks: of a million images that takes many seconds."""

from django.core.cache import cache

from datasets import described, selectors
from datasets.models import Release
from datasets.selectors.catalogue import cache_keys

_HOUR = 3600


def count_ahead() -> int:
    """Goes through the published releases that were not gone through for an hour, or since an image was withdrawn.
    What the cache has is not counted again. Returns how many releases."""
    releases = list(selectors.published().select_related("dataset"))
    keys = cache_keys("ahead", releases)
    known = cache.get_many(keys.values())
    # Who adds the mark counts: the next sweep may begin before this one is done.
    chosen = [one for one in releases if keys[one.pk] not in known and cache.add(keys[one.pk], True, _HOUR)]
    selectors.figures(chosen)
    for release in chosen:
        _count(release)
    return len(chosen)


def _count(release: Release) -> None:
    selectors.group_counts(release.dataset, release)
    if release.dataset.is_segmentation:
        selectors.released_sources(release)
        return
    selectors.finding_counts(release)
    selectors.statistics(release)
    described.endings(release)
