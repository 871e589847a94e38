"""The OpenAPI description: complete, and generated without a guess."""

import re

from django.test import Client
from django.urls import URLPattern
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from portal.urls import api


def _routes() -> set[str]:
    """The paths of all API routes as OpenAPI writes them, e.g. /api/v1/batches/{}/."""
    patterns: list[URLPattern] = [
        pattern
        for part in api
        for pattern in (part.url_patterns if hasattr(part, "url_patterns") else [part])
        if pattern.name != "schema"
    ]
    return {"/api/v1/" + re.sub(r"<[^>]+>", "{}", str(pattern.pattern)) for pattern in patterns}


def test_the_schema_names_every_route(client: Client) -> None:
    answer = client.get("/api/v1/schema.json")
    assert answer.status_code == 200
    described = {re.sub(r"{[^}]+}", "{}", path) for path in answer.json()["paths"]}
    assert len(described) > 10
    assert described == _routes()


def test_the_schema_is_generated_without_warnings() -> None:
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    assert GENERATOR_STATS._warn_cache == {}
    assert GENERATOR_STATS._error_cache == {}
