from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Event(models.Model):
    """One thing that somebody did. Rows are only ever added, and each carries the hash of the one before. No foreign
    keys: an event outlives the people and things that it is about."""

    number = models.PositiveBigIntegerField(_("number"), unique=True)
    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    actor_id = models.BigIntegerField(_("person"), null=True, blank=True)
    action = models.CharField(_("action"), max_length=64)
    object_type = models.CharField(_("object"), max_length=64, blank=True)
    object_id = models.CharField(_("object id"), max_length=64, blank=True)
    dataset_id = models.BigIntegerField(
        _("dataset"), null=True, blank=True, help_text=_("Of what it is about, where that is known.")
    )
    data = models.JSONField(
        _("details"), default=dict, help_text=_("Ids, counts and codes; never anything identifying.")
    )
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["-number"]
        # With the number behind, so that the newest of one person, action, dataset or thing are found without sorting.
        indexes = [
            models.Index(fields=["actor_id", "number"]),
            models.Index(fields=["action", "number"]),
            models.Index(fields=["dataset_id", "number"]),
            models.Index(fields=["object_type", "object_id", "number"]),
        ]
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.number} {self.action}"
