"""The quality scores of datasets: kept as counts, or counted where they are not kept yet."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Count

from datasets.models import Dataset, QualityDistribution, Radiograph
from imaging.outliers import Distribution


def quality_scores(datasets: Iterable[Dataset]) -> dict[int, Distribution]:
    """By dataset id, the scores of its accepted radiographs; in one query, or two."""
    wanted = {dataset.pk for dataset in datasets}
    kept = QualityDistribution.objects.filter(dataset__in=wanted).values_list("dataset", "counts")
    found = {dataset: Distribution.from_dict(counts) for dataset, counts in kept}
    if missing := wanted - found.keys():
        found |= _counted(missing)
    return found


def counted_scores(dataset: Dataset) -> Distribution:
    """The scores of a dataset from its radiographs, whatever is kept."""
    return _counted({dataset.pk})[dataset.pk]


def _counted(datasets: set[int]) -> dict[int, Distribution]:
    found: dict[int, Distribution] = defaultdict(Distribution, {dataset: Distribution() for dataset in datasets})
    radiographs = Radiograph.objects.filter(
        dataset__in=datasets, status=Radiograph.Status.ACCEPTED, quality_score__gt=0
    )
    rows = radiographs.order_by().values_list("dataset", "quality_score").annotate(count=Count("pk"))
    for dataset, score, count in rows:
        found[dataset].add(score, count)
    return dict(found)
