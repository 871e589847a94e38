"""Requests, decisions, grants. `request` is of `researcher`; `reviewer` decides about its dataset's requests."""

from typing import Any

from accounts.models import ReasonTemplate
from tests.permissions.rows import Row
from tests.world import World


def _request(world: World) -> dict[str, Any]:
    return {"pk": world.request.pk}


def _draft(world: World) -> dict[str, Any]:
    type(world.request).objects.filter(pk=world.request.pk).update(status="draft", submitted_at=None)
    return _request(world)


def _grant(world: World) -> dict[str, Any]:
    return {"pk": world.grant.pk}


def _message(world: World) -> dict[str, Any]:
    return {"text": "May I ask something?"}


def _granting(world: World) -> dict[str, Any]:
    return {"decision": "grant", "groups": [world.group.pk], "contents": ["masks"]}


def _reason(world: World) -> dict[str, Any]:
    return {"pk": ReasonTemplate.objects.get_or_create(use="refuse", title="Vague", text="Say more.")[0].pk}


def _words(world: World) -> dict[str, Any]:
    return {"use": "refuse", "title": "Vague", "text": "Say more."}


def _asking(world: World) -> dict[str, Any]:
    return {"dataset": "example", "groups": [1], "project": "Lungs", "purpose": "To learn."}


OWN = "login 200 404 404 404 404 404 404 404"
OWN_DONE = "login 302 404 404 404 404 404 404 404"
READERS = "login 403 403 403 403 403 403 200 200"
READERS_DONE = "login 403 403 403 403 403 403 302 302"
MANAGERS = "login 403 403 403 403 403 403 200 403"
MANAGERS_DONE = "login 403 403 403 403 403 403 302 403"

ROWS = [
    #                                anon  rese gran expi hosp othe cura mana revi
    Row("accounts:request", OWN, args=_request),
    Row("accounts:request", "login 405 405 405 405 405 405 405 405", method="POST", args=_request),
    Row("accounts:request_withdraw", OWN_DONE, method="POST", args=_request),
    Row("accounts:request_withdraw", "login 405 405 405 405 405 405 405 405", args=_request),
    Row("accounts:request_message", "login 302 404 404 404 404 404 302 302", "POST", _request, _message),
    Row("accounts:request_message", "login 405 405 405 405 405 405 405 405", args=_request),
    Row("accounts:manage_requests", READERS),
    Row("accounts:manage_request", READERS, args=_request),
    Row("accounts:manage_request", "login 403 403 403 403 403 403 404 404", args=lambda world: {"pk": 10**6}),
    # Nobody reads a draft but who writes it.
    Row("accounts:manage_request", "login 403 403 403 403 403 403 404 404", args=_draft),
    Row("accounts:manage_request", READERS_DONE, "POST", _request, _granting),
    Row("accounts:grant_revoke", MANAGERS_DONE, "POST", _grant, lambda world: {"reason": "The project is over."}),
    Row("accounts:grant_revoke", "login 403 403 403 403 403 403 405 403", args=_grant),
    Row("accounts:reasons", MANAGERS),
    Row("accounts:reasons", MANAGERS_DONE, "POST", data=_words),
    Row("accounts:reason", MANAGERS, args=_reason),
    Row("accounts:reason", MANAGERS_DONE, "POST", _reason, lambda world: {"delete": "1"}),
    Row("api:access_requests", "401 200 200 200 200 200 200 200 200"),
    # Only who signed may ask.
    Row("api:access_requests", "401 409 201 201 403 403 403 403 403", "POST", data=_asking),
    Row("api:access_request", "401 200 404 404 404 404 404 200 200", args=_request),
    Row("api:access_request", "401 404 404 404 404 404 404 404 404", args=lambda world: {"pk": 10**6}),
    Row(
        "api:access_request", "401 200 404 404 404 404 404 404 404", "PATCH", _draft, lambda world: {"project": "Ribs"}
    ),
    Row("api:access_request_submission", "401 403 404 404 404 404 404 404 404", "POST", _draft),
    Row("api:access_request_withdrawal", "401 200 404 404 404 404 404 404 404", "POST", _request),
    Row("api:access_request_messages", "401 200 404 404 404 404 404 200 200", args=_request),
    Row("api:access_request_messages", "401 201 404 404 404 404 404 201 201", "POST", _request, _message),
    Row(
        "api:access_request_decision",
        "401 403 403 403 403 403 403 200 200",
        "POST",
        _request,
        lambda world: {"decision": "refuse", "reason": "Say more about the project."},
    ),
    Row(
        "api:grant_renewal", "401 404 201 404 404 404 404 404 404", "POST", _grant, lambda world: {"achieved": "Much."}
    ),
]
