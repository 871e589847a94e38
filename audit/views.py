from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import policies
from audit import anchors, exports, selectors, verification
from audit.forms import FilterForm
from audit.models import Event
from audit.services import record


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _heading(filters: selectors.Filters | None) -> dict[str, str]:
    """The title of the page where it is about one person, one image or one thing."""
    if filters is None:
        return {}
    if filters.thing is not None and filters.thing[0]:
        kind, number = filters.thing
        title = _("The life of an image") if kind in selectors.IMAGES else selectors.thing(kind)
        return {"title": title[:1].upper() + title[1:], "lead": number}
    if filters.person is not None:
        return {"title": selectors.people({filters.person})[filters.person].name, "lead": f"#{filters.person}"}
    return {}


@policies.required(policies.is_data_manager)
@never_cache
@require_safe
def events(request: HttpRequest) -> HttpResponse:
    """The trail by filters. Also the page of one person, one dataset and one image, by the filter that says so."""
    form = FilterForm(request.GET)
    filters = form.filters()
    found = selectors.events(filters) if filters is not None else Event.objects.none()
    page = selectors.page(found, before=_number(request, "before"), after=_number(request, "after"))
    anchored = anchors.newest()
    context: dict[str, Any] = {
        "form": form,
        "filtered": bool(filters is None or filters.chosen()),
        "page": page,
        "lines": selectors.lines(page.rows),
        "heading": _heading(filters),
        "check": verification.last_result(),
        "anchored": anchored,
    }
    return render(request, "audit/events.html", context)


@policies.required(policies.is_data_manager)
@never_cache
@require_safe
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """What the filters let through, as CSV; that it left is an event itself."""
    filters = FilterForm(request.GET).filters()
    if filters is None:
        return redirect("audit:events")
    if request.method == "HEAD":
        return HttpResponse(content_type="text/csv; charset=utf-8")
    last = record("audit.exported", actor=request.user, filters=filters.chosen()).number
    rows = exports.trail(selectors.events(filters).filter(number__lt=last))
    return exports.csv_response(rows, f"audit-{timezone.localdate():%Y-%m-%d}.csv")
