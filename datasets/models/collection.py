from django.conf import settings
from django.core.files.storage import storages
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def library_storage():  # type: ignore[no-untyped-def]  # a callable, so that migrations do not freeze the place
    return storages["library"]


class Dataset(models.Model):
    """A collection under one title, licence and agreement, e.g. POLCOVID."""

    class Kind(models.TextChoices):
        RADIOGRAPHS = "radiographs", _("radiographs with diagnoses")
        SEGMENTATION = "segmentation", _("lung masks drawn by hand")

    class Access(models.TextChoices):
        REQUEST = "request", _("after a request that a person decides")
        OPEN = "open", _("at once for who has signed the agreement")

    kind = models.CharField(
        _("kind"), max_length=16, choices=Kind, default=Kind.RADIOGRAPHS, db_default=Kind.RADIOGRAPHS.value
    )
    slug = models.SlugField(_("short name in addresses"), max_length=60, unique=True)
    origin = models.CharField(
        _("origin"), max_length=60, help_text=_("The column 'origin' of the metadata, e.g. POLCOVID.")
    )
    title = models.CharField(_("title"), max_length=200)
    summary = models.CharField(_("summary"), max_length=300)
    description = models.TextField(_("description"))
    licence = models.CharField(_("licence"), max_length=120)
    licence_url = models.URLField(_("licence address"), blank=True)
    citation = models.TextField(_("how to cite"))
    agreement = models.ForeignKey(
        "accounts.Agreement", on_delete=models.PROTECT, related_name="datasets", verbose_name=_("agreement to sign")
    )
    is_public = models.BooleanField(_("in the catalogue"), default=False)
    access = models.CharField(
        _("access"), max_length=8, choices=Access, default=Access.REQUEST, db_default=Access.REQUEST.value
    )
    requires_mfa = models.BooleanField(
        _("second factor needed"),
        default=False,
        db_default=False,
        help_text=_("Only people whose account has a passkey or an authenticator app may download."),
    )
    grant_days = models.PositiveSmallIntegerField(
        _("days that a grant lasts"), null=True, blank=True, help_text=_("Empty: as everywhere.")
    )
    reviewers = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="reviews",
        verbose_name=_("reviewers"),
        help_text=_("They decide about requests for this dataset, beside the data managers."),
    )
    least_cell = models.PositiveSmallIntegerField(
        _("least count shown"),
        default=0,
        db_default=0,
        validators=[MaxValueValidator(100)],
        help_text=_("In public statistics a smaller count is shown as 'fewer than'; 0 shows every count."),
    )
    labels_only = models.BooleanField(
        _("labels only"),
        default=False,
        db_default=False,
        help_text=_("Nothing is known of patients: releases have labels.csv instead of the tables of metadata."),
    )
    validation_percent = models.PositiveSmallIntegerField(
        _("validation, per cent"), default=0, db_default=0, validators=[MaxValueValidator(90)]
    )
    test_percent = models.PositiveSmallIntegerField(
        _("hold-out test, per cent"),
        default=20,
        db_default=20,
        validators=[MaxValueValidator(90)],
        help_text=_("The rest of the patients is for training; 0 and 0: releases give no sets."),
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["title"]
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")

    def __str__(self) -> str:
        return self.title

    @property
    def is_segmentation(self) -> bool:
        """A collection of masks by source: it has no diagnosis groups, and a grant covers all of it."""
        return self.kind == self.Kind.SEGMENTATION


class DiagnosisGroup(models.Model):
    """What a radiograph was diagnosed with; POLCOVID's are 1 NORMAL N, 2 PNEUMONIA P, 3 COVID-19 C."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="groups")
    class_id = models.PositiveSmallIntegerField(_("class id"), validators=[MinValueValidator(1)])
    label = models.CharField(_("label"), max_length=60)
    subtype_prefix = models.CharField(_("subtype prefix"), max_length=4, blank=True)

    class Meta:
        ordering = ["dataset_id", "class_id"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "class_id"], name="class_id_once"),
            models.UniqueConstraint(fields=["dataset", "label"], name="group_label_once"),
        ]
        verbose_name = _("diagnosis group")
        verbose_name_plural = _("diagnosis groups")

    def __str__(self) -> str:
        return self.label


class Finding(models.Model):
    """What may be seen in an image beside its diagnosis group, e.g. ATELECTASIS; an image may have several."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="findings")
    code = models.CharField(
        _("code"),
        max_length=40,
        validators=[RegexValidator(r"^[A-Za-z][A-Za-z0-9_]*\Z")],
        help_text=_("Of its column."),
    )
    label = models.CharField(_("label"), max_length=120)

    class Meta:
        ordering = ["dataset_id", "pk"]
        constraints = [models.UniqueConstraint(fields=["dataset", "code"], name="finding_code_once")]
        verbose_name = _("finding")
        verbose_name_plural = _("findings")

    def __str__(self) -> str:
        return self.label


class Patient(models.Model):
    """A patient of a hospital, numbered in the order of the first accepted image. The hospital's own key is not
    here; its keyed hash is, so that a later upload finds the same patient. Without a key every image is a patient."""

    hospital = models.ForeignKey("accounts.Hospital", on_delete=models.PROTECT, related_name="patients")
    number = models.PositiveIntegerField(_("number"))
    key_hash = models.CharField(max_length=64, null=True, blank=True)
    key_id = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["hospital_id", "number"]
        indexes = [models.Index(fields=["hospital", "key_id"])]
        constraints = [
            models.UniqueConstraint(fields=["hospital", "number"], name="patient_number_once"),
            models.UniqueConstraint(
                fields=["hospital", "key_hash"], condition=Q(key_hash__isnull=False), name="patient_key_once"
            ),
        ]
        verbose_name = _("patient")
        verbose_name_plural = _("patients")

    def __str__(self) -> str:
        return f"{self.hospital_id}/{self.number}"


class Sex(models.TextChoices):
    FEMALE = "F", _("female")
    MALE = "M", _("male")


class Smoking(models.TextChoices):
    YES = "yes", _("yes")
    NO = "no", _("no")
    FORMER = "former", _("former smoker")


class Demographics(models.Model):
    """What is known of the patient at the time of the radiograph; every field may be unknown."""

    sex = models.CharField(_("sex"), max_length=1, choices=Sex, blank=True)
    age = models.PositiveSmallIntegerField(
        _("age"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(90)],
        help_text=_("In years; 90 stands for over 89."),
    )
    smoke = models.CharField(_("smoking"), max_length=6, choices=Smoking, blank=True)
    smoke_packyears = models.DecimalField(
        _("pack-years"),
        max_digits=5,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(300)],
    )

    class Meta:
        abstract = True


class Quality(models.TextChoices):
    GOOD = "Good", _("Good")
    BAD = "Bad", _("Bad")


class Radiograph(Demographics):
    """An accepted, de-identified image in the library."""

    class Status(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        WITHDRAWN = "withdrawn", _("withdrawn")

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="radiographs")
    group = models.ForeignKey(DiagnosisGroup, on_delete=models.PROTECT, related_name="radiographs")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="radiographs")
    filename = models.CharField(_("file name"), max_length=120)
    file = models.FileField(storage=library_storage, max_length=250)
    format = models.CharField(_("format"), max_length=8)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    sha256 = models.CharField(max_length=64, db_index=True)
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    view = models.CharField(_("view"), max_length=16, blank=True)
    quality = models.CharField(_("quality"), max_length=4, choices=Quality)
    quality_score = models.FloatField(_("quality score"), null=True, blank=True)
    assessment = models.JSONField(
        _("quality check"), default=dict, help_text=_("What the quality check found; empty where it did not run.")
    )
    subtype = models.CharField(_("subtype"), max_length=8, blank=True)
    set = models.CharField(_("set"), max_length=16, blank=True)
    deid_report = models.JSONField(_("de-identification report"), default=dict)
    findings = models.ManyToManyField(Finding, blank=True, related_name="radiographs", verbose_name=_("findings"))
    status = models.CharField(max_length=16, choices=Status, default=Status.ACCEPTED, db_index=True)
    accepted_at = models.DateTimeField(default=timezone.now)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["dataset_id", "id"]
        constraints = [models.UniqueConstraint(fields=["dataset", "filename"], name="radiograph_filename_once")]
        verbose_name = _("radiograph")
        verbose_name_plural = _("radiographs")

    def __str__(self) -> str:
        return self.filename


class LungMask(models.Model):
    """The lungs of a radiograph, at its own resolution, as a 1-bit PNG."""

    class Kind(models.TextChoices):
        MODEL = "model", _("by the model")
        MANUAL = "manual", _("drawn by hand")

    radiograph = models.ForeignKey(Radiograph, on_delete=models.CASCADE, related_name="masks")
    kind = models.CharField(max_length=8, choices=Kind)
    model_version = models.CharField(max_length=40, blank=True)
    file = models.FileField(storage=library_storage, max_length=250)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField(_("size in bytes"), null=True, blank=True)
    confidence = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("lung mask")
        verbose_name_plural = _("lung masks")

    def __str__(self) -> str:
        return f"{self.kind} mask of {self.radiograph_id}"


class LungRegion(models.Model):
    """The lungs cut out at 512 x 512 px with their mask, and the transform that puts the mask back."""

    radiograph = models.OneToOneField(Radiograph, on_delete=models.CASCADE, related_name="region")
    image = models.FileField(storage=library_storage, max_length=250)
    image_sha256 = models.CharField(max_length=64)
    image_size = models.PositiveBigIntegerField(_("size in bytes"), null=True, blank=True)
    mask = models.FileField(storage=library_storage, max_length=250)
    mask_sha256 = models.CharField(max_length=64)
    mask_size = models.PositiveBigIntegerField(_("size of the mask in bytes"), null=True, blank=True)
    transform = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("lung region")
        verbose_name_plural = _("lung regions")

    def __str__(self) -> str:
        return f"region of {self.radiograph_id}"
