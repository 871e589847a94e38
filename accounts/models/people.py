from typing import ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.countries import COUNTRIES


class UserManager(BaseUserManager["User"]):
    """People are known by their e-mail address; there is no user name."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email__iexact=email)


class Institution(models.Model):
    """Where people work. Whoever types a name that is not known yet makes a row; a data manager merges what is the
    same, and the row that was merged keeps pointing to the one that counts."""

    name = models.CharField(_("name"), max_length=250)
    # What the name is found by, whatever its capitals and spaces (accounts.institutions.key_of).
    key = models.CharField(max_length=500, unique=True, editable=False)
    ror_id = models.CharField(
        _("ROR id"),
        max_length=40,
        null=True,
        blank=True,
        unique=True,
        help_text=_("Of the Research Organization Registry, e.g. https://ror.org/0161xgx34."),
    )
    country = models.CharField(_("country"), max_length=2, choices=COUNTRIES, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        verbose_name = _("institution")
        verbose_name_plural = _("institutions")

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person. Everybody is a researcher; the flags and the hospital memberships add what else they are."""

    username = None  # type: ignore[assignment]  # the e-mail address takes its place
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=150)
    institution = models.CharField(_("institution"), max_length=250, blank=True, help_text=_("In the person's words."))
    affiliation = models.ForeignKey(
        Institution,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="people",
        verbose_name=_("institution"),
    )
    position = models.CharField(_("position"), max_length=120, blank=True)
    orcid = models.CharField("ORCID", max_length=19, blank=True)
    country = models.CharField(_("country"), max_length=2, choices=COUNTRIES, blank=True)
    purpose = models.TextField(_("purpose of use"), blank=True)
    language = models.CharField(_("language of mails"), max_length=8, blank=True)
    is_curator = models.BooleanField(_("curator"), default=False, help_text=_("May look at and judge every image."))
    is_data_manager = models.BooleanField(
        _("data manager"), default=False, help_text=_("May approve people and requests and publish releases.")
    )

    closed_at = models.DateTimeField(
        _("closed"), null=True, blank=True, help_text=_("When the person closed the account; it can't be opened again.")
    )

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class Hospital(models.Model):
    number = models.PositiveIntegerField(
        _("number"), unique=True, validators=[MinValueValidator(1)], help_text=_("The hospital_id of the metadata.")
    )
    name = models.CharField(_("name"), max_length=250, help_text=_("In the hospital's own language."))
    name_eng = models.CharField(_("English name"), max_length=250)
    city = models.CharField(_("city"), max_length=120)
    quota_gb = models.PositiveIntegerField(
        _("room for uploads, GB"),
        null=True,
        blank=True,
        help_text=_("For files that wait for their verdict. Empty: as for every hospital. 0: nothing more is taken."),
    )
    members = models.ManyToManyField(User, through="HospitalMembership", related_name="hospitals")

    class Meta:
        ordering = ["number"]
        verbose_name = _("hospital")
        verbose_name_plural = _("hospitals")

    def __str__(self) -> str:
        return f"{self.number} · {self.name}"


class HospitalMembership(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, related_name="memberships")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "hospital"], name="membership_once")]
        verbose_name = _("hospital membership")
        verbose_name_plural = _("hospital memberships")

    def __str__(self) -> str:
        return f"{self.user_id} @ {self.hospital_id}"


class Invitation(models.Model):
    """A hospital user comes by invitation; the link's token is stored as a hash only."""

    email = models.EmailField(_("e-mail address"))
    hospitals = models.ManyToManyField(Hospital, related_name="invitations", verbose_name=_("hospitals"))
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invitations_sent")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class ApiToken(models.Model):
    """A key for programs that act for a person, shown once and stored as a hash only."""

    class Scope(models.TextChoices):
        READ = "read", _("read metadata")
        DOWNLOAD = "download", _("download")
        UPLOAD = "upload", _("upload")
        CURATE = "curate", _("curate")
        MANAGE = "manage", _("manage")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(_("scopes"), default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name
