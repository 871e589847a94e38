from typing import Any

from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import policies
from audit.models import Event


def _chosen(request: HttpRequest) -> dict[str, Any]:
    """The filters of the address that make sense; others are ignored."""
    fields = {"action": "action", "type": "object_type", "id": "object_id"}
    chosen: dict[str, Any] = {field: request.GET[name] for name, field in fields.items() if request.GET.get(name)}
    if request.GET.get("person", "").isdecimal():
        chosen["actor_id"] = int(request.GET["person"])
    return chosen


@policies.required(policies.is_data_manager)
@require_safe
def events(request: HttpRequest) -> HttpResponse:
    page = Paginator(Event.objects.filter(**_chosen(request)), 100).get_page(request.GET.get("page"))
    people = get_user_model().objects.in_bulk({event.actor_id for event in page if event.actor_id})
    return render(
        request,
        "audit/events.html",
        {
            "page_obj": page,
            "rows": [(event, people.get(event.actor_id)) for event in page],
            "actions": Event.objects.order_by("action").values_list("action", flat=True).distinct(),
        },
    )
