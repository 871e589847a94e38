"""The quality scores of a dataset: kept as counts, or counted where they are not kept yet."""

from django.db.models import Count

from datasets.models import QualityDistribution, Radiograph
from imaging.outliers import Distribution


def quality_scores(dataset_id: int) -> Distribution:
    """The scores of the dataset's accepted radiographs."""
    row = QualityDistribution.objects.filter(dataset=dataset_id).first()
    return Distribution.from_dict(row.counts) if row is not None else counted_scores(dataset_id)


def counted_scores(dataset_id: int) -> Distribution:
    """The same from the radiographs, whatever is kept. One in which no lungs were found has no score to compare."""
    radiographs = Radiograph.objects.filter(dataset=dataset_id, status=Radiograph.Status.ACCEPTED, quality_score__gt=0)
    found = Distribution()
    for score, count in radiographs.order_by().values_list("quality_score").annotate(count=Count("pk")):
        found.add(score, count)
    return found
