import uuid

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.models.collection import Demographics
from intake.networks import check_networks


class Way(models.TextChoices):
    """How a batch that no person opened came about."""

    STOW = "stow", _("STOW-RS")
    STORE = "store", _("C-STORE")


class DicomNode(models.Model):
    """A device or archive (PACS) of a hospital that may send by C-STORE (PS3.4 B), and what its images are."""

    ae_title = models.CharField(
        _("AE title"),
        max_length=16,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_.\- ]*[A-Za-z0-9_.\-]$", _("Letters, digits, space, dot, - and _."))],
        help_text=_("The name that the sender uses; up to 16 characters."),
    )
    hospital = models.ForeignKey("accounts.Hospital", on_delete=models.PROTECT, related_name="nodes")
    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="nodes")
    group = models.ForeignKey(
        "datasets.DiagnosisGroup",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("diagnosis"),
        help_text=_("Of everything that it sends. Empty: the hospital gives it afterwards."),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="nodes",
        verbose_name=_("responsible"),
        help_text=_("In whose name its batches are opened: somebody of the hospital."),
    )
    addresses = models.CharField(
        _("addresses"),
        max_length=400,
        validators=[check_networks],
        help_text=_("IP addresses or networks that it sends from, separated by commas: 10.1.2.3, 10.4.0.0/16."),
    )
    certificate_sha256 = models.CharField(
        _("certificate"),
        max_length=64,
        blank=True,
        validators=[RegexValidator(r"^[0-9a-f]{64}$", _("64 hex digits."))],
        help_text=_("SHA-256 fingerprint of the TLS certificate that it has to show. Empty: none."),
    )
    is_active = models.BooleanField(_("may send"), default=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(_("last connected"), null=True, blank=True)

    class Meta:
        ordering = ["hospital__number", "ae_title"]
        verbose_name = _("PACS")
        verbose_name_plural = _("PACS")

    def __str__(self) -> str:
        return self.ae_title


class UploadBatch(models.Model):
    """What a hospital user hands over together, for one dataset."""

    hospital = models.ForeignKey("accounts.Hospital", on_delete=models.PROTECT, related_name="batches")
    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="batches")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="batches")
    title = models.CharField(
        _("title"), max_length=120, help_text=_("For your own use, e.g. 'March, ward 3'. Do not name patients.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    way = models.CharField(
        max_length=8, choices=Way, blank=True, help_text=_("Opened by a machine that sent something on that day.")
    )
    node = models.ForeignKey(
        "DicomNode", null=True, blank=True, on_delete=models.PROTECT, related_name="batches", verbose_name=_("PACS")
    )
    summary_sent_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("When its person was last told what became of it.")
    )

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("batch")
        verbose_name_plural = _("batches")

    def __str__(self) -> str:
        return f"batch {self.pk}"


class Stage(models.TextChoices):
    """Where a file stands. The first four name the work that is to be done next; the last four are final."""

    INSPECT = "inspect", _("inspection")
    DEIDENTIFY = "deidentify", _("de-identification")
    SEGMENT = "segment", _("lung segmentation")
    ASSESS = "assess", _("quality check")
    DESCRIBE = "describe", _("waiting for its diagnosis")
    CURATE = "curate", _("waiting for a curator")
    SET_ASIDE = "set_aside", _("set aside for a person")
    ACCEPTED = "accepted", _("accepted")
    REJECTED = "rejected", _("rejected")
    WITHDRAWN = "withdrawn", _("withdrawn")
    UNPACKED = "unpacked", _("unpacked")


class Priority(models.IntegerChoices):
    """What a curator should look at first."""

    TEXT = 0, _("text may be in the picture")
    QUALITY = 1, _("the quality check says Bad")
    ORDINARY = 2, _("ordinary")


WORK_STAGES = (Stage.INSPECT, Stage.DEIDENTIFY, Stage.SEGMENT, Stage.ASSESS)
NEEDS_ORIGINAL = (Stage.INSPECT, Stage.DEIDENTIFY)
FINAL_STAGES = (Stage.ACCEPTED, Stage.REJECTED, Stage.WITHDRAWN, Stage.UNPACKED)


class UploadedFile(Demographics):
    """One file of a batch, from the last byte of its upload to the verdict. The original lies encrypted in the
    quarantine under the row's id; the file name as the hospital knows it is encrypted too."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(UploadBatch, on_delete=models.PROTECT, related_name="files")
    hospital = models.ForeignKey("accounts.Hospital", on_delete=models.PROTECT, related_name="+")
    container = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="contents", help_text=_("Its ZIP file.")
    )
    group = models.ForeignKey(
        "datasets.DiagnosisGroup",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("diagnosis"),
        help_text=_("Without one the file waits for it before a curator sees it."),
    )
    sealed_name = models.TextField(blank=True, help_text=_("The hospital's file name, encrypted; emptied in time."))
    size = models.PositiveBigIntegerField(_("size in bytes"))
    sha256 = models.CharField(
        max_length=64, blank=True, help_text=_("Of the original; empty until inspection, where it came in pieces.")
    )
    instance_hash = models.CharField(
        max_length=64, blank=True, help_text=_("The SOP Instance UID under the pseudonym key.")
    )
    received_at = models.DateTimeField(default=timezone.now)

    patient_key_hash = models.CharField(max_length=64, blank=True)
    patient_key_id = models.CharField(max_length=16, blank=True)
    set = models.CharField(_("set"), max_length=16, blank=True, help_text=_("Taken from an imported collection."))
    findings = models.JSONField(
        _("findings"), default=list, blank=True, help_text=_("Codes; from an imported collection.")
    )

    stage = models.CharField(_("stage"), max_length=12, choices=Stage, default=Stage.INSPECT, db_index=True)
    stage_since = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0, help_text=_("Of the present stage."))
    claimed_by = models.CharField(max_length=64, blank=True, help_text=_("The Celery task that works on it."))
    claimed_until = models.DateTimeField(null=True, blank=True)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.TextField(_("reason"), blank=True, help_text=_("Why it was set aside or rejected."))

    facts = models.JSONField(default=dict, help_text=_("What inspection found; nothing identifying."))
    deid_report = models.JSONField(default=dict)
    text_boxes = models.JSONField(
        null=True,
        blank=True,
        help_text=_("The boxes of text as a curator wants them; null: as the detector found them."),
    )
    segmentation = models.JSONField(default=dict)
    assessment = models.JSONField(default=dict)
    priority = models.PositiveSmallIntegerField(
        choices=Priority, default=Priority.ORDINARY, help_text=_("Its place in the curators' queue.")
    )

    verdict_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    verdict_at = models.DateTimeField(null=True, blank=True)
    radiograph = models.OneToOneField(
        "datasets.Radiograph", null=True, blank=True, on_delete=models.PROTECT, related_name="upload"
    )
    purged_at = models.DateTimeField(null=True, blank=True, help_text=_("When the original was destroyed."))

    class Meta:
        ordering = ["received_at", "id"]
        indexes = [
            models.Index(fields=["batch", "stage"]),
            models.Index(fields=["batch", "received_at"]),
            models.Index(fields=["stage", "priority", "received_at"]),
            models.Index(fields=["hospital", "patient_key_hash"]),
            # What the quota of a hospital is counted from (services/limits.py).
            models.Index(fields=["hospital", "size"], condition=Q(purged_at=None), name="upload_waiting_bytes"),
        ]
        constraints = [
            # The same bytes twice from one hospital are one file, unless the first was turned away or taken back. What
            # is in a ZIP file recognises itself, should that come again.
            models.UniqueConstraint(
                fields=["hospital", "sha256"],
                condition=~Q(stage__in=["rejected", "withdrawn", "unpacked"]) & ~Q(sha256=""),
                name="upload_bytes_once_per_hospital",
            ),
            models.UniqueConstraint(
                fields=["hospital", "instance_hash"],
                condition=~Q(stage__in=["rejected", "withdrawn"]) & ~Q(instance_hash=""),
                name="upload_instance_once_per_hospital",
            ),
        ]
        verbose_name = _("uploaded file")
        verbose_name_plural = _("uploaded files")

    def __str__(self) -> str:
        return str(self.id)


class RefusedEntry(models.Model):
    """An entry of a ZIP file that was not taken, and why (`intake.words.ENTRIES`)."""

    container = models.ForeignKey(UploadedFile, on_delete=models.CASCADE, related_name="refused_entries")
    number = models.PositiveIntegerField(help_text=_("Its place in the ZIP's directory, from 0."))
    sealed_name = models.TextField(blank=True, help_text=_("Its path, encrypted; emptied in time."))
    code = models.CharField(max_length=40)
    earlier = models.ForeignKey(
        UploadedFile, null=True, on_delete=models.SET_NULL, related_name="+", help_text=_("The same, sent before.")
    )

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["container", "number"], name="entry_refused_once")]
        verbose_name = _("refused entry")
        verbose_name_plural = _("refused entries")

    def __str__(self) -> str:
        return f"{self.container_id} {self.number} {self.code}"


class PartialUpload(models.Model):
    """A file that comes in pieces (tus) before it is an `UploadedFile`, which then has the same id.

    What counts after a crash is what stands here: `blob_bytes` of the blob hold the first `offset` bytes of the file;
    whatever lies behind them was never acknowledged."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    batch = models.ForeignKey(UploadBatch, on_delete=models.CASCADE, related_name="partial_uploads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    length = models.PositiveBigIntegerField(_("size in bytes"))
    offset = models.PositiveBigIntegerField(default=0)
    blob_bytes = models.PositiveBigIntegerField(default=0)
    sealed_metadata = models.TextField(
        blank=True, help_text=_("The header Upload-Metadata, encrypted: file name and patient key are in it.")
    )
    sha256 = models.CharField(max_length=64, blank=True, help_text=_("Where the whole file came in one request."))
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(_("expires"), db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True, help_text=_("When it was taken over or refused."))
    refusal_code = models.CharField(max_length=40, blank=True)
    refusal = models.TextField(blank=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(offset__lte=F("length")), name="partial_upload_within_its_length")
        ]
        verbose_name = _("upload under way")
        verbose_name_plural = _("uploads under way")

    def __str__(self) -> str:
        return str(self.id)


class StageRun(models.Model):
    """One attempt at one stage of one file: when, by which task, with what result."""

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")
        FAILED = "failed", _("failed")
        LOST = "lost", _("worker lost")

    file = models.ForeignKey(UploadedFile, on_delete=models.CASCADE, related_name="runs")
    stage = models.CharField(max_length=12, choices=Stage)
    attempt = models.PositiveSmallIntegerField()
    task_id = models.CharField(max_length=64)
    status = models.CharField(max_length=8, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)
    result = models.JSONField(default=dict)

    class Meta:
        ordering = ["started_at", "id"]
        verbose_name = _("stage run")
        verbose_name_plural = _("stage runs")

    def __str__(self) -> str:
        return f"{self.file_id} {self.stage} {self.attempt}"


class DescriptionRow(models.Model):
    """One row of a batch's table, kept until its file is there and described by it.

    What it is called by and what it says is encrypted; the keyed hashes (`intake.descriptions`) find it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for its file")
        DONE = "done", _("the file is described")
        DATE = "date", _("the age is being worked out")
        UNDATED = "undated", _("no age: the file gives no date of the examination")
        SEVERAL = "several", _("several files of this name")

    batch = models.ForeignKey(UploadBatch, on_delete=models.CASCADE, related_name="descriptions")
    number = models.PositiveIntegerField(help_text=_("As the spreadsheet counts."))
    path_hash = models.CharField(max_length=64, blank=True)
    name_hash = models.CharField(max_length=64, blank=True)
    uid_hash = models.CharField(max_length=64, blank=True)
    sealed = models.TextField()
    patient_key_hash = models.CharField(max_length=64, blank=True, db_index=True)
    patient_key_id = models.CharField(max_length=16, blank=True)
    file = models.ForeignKey(UploadedFile, null=True, blank=True, on_delete=models.CASCADE, related_name="descriptions")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["batch_id", "number"]
        indexes = [
            models.Index(fields=["batch", "path_hash"]),
            models.Index(fields=["batch", "name_hash"]),
            models.Index(fields=["batch", "uid_hash"]),
            # What the sweep looks for.
            models.Index(fields=["created_at"], condition=Q(state="date"), name="description_without_its_date"),
        ]
        verbose_name = _("row of a table")
        verbose_name_plural = _("rows of tables")

    def __str__(self) -> str:
        return f"row {self.number} of the table of batch {self.batch_id}"
