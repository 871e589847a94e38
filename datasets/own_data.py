"""What this app stores about a person, for the person's own export."""

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from datasets.models import Cohort, Download, ImageReport


def downloads(user: User) -> Iterator[dict[str, Any]]:
    rows = Download.objects.filter(user=user).select_related("archive__release__dataset").order_by("pk")
    for row in rows.iterator(chunk_size=500):
        yield {
            "dataset": row.archive.release.dataset.title,
            "release": row.archive.release.version,
            "file": row.archive.filename,
            "at": row.at,
            "first_byte": row.first_byte,
            "last_byte": row.last_byte,
            "bytes_sent": row.bytes_sent,
        }


def reports(user: User) -> Iterator[dict[str, Any]]:
    rows = ImageReport.objects.filter(reporter=user).select_related("dataset").order_by("pk")
    for row in rows.iterator(chunk_size=500):
        yield {
            "dataset": row.dataset.title,
            "file": row.filename,
            "category": row.category,
            "text": row.text,
            "at": row.at,
            "status": row.status,
            "answer": row.answer,
            "answered_at": row.closed_at,
        }


def forget_reports(user: User) -> None:
    """Blanks the words of answered reports. An open one is still needed; its words go when it is answered."""
    ImageReport.objects.filter(reporter=user, status=ImageReport.Status.CLOSED).update(text="")


def cohorts(user: User) -> Iterator[dict[str, Any]]:
    rows = Cohort.objects.filter(created_by=user).select_related("release__dataset").order_by("pk")
    for row in rows.iterator(chunk_size=500):
        yield {
            "identifier": row.identifier,
            "dataset": row.release.dataset.title,
            "release": row.release.version,
            "filters": row.filters,
            "images": row.images,
            "at": row.created_at,
        }


def cohort_orders(user: User) -> Iterator[dict[str, Any]]:
    rows = user.cohort_orders.select_related("archive__cohort", "archive__release__dataset").order_by("at", "pk")
    for row in rows.iterator(chunk_size=500):
        archive = row.archive
        yield {
            "cohort": archive.cohort.identifier if archive.cohort else "",
            "dataset": archive.release.dataset.title,
            "release": archive.release.version,
            "file": archive.filename,
            "status": archive.status,
        }
