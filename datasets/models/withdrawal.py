"""What was taken out of releases, and what researchers report."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from datasets.models.collection import Dataset, Radiograph
from datasets.models.release import ReleaseItem
from datasets.models.segmentation import SegmentationEntry


class ImageReport(models.Model):
    """What somebody with access says is wrong with a released image."""

    class Category(models.TextChoices):
        IDENTITY = "identity", _("it may identify the patient")
        DIAGNOSIS = "diagnosis", _("the diagnosis or the metadata are wrong")
        DUPLICATE = "duplicate", _("it is a duplicate of another image")
        QUALITY = "quality", _("the image or the mask is damaged or poor")
        OTHER = "other", _("something else")

    class Status(models.TextChoices):
        OPEN = "open", pgettext_lazy("report", "open")
        CLOSED = "closed", _("answered")

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="reports")
    item = models.ForeignKey(ReleaseItem, on_delete=models.PROTECT, related_name="reports")
    filename = models.CharField(_("file name"), max_length=120)
    category = models.CharField(_("what is wrong"), max_length=12, choices=Category)
    text = models.TextField(_("in your words"), max_length=2000)
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="image_reports")
    at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN, db_index=True)
    answer = models.TextField(_("answer"), max_length=2000, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "filename", "reporter", "category"],
                condition=Q(status="open"),
                name="one_open_report_of_an_image",
            )
        ]
        verbose_name = _("report of an image")
        verbose_name_plural = _("reports of images")

    def __str__(self) -> str:
        return f"report {self.pk}"


class Withdrawal(models.Model):
    """One act of a data manager: one image, or several of one patient, are taken out of every release."""

    class Reason(models.TextChoices):
        CONSENT = "consent", _("consent withdrawn")
        IDENTITY = "identity", _("identity found")
        WRONG = "wrong", _("wrong diagnosis or duplicate")
        OTHER = "other", _("other reason")

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="withdrawals")
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    report = models.ForeignKey(ImageReport, null=True, blank=True, on_delete=models.PROTECT, related_name="withdrawals")
    finished_at = models.DateTimeField(
        null=True,
        blank=True,
        db_index=True,
        help_text=_("When the files were destroyed, the mails sent and the patch releases ordered."),
    )

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")

    def __str__(self) -> str:
        return f"withdrawal {self.pk}"


class Tombstone(models.Model):
    """What is left of a withdrawn image: its pseudonymous name, why it went, and which versions had it."""

    withdrawal = models.ForeignKey(Withdrawal, on_delete=models.PROTECT, related_name="tombstones")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="tombstones")
    radiograph = models.OneToOneField(
        Radiograph, null=True, blank=True, on_delete=models.PROTECT, related_name="tombstone"
    )
    entry = models.OneToOneField(
        SegmentationEntry, null=True, blank=True, on_delete=models.PROTECT, related_name="tombstone"
    )
    filename = models.CharField(_("file name"), max_length=120)
    versions = models.JSONField(_("versions that had it"), default=list)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(radiograph__isnull=False, entry=None) | Q(radiograph=None, entry__isnull=False),
                name="tombstone_of_one_image",
            ),
            models.UniqueConstraint(fields=["dataset", "filename"], name="tombstone_filename_once"),
        ]
        verbose_name = _("tombstone")
        verbose_name_plural = _("tombstones")

    def __str__(self) -> str:
        return self.filename
