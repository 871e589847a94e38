"""Datasets, their releases and how much is in them. A published release never changes, so its counts are cached;
datasets.ahead has them counted before anybody asks.

Withdrawn images are counted nowhere: the difference to the patch release would tell the row of whoever withdrew.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, Prefetch, Q, QuerySet

from accounts.policies import Person
from datasets import versions
from datasets.models import Archive, Dataset, DiagnosisGroup, Release, ReleaseItem
from datasets.policies import visible

MONTH = 30 * 24 * 3600  # seconds; other keys stand for what was withdrawn since


@dataclass(frozen=True)
class Figures:
    """How much is in a release; of a segmentation collection `images` are masks, and nothing is said of patients."""

    images: int
    patients: int
    hospitals: int
    sources: int = 0


@dataclass(frozen=True)
class Card:
    """A dataset of the catalogue with its latest published release; None: nothing is published yet."""

    dataset: Dataset
    release: Release | None
    figures: Figures | None


def published() -> QuerySet[Release]:
    return Release.objects.filter(status=Release.Status.PUBLISHED).order_by("-created_at", "-pk")


def newest_first(releases: Iterable[Release]) -> list[Release]:
    """By version: a patch of an old one may be made after a new one."""
    return sorted(releases, key=lambda release: versions.order(release.version), reverse=True)


def latest_release(dataset: Dataset) -> Release | None:
    """The published release with the greatest version."""
    return next(iter(newest_first(published().filter(dataset=dataset))), None)


def release_in_progress(dataset: Dataset) -> Release | None:
    """A release whose archives are still to be built. One with a file that failed holds nothing up."""
    building = Release.objects.filter(dataset=dataset, status=Release.Status.BUILDING)
    return building.exclude(archives__status=Archive.Status.FAILED).first()


def greatest_version(dataset: Dataset) -> str | None:
    """The greatest version of any release, public or not; None if there is none."""
    given = Release.objects.filter(dataset=dataset).values_list("version", flat=True)
    return max(given, key=versions.order, default=None)


def catalogue(user: Person, **only: str) -> list[Card]:
    """The datasets that `user` may see (where given, `only` those), in four queries whatever they hold."""
    datasets = (
        visible(user)
        .filter(**only)
        .prefetch_related("groups", Prefetch("releases", queryset=published(), to_attr="published_releases"))
    )
    for dataset in datasets:
        dataset.published_releases = newest_first(dataset.published_releases)
    latest = {dataset.pk: next(iter(dataset.published_releases), None) for dataset in datasets}
    counts = figures(release for release in latest.values() if release is not None)
    return [
        Card(dataset, release, counts[release.pk] if release else None)
        for dataset in datasets
        for release in [latest[dataset.pk]]
    ]


def figures(releases: Iterable[Release]) -> dict[int, Figures]:
    """The figures of published releases by their id, in at most two queries."""
    releases = list(releases)
    keys = cache_keys("figures", releases)
    known = cache.get_many(keys.values())
    missing = [pk for pk, key in keys.items() if key not in known]
    if missing:
        counted = (
            ReleaseItem.objects.filter(release__in=missing, tombstone=None)
            .order_by()
            .values("release")
            .annotate(
                images=Count("pk"),
                patients=Count("radiograph__patient", distinct=True),
                hospitals=Count("radiograph__patient__hospital", distinct=True),
                sources=Count("source", distinct=True),
            )
        )
        found = {keys[pk]: Figures(0, 0, 0) for pk in missing}
        for row in counted:
            found[keys[row["release"]]] = Figures(row["images"], row["patients"], row["hospitals"], row["sources"])
        cache.set_many(found, MONTH)
        known |= found
    return {pk: known[key] for pk, key in keys.items()}


def group_counts(dataset: Dataset, release: Release | None) -> list[tuple[DiagnosisGroup, int]]:
    """The groups of a dataset, each with the number of its images in `release`."""
    counts = _in_groups(release) if release is not None else {}
    return [(group, counts.get(group.pk, 0)) for group in dataset.groups.all()]


def _in_groups(release: Release) -> dict[int, int]:
    key = cache_key("groups", release)
    counts: dict[int, int] | None = cache.get(key)
    if counts is None:
        rows = release.items.filter(tombstone=None, group__isnull=False).order_by()
        counts = dict(rows.values_list("group").annotate(Count("pk")).values_list("group", "pk__count"))
        cache.set(key, counts, MONTH)
    return counts


def finding_counts(release: Release) -> list[tuple[str, int]]:
    """The findings as the release froze them (labels), each with the number of images that have it. No query
    where the dataset has no findings."""
    findings: dict[str, str] = dict(release.about.get("findings", []))
    if not findings:
        return []
    key = cache_key("findings", release)
    counts: dict[str, int] | None = cache.get(key)
    if counts is None:
        having = {f"n{place}": Count("pk", filter=Q(**{f"metadata__{code}": 1})) for place, code in enumerate(findings)}
        found = release.items.filter(tombstone=None).order_by().aggregate(**having)
        counts = {code: found[f"n{place}"] for place, code in enumerate(findings)}
        cache.set(key, counts, MONTH)
    return [(label, counts[code]) for code, label in findings.items()]


def cache_key(what: str, release: Release) -> str:
    """A key of the cache for what is told of a release until an image of it is withdrawn. One query."""
    return cache_keys(what, [release])[release.pk]


def cache_keys(what: str, releases: Iterable[Release]) -> dict[int, str]:
    """The same for several, by their ids. One query."""
    releases = list(releases)
    withdrawn = _withdrawn(releases)
    return {release.pk: _key(what, release, withdrawn.get(release.pk, 0)) for release in releases}


def _key(what: str, release: Release, withdrawn: int) -> str:
    """The time tells a release from one of another database."""
    return f"datasets:{what}:{release.pk}:{release.created_at.timestamp()}:{withdrawn}"


def _withdrawn(releases: Iterable[Release]) -> dict[int, int]:
    """By release how many of its images were withdrawn since; without those that lost none."""
    gone = ReleaseItem.objects.filter(release__in=releases, tombstone__isnull=False).order_by()
    return dict(gone.values_list("release").annotate(Count("pk")).values_list("release", "pk__count"))
