"""Every refusal of something to somebody who is logged in becomes an event: who, which page, and why."""

import re
import uuid
from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from redis import RedisError

from audit.services import record

# So many refusals of one person are recorded one by one in an hour; the next says that there are more.
PER_HOUR = 200
_CODE = re.compile(r"[a-z][a-z0-9_.]{0,63}")


def because(request: Any, *codes: str, recorded: bool = False) -> None:
    """Says why the answer to `request` (Django's or the API's) will be a 403: codes, never words with names in them.

    `recorded`: the service that refused has recorded it already, with more than the address tells."""
    plain = getattr(request, "_request", request)
    plain.denial = (codes, recorded)


class Denials:
    """Records answers 403. Visitors are left out: they may look at what is public, and robots try everything."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 403:
            _note(request, response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, PermissionDenied) and not hasattr(request, "denial"):
            because(request, *map(str, exception.args))


def _note(request: HttpRequest, response: HttpResponse) -> None:
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return
    codes, recorded = getattr(request, "denial", ((), False))
    if recorded or (count := _count(user.pk)) > PER_HOUR + 1:
        return
    if count == PER_HOUR + 1:
        record("access.denied_often", actor=user, more_than=PER_HOUR)
        return
    match = request.resolver_match
    record(
        "access.denied",
        actor=user,
        route=match.view_name if match is not None else "",
        method=request.method,
        ids={name: str(value) for name, value in match.kwargs.items() if isinstance(value, (int, uuid.UUID))}
        if match is not None
        else {},
        reasons=[code for code in codes if _CODE.fullmatch(code)] or _codes_of(response),
    )


def _codes_of(response: HttpResponse) -> list[str]:
    """The code in an answer of the API; nothing where there is none (a form whose time was over, say)."""
    data = getattr(response, "data", None)
    if not isinstance(data, dict):
        return []
    code = getattr(data.get("detail"), "code", None) or data.get("code")
    return [code] if isinstance(code, str) and _CODE.fullmatch(code) else []


def _count(person: int) -> int:
    """Which refusal of this person it is within the hour; the first where the cache is away."""
    key = f"denied:{person}"
    try:
        cache.add(key, 0, 3600)
        return int(cache.incr(key))
    except (RedisError, OSError, ValueError):
        return 1
