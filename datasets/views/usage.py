from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.policies import is_data_manager, required
from audit.exports import csv_response
from audit.services import record
from datasets.models import Dataset
from datasets.selectors.usage import Usage, usage

HEADINGS = [
    *("person", "name", "institution", "country", "projects", "purposes"),
    *("bytes", "archives", "complete", "first", "last"),
]


@required(is_data_manager)
@never_cache
@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Who downloaded how much of the dataset, and when."""
    dataset = get_object_or_404(Dataset, slug=slug)
    found = usage(dataset)
    months = [(date_format(month.month, "YEAR_MONTH_FORMAT"), month.begun) for month in found.months]
    context = {
        "dataset": dataset,
        "usage": found,
        "by_month": months,
        "largest_month": max((begun for _label, begun in months), default=0),
        "by_country": [(share.label, share.people) for share in found.countries],
        "largest_country": max((share.people for share in found.countries), default=0),
    }
    return render(request, "datasets/usage.html", context)


@required(is_data_manager)
@never_cache
@require_safe
def table(request: HttpRequest, slug: str) -> HttpResponse | StreamingHttpResponse:
    """The people as CSV; that it left is an event."""
    dataset = get_object_or_404(Dataset, slug=slug)
    if request.method == "HEAD":
        return HttpResponse(content_type="text/csv; charset=utf-8")
    found = usage(dataset)
    record("usage.exported", actor=request.user, about=dataset, people=len(found.people))
    return csv_response(_rows(found), f"{slug}-usage-{timezone.localdate():%Y-%m-%d}.csv")


def _rows(found: Usage) -> Iterator[list[Any]]:
    yield HEADINGS
    for person in found.people:
        user = person.user
        yield [
            *(user.pk, "" if user.closed_at else user.name, person.institution, person.country),
            "; ".join(request.project for request in person.projects),
            "; ".join(request.purpose for request in person.projects),
            *(person.bytes, person.archives, person.complete),
            *(moment.isoformat() if moment else "" for moment in (person.first, person.last)),
        ]
