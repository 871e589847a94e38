from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.models.release import Release


class Cohort(models.Model):
    """A choice of images of a release by their metadata, which can be cited. It holds the condition, never names."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="cohorts")
    identifier = models.CharField(_("identifier"), max_length=100, unique=True)
    filters = models.JSONField(help_text=_("The condition, by column; see datasets.cohorts."))
    images = models.PositiveIntegerField(_("images"), help_text=_("How many they were on the day."))
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("cohort")
        verbose_name_plural = _("cohorts")

    def __str__(self) -> str:
        return self.identifier
