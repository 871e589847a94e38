"""What researchers report about released images, and what data managers make of it."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.mail import send
from accounts.models import User
from audit.services import record
from datasets import policies, versions
from datasets.errors import DatasetError
from datasets.models import Dataset, ImageReport, Release, ReleaseItem

DAILY = 20  # reports that a person may send in 24 hours


@transaction.atomic
def report_image(*, user: User, dataset: Dataset, filename: str, category: str, text: str) -> ImageReport:
    """Tells the data managers of an image that a published version of `dataset` has. Raises DatasetError: no access to
    the dataset, no such image, nothing said, the same was reported already, or DAILY reports were sent."""
    if not policies.may_report(user, dataset):
        raise DatasetError(_("Only people with access to the images can report one."))
    if category not in ImageReport.Category.values or not text.strip():
        raise DatasetError(_("Say what is wrong with the image."))
    # Whoever sends many at once queues here.
    User.objects.select_for_update().get(pk=user.pk)
    since = timezone.now() - timedelta(days=1)
    if ImageReport.objects.filter(reporter=user, at__gt=since).count() >= DAILY:
        raise DatasetError(
            _("You have reported %(count)s images today. Write to the data managers.") % {"count": DAILY}
        )
    item = reportable(dataset, filename.strip())
    if item is None:
        raise DatasetError(_("No published version has an image of this name. Copy it from the metadata."))
    same = ImageReport.objects.filter(
        dataset=dataset, filename=item.filename, reporter=user, category=category, status=ImageReport.Status.OPEN
    )
    if same.exists():
        raise DatasetError(_("You have reported this already. You get an e-mail when it is answered."))
    report = ImageReport.objects.create(
        dataset=dataset, item=item, filename=item.filename, category=category, text=text.strip()[:2000], reporter=user
    )
    for manager in User.objects.filter(is_data_manager=True, is_active=True):
        send("image_reported", to=manager, report=report)
    record("image.reported", actor=user, about=report, dataset=dataset.pk, item=item.pk, category=category)
    return report


def reportable(dataset: Dataset, filename: str) -> ReleaseItem | None:
    """The image of that name in the newest published version that has it, if it was not withdrawn."""
    items = ReleaseItem.objects.filter(
        release__dataset=dataset, release__status=Release.Status.PUBLISHED, filename=filename, tombstone=None
    )
    found = items.select_related("release")
    return max(found, key=lambda item: versions.order(item.release.version), default=None)


@transaction.atomic
def close_report(*, manager: User, report: ImageReport, answer: str) -> ImageReport:
    """Answers a report; the reporter gets the words by mail. Raises DatasetError: answered already, or no answer."""
    if not answer.strip():
        raise DatasetError(_("Write an answer: the reporter gets it by e-mail."))
    row = ImageReport.objects.select_for_update().get(pk=report.pk)
    if row.status != ImageReport.Status.OPEN:
        raise DatasetError(_("This report is answered already."))
    row.status, row.answer = ImageReport.Status.CLOSED, answer.strip()[:2000]
    row.closed_by, row.closed_at = manager, timezone.now()
    if row.reporter.closed_at is not None:
        row.text = ""  # as accounts are closed: words that are no longer needed
    row.save(update_fields=["status", "answer", "closed_by", "closed_at", "text"])
    if row.reporter.closed_at is None:
        send("report_answered", to=row.reporter, report=row)
    record("image_report.closed", actor=manager, about=row)
    return row
