"""The mail that says what became of a batch, once it is quiet."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import mail
from accounts.policies import is_member_of
from audit.services import record
from intake.models import WORK_STAGES, PartialUpload, UploadBatch, UploadedFile

MOST_AT_ONCE = 100


def send_summaries() -> int:
    """Tells those who opened a batch what became of it, when the workers are through with all its files and nothing has
    arrived for CXR_BATCH_QUIET_MINUTES; once, and again only after something new came. Returns how many mails."""
    quiet_since = timezone.now() - timedelta(minutes=settings.CXR_BATCH_QUIET_MINUTES)
    # The newest first: where there is a backlog, what somebody waits for now goes before what nobody remembers.
    due = _due(quiet_since).order_by("-pk").values_list("pk", flat=True)[:MOST_AT_ONCE]
    return sum(_send(pk) for pk in list(due))


def _due(quiet_since: datetime) -> QuerySet[UploadBatch]:
    # All by EXISTS: each is one look into an index, however many files there are.
    files = UploadedFile.objects.filter(batch=OuterRef("pk"))
    coming = PartialUpload.objects.filter(batch=OuterRef("pk"), finished_at=None, expires_at__gt=timezone.now())
    unsaid = files.filter(received_at__gt=OuterRef("summary_sent_at"))
    return UploadBatch.objects.filter(
        Q(Exists(unsaid)) | Q(Exists(files), summary_sent_at=None),
        ~Exists(files.filter(received_at__gte=quiet_since)),
        ~Exists(files.filter(stage__in=WORK_STAGES)),
        ~Exists(coming),
    )


def _send(pk: int) -> bool:
    with transaction.atomic():
        batch = UploadBatch.objects.select_for_update(of=("self",)).select_related("user").get(pk=pk)
        last = batch.files.aggregate(last=Max("received_at"))["last"]
        if last is None or (batch.summary_sent_at is not None and batch.summary_sent_at >= last):
            return False  # another sweep was faster
        batch.summary_sent_at = timezone.now()
        batch.save(update_fields=["summary_sent_at"])
        # Who left the hospital learns nothing more of it.
        if not is_member_of(batch.user, batch.hospital_id):
            return False
        mail.send("batch_summary", to=batch.user, batch=batch)
        record("batch.summarised", about=batch)
    return True
