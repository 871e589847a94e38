from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.models.collection import Dataset


class QualityDistribution(models.Model):
    """How often each segmentation quality score occurs among the accepted radiographs of a dataset
    (`imaging.outliers.Distribution`): an image that comes or goes changes one count."""

    dataset = models.OneToOneField(
        Dataset, primary_key=True, on_delete=models.CASCADE, related_name="quality_distribution"
    )
    counts = models.JSONField(default=dict, help_text=_("Images by score, in thousandths."))
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("distribution of quality scores")
        verbose_name_plural = _("distributions of quality scores")

    def __str__(self) -> str:
        return f"quality scores of {self.dataset_id}"
