"""What an installation takes at most. Every way in goes through these, in `receive_file`; what announces its size
before it sends (tus) is told before."""

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import Greatest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Hospital
from intake import kinds
from intake.models import PartialUpload, UploadBatch, UploadedFile
from intake.services.errors import BatchFull, QuotaReached, TooLarge, TypeNotTaken

GIGABYTE = 1024**3


def check_size(size: int, head: bytes | None) -> None:
    """Raises TooLarge for a file of more bytes than one with this `head` may have (`kinds.largest`)."""
    limit = kinds.largest(head)
    if size > limit:
        raise TooLarge(_("The file is larger than {limit}. Export a single image.").format(limit=filesizeformat(limit)))


def check_kind(head: bytes) -> None:
    """Raises TypeNotTaken where the first bytes (`quarantine.HEAD` of them) are surely of a kind that is not among
    CXR_ALLOWED_TYPES. What they do not tell is left to inspection, which sets aside what it cannot read."""
    found = kinds.kind(head)
    if not found or found in settings.CXR_ALLOWED_TYPES:
        return
    taken = ", ".join(settings.CXR_ALLOWED_TYPES).upper()
    raise TypeNotTaken(
        _("This is a file of type {found}; the portal takes {taken}.").format(found=found.upper(), taken=taken)
    )


def check_room(batch: UploadBatch, size: int) -> None:
    """Raises BatchFull or QuotaReached where one more file of `size` bytes does not fit.

    Inside the transaction that adds it: the hospital's row stays locked, so that two cannot take the same room."""
    hospital = Hospital.objects.select_for_update(no_key=True).get(pk=batch.hospital_id)
    coming = PartialUpload.objects.filter(finished_at=None, expires_at__gt=timezone.now())
    most = settings.CXR_MAX_FILES_PER_BATCH
    if batch.files.count() + coming.filter(batch=batch).count() >= most:
        raise BatchFull(_("This batch has {most} files, as many as it may have. Open another one.").format(most=most))
    quota = quota_bytes(hospital)
    waiting = waiting_bytes(hospital.pk)
    if waiting + size > quota:
        raise QuotaReached(
            _(
                "Your hospital's files that wait for their verdict take {waiting} of {quota}; this one does not fit. "
                "Wait until some have their verdict, withdraw some, or ask the data manager for more room."
            ).format(waiting=filesizeformat(waiting), quota=filesizeformat(quota))
        )


def quota_bytes(hospital: Hospital) -> int:
    """How many bytes of originals a hospital may have in the quarantine at once."""
    gigabytes: int = settings.CXR_QUOTA_GB if hospital.quota_gb is None else hospital.quota_gb
    return gigabytes * GIGABYTE


def waiting_bytes(hospital_id: int) -> int:
    """Bytes of the hospital's originals that lie in the quarantine, those of uploads under way in their full length,
    or what they take on the disk where that is more (many small pieces)."""
    files = UploadedFile.objects.filter(hospital_id=hospital_id, purged_at=None)
    coming = PartialUpload.objects.filter(
        batch__hospital_id=hospital_id, finished_at=None, expires_at__gt=timezone.now()
    )
    return sum(
        (
            files.aggregate(total=Sum("size"))["total"] or 0,
            coming.aggregate(total=Sum(Greatest("length", "blob_bytes")))["total"] or 0,
        )
    )
