from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.models.collection import DiagnosisGroup
from datasets.models.release import Archive, Release


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


class CohortOrder(models.Model):
    """Who ordered an archive of a cohort, and what was settled then. Whoever orders it while it is there shares it;
    once it is gone an order makes a new one."""

    archive = models.OneToOneField(Archive, on_delete=models.PROTECT, primary_key=True, related_name="order")
    groups = models.ManyToManyField(
        DiagnosisGroup, related_name="+", help_text=_("Of its images; a download needs every one of them.")
    )
    newest_tombstone = models.PositiveBigIntegerField(
        default=0, help_text=_("What was withdrawn up to this tombstone (id) is not in the archive.")
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", help_text=_("Who ordered it first.")
    )
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="cohort_orders",
        help_text=_("Who ordered it and has an account: the archive is there for them, and goes with the last."),
    )
    at = models.DateTimeField(default=timezone.now, help_text=_("When it was ordered last."))

    class Meta:
        ordering = ["-at"]
        verbose_name = _("order of a cohort's archive")
        verbose_name_plural = _("orders of cohorts' archives")

    def __str__(self) -> str:
        return str(self.archive_id)
