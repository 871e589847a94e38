from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Agreement(models.Model):
    """A version of a data use agreement. Its text never changes once somebody signed it: a new text is a new row."""

    code = models.SlugField(_("code"), max_length=50)
    version = models.CharField(_("version"), max_length=20)
    title = models.CharField(_("title"), max_length=200)
    language = models.CharField(_("language"), max_length=8, default="en")
    text = models.TextField(_("text"))
    sha256 = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    replaces = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_by", verbose_name=_("replaces")
    )
    grace_until = models.DateTimeField(_("signatures of the version before count until"), null=True, blank=True)

    class Meta:
        ordering = ["code", "-created_at"]
        constraints = [models.UniqueConstraint(fields=["code", "version"], name="agreement_version_once")]
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")

    def __str__(self) -> str:
        return f"{self.title} ({self.version})"


class Signature(models.Model):
    """Who signed which text, word for word; evidence, so nothing that it points to can be deleted."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signatures")
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="signatures")
    text_sha256 = models.CharField(max_length=64)
    typed_name = models.CharField(_("name as signed"), max_length=150)
    institution = models.CharField(_("institution"), max_length=250)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "agreement"], name="signature_once")]
        verbose_name = _("signature")
        verbose_name_plural = _("signatures")

    def __str__(self) -> str:
        return f"{self.user_id} signed {self.agreement_id}"


class Content(models.TextChoices):
    """What of an image somebody may ask for and be granted; metadata comes with any of it."""

    ORIGINALS = "originals", _("images as the hospitals gave them, de-identified")
    REGIONS = "regions", _("lung regions, 512 x 512 px")
    MASKS = "masks", _("lung masks")


def every_content() -> list[str]:
    return list(Content.values)


class AccessRequest(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        SUBMITTED = "submitted", _("submitted")
        MORE_INFORMATION = "more_information", _("more information asked")
        GRANTED = "granted", _("granted")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    UNFINISHED = (Status.DRAFT, Status.SUBMITTED, Status.MORE_INFORMATION)

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="access_requests")
    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="access_requests")
    groups = models.ManyToManyField("datasets.DiagnosisGroup", related_name="access_requests")
    contents = models.JSONField(_("contents"), default=every_content)
    project = models.CharField(_("project title"), max_length=200)
    purpose = models.TextField(_("purpose of use"))
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.SUBMITTED, db_index=True)
    renews = models.ForeignKey(
        "accounts.AccessGrant", null=True, blank=True, on_delete=models.PROTECT, related_name="renewals"
    )
    achieved = models.TextField(_("what was done so far"), blank=True, help_text=_("Of a renewal, in a few sentences."))
    created_at = models.DateTimeField(default=timezone.now)
    submitted_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "dataset"],
                condition=Q(status__in=["draft", "submitted", "more_information"]),
                name="one_unfinished_request_per_dataset",
            )
        ]
        verbose_name = _("access request")
        verbose_name_plural = _("access requests")

    def __str__(self) -> str:
        return f"request {self.pk}"


class RequestMessage(models.Model):
    """A line of the conversation about a request, between the researcher and those who decide."""

    request = models.ForeignKey(AccessRequest, on_delete=models.PROTECT, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.TextField(_("message"))
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "pk"]
        verbose_name = _("message about a request")
        verbose_name_plural = _("messages about requests")

    def __str__(self) -> str:
        return f"message {self.pk}"


class ReasonTemplate(models.Model):
    """Words that reviewers use again and again; they are copied into the decision, never referred to."""

    class Use(models.TextChoices):
        GRANT = "grant", _("to grant")
        REFUSE = "refuse", _("to refuse")
        ASK = "ask", _("to ask for more information")
        REVOKE = "revoke", _("to revoke")

    use = models.CharField(_("used"), max_length=8, choices=Use)
    title = models.CharField(_("title"), max_length=100)
    text = models.TextField(_("text"))
    dataset = models.ForeignKey(
        "datasets.Dataset",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="reason_templates",
        verbose_name=_("dataset"),
        help_text=_("Empty: for every dataset."),
    )

    class Meta:
        ordering = ["use", "title"]
        verbose_name = _("template for a reason")
        verbose_name_plural = _("templates for reasons")

    def __str__(self) -> str:
        return self.title


class AccessGrant(models.Model):
    """The permission itself: for these groups, until then, unless revoked. May be renewed, never deleted."""

    class End(models.TextChoices):
        """Why a grant ended before its time; `revoked_at` says when."""

        REVOKED = "revoked", _("revoked by a data manager")
        AGREEMENT = "agreement", _("the new agreement was not signed in time")
        CLOSED = "closed", _("the account was closed")
        RENEWED = "renewed", _("a renewed grant took its place")

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="access_grants")
    dataset = models.ForeignKey("datasets.Dataset", on_delete=models.PROTECT, related_name="access_grants")
    groups = models.ManyToManyField("datasets.DiagnosisGroup", related_name="access_grants")
    contents = models.JSONField(_("contents"), default=every_content)
    request = models.OneToOneField(AccessRequest, on_delete=models.PROTECT, related_name="grant")
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Empty: an open dataset granted it by itself."),
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    revoked_reason = models.TextField(blank=True)
    ended_by = models.CharField(max_length=10, choices=End, blank=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["user", "dataset", "expires_at"])]
        verbose_name = _("access grant")
        verbose_name_plural = _("access grants")

    def __str__(self) -> str:
        return f"grant {self.pk}"


class Notice(models.Model):
    """That a reminder went out: each goes once, whoever runs the scheduler and how often."""

    kind = models.CharField(max_length=40)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "object_type", "object_id"], name="notice_once")]
        verbose_name = _("notice sent")
        verbose_name_plural = _("notices sent")

    def __str__(self) -> str:
        return f"{self.kind} {self.object_type} {self.object_id}"
