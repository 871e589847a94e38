"""Keeping the distribution of a dataset's quality scores as images come and go, without counting all of them again.

The row is locked from the change to the end of the caller's transaction. Where it is missing (a dataset from before
there was one) it is counted from the radiographs."""

from django.db import transaction
from django.utils import timezone

from datasets import selectors
from datasets.models import Dataset, QualityDistribution, Radiograph
from imaging.outliers import Distribution


def count_score(radiograph: Radiograph) -> None:
    """A radiograph was accepted. One in which no lungs were found has no score that could be compared."""
    _change(radiograph, add=True)


def discount_score(radiograph: Radiograph) -> None:
    """A radiograph was withdrawn."""
    _change(radiograph, add=False)


@transaction.atomic
def recount_scores(dataset: Dataset) -> bool:
    """Counts the scores of all accepted radiographs anew; whether what was kept was right."""
    # Whoever accepts an image meanwhile waits here, or has been counted.
    row, created = QualityDistribution.objects.select_for_update().get_or_create(dataset=dataset)
    counted = selectors.counted_scores(dataset.pk).as_dict()
    right: bool = created or row.counts == counted
    _store(row, counted)
    return right


@transaction.atomic
def frozen_scores(dataset: Dataset) -> Distribution:
    """The scores as they stay until the end of the caller's transaction."""
    row = QualityDistribution.objects.select_for_update().filter(dataset=dataset).first()
    return Distribution.from_dict(row.counts) if row is not None else selectors.counted_scores(dataset.pk)


@transaction.atomic
def _change(radiograph: Radiograph, *, add: bool) -> None:
    if not radiograph.quality_score:
        return
    row, created = QualityDistribution.objects.select_for_update().get_or_create(
        dataset=radiograph.dataset,
        # With this radiograph, which is in the table already, or no longer counts.
        defaults={"counts": lambda: selectors.counted_scores(radiograph.dataset_id).as_dict()},
    )
    if created:
        return
    distribution = Distribution.from_dict(row.counts)
    if add:
        distribution.add(radiograph.quality_score)
    else:
        distribution.remove(radiograph.quality_score)
    _store(row, distribution.as_dict())


def _store(row: QualityDistribution, counts: dict[str, int]) -> None:
    row.counts, row.updated_at = counts, timezone.now()
    row.save(update_fields=["counts", "updated_at"])
