"""Every route times every kind of person. A route without a row fails, and so does a row without a route."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from rest_framework.test import APIClient

from tests.permissions.rows import PERSONS, Row
from tests.world import World

PARTS = ("portal", "audit", "accounts", "access", "agreements", "people", "allauth", "datasets", "intake", "curation")
ROWS: list[Row] = [row for part in PARTS for row in import_module(f"tests.permissions.rows_{part}").ROWS]
# Django's own back office has some two hundred routes of one kind: nobody gets in but staff (tests/portal).
BACK_OFFICE = "admin"


def _routes(resolver: URLResolver, namespaces: tuple[str, ...] = ()) -> Iterator[str]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            if inner[:1] != (BACK_OFFICE,):
                yield from _routes(pattern, inner)
        elif pattern.name is None:
            # Nobody can link to it; allauth keeps a few such redirects for addresses of its past.
            assert pattern.callback.__module__.startswith(("django.", "allauth.")), pattern
        elif isinstance(pattern, URLPattern):
            yield ":".join((*namespaces, pattern.name))


def test_every_route_has_a_row() -> None:
    routes = set(_routes(get_resolver()))
    rows = {row.route for row in ROWS}
    assert routes - rows == set(), "routes without a row in tests/permissions/rows_*.py"
    assert rows - routes == set(), "rows for routes that do not exist"


def _answer(row: Row, world: World, person: str) -> str:
    url = reverse(row.route, kwargs=row.args(world))
    user = world.person(person)
    options: dict[str, Any] = {}
    client: Client
    if row.route.startswith("api:"):
        client = APIClient()
        if row.method != "GET":
            options["format"] = row.format or "json"
    else:
        client = Client()
    client.raise_request_exception = False
    if user is not None:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    response = getattr(client, row.method.lower())(url, row.data(world), **options)
    if response.status_code == 302 and response["Location"].startswith(reverse("account_login")):
        return "login"
    if getattr(response, "streaming", False):
        list(response.streaming_content)
    return str(response.status_code)


def test_every_row(world: World, subtests: pytest.Subtests) -> None:
    """One world serves all rows: what one person does is undone before the next one tries."""
    # Who may what does not depend on the database; whether the queries work on it shows with two.
    persons = PERSONS if connection.vendor == "sqlite" else ("granted", "manager")
    for row in ROWS:
        cache.clear()  # rate limits start anew
        answers = {}
        for person in persons:
            with transaction.atomic():
                answers[person] = _answer(row, world, person)
                transaction.set_rollback(True)
        expected = row.expected()
        with subtests.test(f"{row.method} {row.route}"):
            assert answers == {person: expected[person] for person in persons}
