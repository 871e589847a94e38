"""Two questions a supervisor asks: is the process alive, and can it do its work?"""

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """200 as soon as the process answers."""
    return JsonResponse({"status": "ok"})


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")


def _broker_and_cache() -> None:
    cache.set("health", 1, 5)
    if cache.get("health") != 1:
        raise ConnectionError("The cache forgot what it was told.")


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 when database and broker answer, else 503; only names of parts are told, the log has the cause."""
    parts = {}
    for name, probe in {"database": _database, "broker": _broker_and_cache}.items():
        try:
            probe()
            parts[name] = "ok"
        except Exception:
            parts[name] = "failed"
    healthy = all(state == "ok" for state in parts.values())
    return JsonResponse({"status": "ok" if healthy else "failed", **parts}, status=200 if healthy else 503)
