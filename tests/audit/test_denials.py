"""What somebody who is logged in may not have is recorded with its reason; visitors and robots leave no trace."""

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit import denials
from audit.models import Event
from tests.people import People
from tests.world import TOKEN_SECRET, World

pytestmark = pytest.mark.django_db


def denied() -> list[Event]:
    return list(Event.objects.filter(action__startswith="access.denied").order_by("number"))


def signed_in(client: Client, user: User) -> Client:
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_page_of_another_role(client: Client, people: People) -> None:
    user = people.researcher()
    assert signed_in(client, user).get(reverse("audit:events")).status_code == 403
    (event,) = denied()
    assert event.actor_id == user.pk
    assert event.data == {"route": "audit:events", "method": "GET", "ids": {}, "reasons": ["no_data_manager"]}


def test_ids_of_the_address_are_told_and_nothing_else(client: Client, world: World) -> None:
    address = reverse("datasets:manage_release", args=[world.release.pk])
    assert signed_in(client, world.researcher).get(address, {"q": "Kowalski"}).status_code == 403
    (event,) = denied()
    assert list(event.data["ids"].values()) == [str(world.release.pk)]
    assert "Kowalski" not in str(event.data)


def test_the_api_says_why(client: Client, world: World) -> None:
    world.token.scopes = ["read"]
    world.token.save()
    answer = client.post("/api/v1/batches/", headers={"authorization": f"Bearer {TOKEN_SECRET}"})
    assert answer.status_code == 403
    (event,) = denied()
    assert (event.actor_id, event.data["reasons"]) == (world.granted.pk, ["no_scope_upload"])


def test_a_form_from_elsewhere(people: People) -> None:
    client = signed_in(Client(enforce_csrf_checks=True), people.researcher())
    assert client.post(reverse("account_logout")).status_code == 403
    assert [event.data["route"] for event in denied()] == ["account_logout"]


def test_visitors_leave_no_trace(client: Client) -> None:
    assert client.get(reverse("audit:events")).status_code == 302
    assert Client(enforce_csrf_checks=True).post(reverse("account_login")).status_code == 403
    assert denied() == []


def test_what_is_allowed_is_no_denial(client: Client, people: People) -> None:
    assert signed_in(client, people.manager()).get(reverse("audit:events")).status_code == 200
    assert denied() == []


def test_a_flood_is_recorded_once(client: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "PER_HOUR", 2)
    signed_in(client, people.researcher())
    for _ in range(5):
        client.get(reverse("audit:events"))
    assert [event.action for event in denied()] == ["access.denied", "access.denied", "access.denied_often"]


def test_a_denial_is_recorded_without_the_cache(client: Client, people: People, settings: LazySettings) -> None:
    signed_in(client, people.researcher())
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "unix:///nowhere/valkey.sock"}
    }
    client.get(reverse("audit:events"))
    assert len(denied()) == 1


def test_a_token_that_is_over_is_told_once_an_hour(client: Client, world: World) -> None:
    world.token.revoked_at = timezone.now()
    world.token.save()
    for _ in range(3):
        client.get("/api/v1/batches/", headers={"authorization": f"Bearer {TOKEN_SECRET}"})
        client.get("/api/v1/batches/", headers={"authorization": "Bearer cxr_nobody-knows-it"})
    event = Event.objects.get(action="token.refused")
    assert event.data == {"person": world.granted.pk, "reason": "revoked"}
    assert event.object_id == str(world.token.pk)


def test_a_refused_download_is_one_event_with_its_reasons(client: Client, world: World) -> None:
    address = reverse("datasets:download", args=[world.archive.pk])
    assert signed_in(client, world.researcher).get(address).status_code == 403
    assert denied() == []
    event = Event.objects.get(action="download.refused")
    assert event.data["reasons"]
    assert event.dataset_id == world.dataset.pk
