import uuid
from typing import ClassVar

from django.conf import settings
from django.core.files.storage import storages
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.models.collection import Dataset, DiagnosisGroup, Radiograph
from datasets.models.segmentation import SegmentationEntry, SegmentationSource


def archives_storage():  # type: ignore[no-untyped-def]  # a callable, so that migrations do not freeze the place
    return storages["archives"]


OPEN = 2**63 - 1  # of a part: no image is too new for it


class Release(models.Model):
    """A frozen snapshot of a dataset. Public once every archive of it is built. It failed if its images could not be
    frozen; where a file could not be built, the archive failed."""

    class Status(models.TextChoices):
        BUILDING = "building", _("being built")
        PUBLISHED = "published", _("published")
        FAILED = "failed", _("failed")

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="releases")
    version = models.CharField(_("version"), max_length=20)
    changes = models.TextField(_("what changed"))
    about = models.JSONField(
        default=dict, help_text=_("What README and LICENSE of the archives say: the dataset's words on the day.")
    )
    quality = models.JSONField(
        default=dict,
        help_text=_("The dataset's quality scores on the day: counts by thousandths, and the fences of outliers."),
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.BUILDING)
    freezing = models.BooleanField(
        default=False, db_default=False, help_text=_("Its images are being frozen; no archive is ordered yet.")
    )
    images_expected = models.PositiveIntegerField(
        default=0, db_default=0, help_text=_("How many images there were to freeze when it was ordered.")
    )
    claimed_until = models.DateTimeField(
        null=True, blank=True, help_text=_("While its images are being frozen: when somebody else may go on.")
    )
    attempts = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text=_("At freezing its images, since some were frozen last.")
    )
    reason = models.CharField(
        max_length=300, blank=True, default="", db_default="", help_text=_("Why the last attempt at freezing ended.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    doi = models.CharField(
        "DOI",
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text=_("Of this version; registered elsewhere."),
    )
    replaces = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="patches",
        help_text=_("Of a patch release: the version that it was made from, with withdrawn images left out."),
    )
    deprecated_at = models.DateTimeField(_("deprecated"), null=True, blank=True)
    deprecation_notice = models.TextField(_("why it should no longer be used"), max_length=1000, blank=True)

    class Meta:
        ordering = ["dataset_id", "-created_at"]
        constraints = [models.UniqueConstraint(fields=["dataset", "version"], name="release_version_once")]
        verbose_name = _("release")
        verbose_name_plural = _("releases")

    def __str__(self) -> str:
        return f"{self.dataset_id} {self.version}"


class ReleaseItem(models.Model):
    """One image as it was on the day: its metadata row and the hashes and places of its files.

    It is a radiograph with its group, or an entry of a segmentation collection with its source.
    """

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="items")
    radiograph = models.ForeignKey(
        Radiograph, null=True, blank=True, on_delete=models.PROTECT, related_name="release_items"
    )
    group = models.ForeignKey(DiagnosisGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey(
        SegmentationEntry, null=True, blank=True, on_delete=models.PROTECT, related_name="release_items"
    )
    source = models.ForeignKey(SegmentationSource, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    filename = models.CharField(max_length=120)
    metadata = models.JSONField(help_text=_("The row of the image metadata, column by column."))
    files = models.JSONField(
        help_text=_("By content (radiographs, lung_masks …): a list of name, path in the library, sha256.")
    )

    deidentification = models.JSONField(
        default=dict,
        help_text=_("The row of the de-identification report; empty in releases from before there was one."),
    )
    quality = models.JSONField(
        default=dict, help_text=_("The row of the quality report; empty in releases from before there was one.")
    )
    tombstone = models.ForeignKey(
        "datasets.Tombstone",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="items",
        help_text=_("Set when the image is withdrawn: its files are destroyed."),
    )

    class Meta:
        ordering = ["release_id", "filename"]
        constraints = [
            models.UniqueConstraint(fields=["release", "filename"], name="release_filename_once"),
            models.CheckConstraint(
                condition=Q(radiograph__isnull=False, group__isnull=False, entry=None, source=None)
                | Q(radiograph=None, group=None, entry__isnull=False, source__isnull=False),
                name="item_of_one_kind",
            ),
        ]
        verbose_name = _("release item")
        verbose_name_plural = _("release items")

    def __str__(self) -> str:
        return self.filename


class _FilesOfRelease(models.Manager["Archive"]):
    """Without the archives of cohorts: what a release consists of, and what `release.archives` gives."""

    def get_queryset(self) -> models.QuerySet["Archive"]:
        return super().get_queryset().filter(cohort=None)


class Archive(models.Model):
    """A file of a release that can be downloaded: a ZIP per group (or source) and content, or a metadata table. With a
    cohort: a ZIP of its images, which somebody ordered and which is no file of the release."""

    class Content(models.TextChoices):
        RADIOGRAPHS = "radiographs", _("radiographs")
        LUNG_REGIONS = "lung_regions", _("lung regions")
        LUNG_MASKS = "lung_masks", _("lung masks")
        MASKS = "masks", _("masks drawn by hand")
        IMAGES = "images", _("unprocessed images")
        METADATA = "metadata", _("metadata")
        DEIDENTIFICATION = "deidentification", _("de-identification")
        QUALITY = "quality", _("quality check")
        ABOUT = "about", _("about the release")
        SUMS = "sums", _("checksums")

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting")
        BUILDING = "building", _("being built")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        WITHDRAWN = "withdrawn", _("withdrawn")
        REMOVED = "removed", _("removed")

    UNFINISHED = (Status.PENDING, Status.BUILDING)
    GONE = (Status.WITHDRAWN, Status.REMOVED)  # nobody gets its file any more, which is destroyed

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="archives")
    group = models.ForeignKey(
        DiagnosisGroup,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="archives",
        help_text=_("Empty: it covers every group and needs a grant for every group."),
    )
    source = models.ForeignKey(
        SegmentationSource, null=True, blank=True, on_delete=models.PROTECT, related_name="archives"
    )
    cohort = models.ForeignKey("datasets.Cohort", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    content = models.CharField(max_length=16, choices=Content)
    part = models.PositiveIntegerField(default=1)
    parts = models.PositiveIntegerField(default=1, db_default=1)
    above = models.BigIntegerField(
        default=0, db_default=0, help_text=_("It holds the images whose id is greater than this, and at most `upto`.")
    )
    upto = models.BigIntegerField(default=OPEN, db_default=OPEN)
    recipe = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        db_index=True,
        help_text=_("SHA-256 of all that its bytes come from: two parts of one recipe are the same file."),
    )
    filename = models.CharField(_("file name"), max_length=160)
    file = models.FileField(storage=archives_storage, max_length=250, blank=True)
    items = models.PositiveIntegerField(_("images"), default=0)
    size = models.PositiveBigIntegerField(_("size in bytes"), null=True, blank=True)
    md5 = models.CharField("MD5", max_length=32, blank=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    bytes_total = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text=_("What its files have together; 0 for tables and texts.")
    )
    bytes_done = models.PositiveBigIntegerField(default=0, db_default=0)
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_by = models.CharField(max_length=64, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    objects: ClassVar[models.Manager["Archive"]] = models.Manager()
    of_release: ClassVar[models.Manager["Archive"]] = _FilesOfRelease()

    class Meta:
        default_manager_name = "of_release"
        ordering = ["release_id", "content", "group_id", "part"]
        constraints = [
            models.UniqueConstraint(
                fields=["release", "filename"], condition=Q(cohort=None), name="archive_filename_once"
            ),
            models.UniqueConstraint(
                fields=["cohort", "content"],
                condition=Q(status__in=["pending", "building", "ready"]),
                name="archive_of_cohort_once",
            ),
        ]
        verbose_name = _("archive")
        verbose_name_plural = _("archives")

    def __str__(self) -> str:
        return self.filename


class Download(models.Model):
    """One answer with bytes of an archive. It never cascades away: who had what must stay known."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="downloads")
    archive = models.ForeignKey(Archive, on_delete=models.PROTECT, related_name="downloads")
    grant = models.ForeignKey("accounts.AccessGrant", on_delete=models.PROTECT, related_name="downloads")
    first_byte = models.PositiveBigIntegerField(default=0)
    last_byte = models.PositiveBigIntegerField()
    bytes_sent = models.PositiveBigIntegerField(
        null=True, blank=True, help_text=_("Empty where nginx sends the bytes, and while they are being sent.")
    )
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        ordering = ["-at"]
        verbose_name = _("download")
        verbose_name_plural = _("downloads")

    def __str__(self) -> str:
        return f"download {self.pk}"
