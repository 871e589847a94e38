from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from datasets.models.collection import Dataset
from datasets.models.release import Release


class DailyCount(models.Model):
    """How often a dataset (or one release of it) was looked at or downloaded on a day; numbers alone, never who."""

    class Kind(models.TextChoices):
        VIEW = "view", _("views")
        DOWNLOAD = "download", _("downloads")

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="daily_counts")
    release = models.ForeignKey(
        Release,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="daily_counts",
        help_text=_("Empty: the page of the dataset."),
    )
    kind = models.CharField(max_length=8, choices=Kind)
    day = models.DateField(_("day"))
    count = models.PositiveBigIntegerField(_("count"), default=0)

    class Meta:
        ordering = ["dataset_id", "-day"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "release", "kind", "day"],
                condition=Q(release__isnull=False),
                name="count_of_release_once",
            ),
            models.UniqueConstraint(
                fields=["dataset", "kind", "day"], condition=Q(release=None), name="count_of_dataset_once"
            ),
        ]
        verbose_name = _("count of a day")
        verbose_name_plural = _("counts by day")

    def __str__(self) -> str:
        return f"{self.kind} of {self.dataset_id} on {self.day}"
