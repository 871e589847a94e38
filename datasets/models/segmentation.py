"""The second kind of collection: lung masks that people drew, source by source."""

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.models.collection import Dataset, Radiograph, library_storage


class Set(models.TextChoices):
    TRAIN = "train", _("train")
    VALIDATION = "validation", _("validation")
    TEST = "test", _("hold-out test")


class SegmentationSource(models.Model):
    """Where masks, and the images that they were drawn on, come from: a collection of others, or a hospital of ours.

    A second reader of the same images is a source of its own.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="sources")
    source_id = models.PositiveSmallIntegerField(_("source id"), validators=[MinValueValidator(1)])
    source = models.CharField(_("source"), max_length=60)
    description = models.TextField(_("description"), blank=True)
    licence = models.CharField(_("licence of the masks"), max_length=120, blank=True)
    url = models.URLField(_("address"), blank=True)
    citation = models.TextField(_("how to cite"), blank=True)
    images_ours = models.BooleanField(
        _("its images are ours"), default=False, help_text=_("We may hand them out, whatever the row of an image says.")
    )

    class Meta:
        ordering = ["dataset_id", "source_id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "source_id"], name="source_id_once"),
            models.UniqueConstraint(fields=["dataset", "source"], name="source_name_once"),
        ]
        verbose_name = _("source of masks")
        verbose_name_plural = _("sources of masks")

    def __str__(self) -> str:
        return self.source


class SegmentationEntry(models.Model):
    """One mask drawn by hand (1-bit PNG) and, where it may be handed out, its image (TIFF: grey levels, nothing else).

    A mask and its image have one name but for the ending. The patient's key is not here; its keyed hash is, so that
    one patient's images stay in one set.
    """

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="entries")
    source = models.ForeignKey(SegmentationSource, on_delete=models.PROTECT, related_name="entries")
    filename = models.CharField(_("file name"), max_length=120)
    set = models.CharField(_("set"), max_length=16, choices=Set)
    convention = models.CharField(
        _("convention"), max_length=60, blank=True, help_text=_("What counts as lung, e.g. without the heart.")
    )
    licence = models.CharField(_("licence of the image"), max_length=120, blank=True)
    patient_hash = models.CharField(max_length=64, blank=True)
    mask = models.FileField(storage=library_storage, max_length=250)
    mask_size = models.PositiveBigIntegerField(_("size in bytes"))
    mask_sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    image = models.FileField(storage=library_storage, max_length=250, blank=True)
    image_size = models.PositiveBigIntegerField(_("size in bytes"), null=True, blank=True)
    image_sha256 = models.CharField(max_length=64, blank=True)
    deid_report = models.JSONField(_("de-identification report"), default=dict, blank=True)
    radiograph = models.ForeignKey(
        Radiograph, null=True, blank=True, on_delete=models.PROTECT, related_name="segmentation_entries"
    )
    imported_at = models.DateTimeField(default=timezone.now)
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["dataset_id", "source_id", "id"]
        indexes = [models.Index(fields=["dataset", "patient_hash"])]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "filename"], name="entry_filename_once"),
            models.CheckConstraint(
                condition=Q(image="", image_sha256="", image_size=None)
                | (~Q(image="") & ~Q(image_sha256="") & Q(image_size__isnull=False)),
                name="entry_image_whole",
            ),
        ]
        verbose_name = _("hand-drawn mask")
        verbose_name_plural = _("hand-drawn masks")

    def __str__(self) -> str:
        return self.filename

    @property
    def image_name(self) -> str:
        """What the image is called where there is one."""
        return f"{self.filename.rpartition('.')[0]}.tif"
