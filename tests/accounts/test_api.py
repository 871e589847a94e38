"""The API with tokens: scopes, roles and what is answered to whom."""

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.models import AccessGrant, Invitation, User
from tests.world import TOKEN_SECRET, World


def _client(user: User, *scopes: str) -> APIClient:
    _token, secret = services.issue_token(user=user, name="test", scopes=scopes, days=1)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_me(world: World) -> None:
    client = APIClient()
    assert client.get("/api/v1/me/").status_code == 401
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {TOKEN_SECRET}")
    answer = client.get("/api/v1/me/").json()
    assert (answer["email"], answer["hospitals"]) == (world.granted.email, [])
    assert [(grant["dataset"], grant["groups"]) for grant in answer["grants"]] == [("example", [1])]
    world.token.refresh_from_db()
    assert world.token.last_used_at is not None
    hospital = _client(world.hospital_user, "read").get("/api/v1/me/").json()
    assert hospital["hospitals"] == [world.hospital.number]


@pytest.mark.parametrize(
    "change", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now()}, {"token_hash": "0" * 64}]
)
def test_a_dead_token_opens_nothing(world: World, change: dict[str, object]) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {TOKEN_SECRET}")
    type(world.token).objects.update(**change)
    assert client.get("/api/v1/me/").status_code == 401


def test_a_closed_account_has_no_tokens(world: World) -> None:
    client = _client(world.researcher, "read")
    User.objects.filter(pk=world.researcher.pk).update(is_active=False)
    assert client.get("/api/v1/me/").status_code == 401


def test_the_journey_of_a_researcher(world: World) -> None:
    user = world.people.researcher()
    client = _client(user, "read", "download")
    asked = {"dataset": "example", "groups": [1, 2], "project": "Lungs", "purpose": "To learn."}
    assert client.post("/api/v1/access-requests/", asked, format="json").status_code == 403
    signature_url = f"/api/v1/agreements/{world.agreement.pk}/signature/"
    signed = {"typed_name": user.name, "institution": "University", "agree": False}
    assert client.post(signature_url, signed, format="json").status_code == 400
    answer = client.post(signature_url, {**signed, "agree": True}, format="json")
    assert (answer.status_code, answer.json()["text_sha256"]) == (201, world.agreement.sha256)
    senseless: list[dict[str, object]] = [{"groups": [9]}, {"dataset": "no-such"}, {"groups": []}, {"purpose": ""}]
    for wrong in senseless:
        assert client.post("/api/v1/access-requests/", {**asked, **wrong}, format="json").status_code == 400
    answer = client.post("/api/v1/access-requests/", asked, format="json")
    assert (answer.status_code, answer.json()["groups"]) == (201, [1, 2])
    assert client.post("/api/v1/access-requests/", asked, format="json").status_code == 409

    decision_url = f"/api/v1/access-requests/{answer.json()['id']}/decision/"
    manager = _client(world.manager, "manage")
    assert manager.post(decision_url, {"decision": "refuse"}, format="json").status_code == 400
    decided = manager.post(decision_url, {"decision": "grant", "days": 5}, format="json")
    assert (decided.status_code, decided.json()["status"]) == (200, "granted")
    assert manager.post(decision_url, {"decision": "grant"}, format="json").status_code == 409
    assert AccessGrant.objects.filter(user=user).count() == 1
    assert [row["status"] for row in client.get("/api/v1/access-requests/").json()["results"]] == ["granted"]


def test_everybody_sees_the_own_requests_and_managers_all(world: World) -> None:
    def people(client: APIClient, query: str = "") -> list[int]:
        return sorted(row["id"] for row in client.get(f"/api/v1/access-requests/{query}").json()["results"])

    assert people(_client(world.researcher, "read")) == [world.request.pk]
    assert people(_client(world.curator, "read")) == []
    everybody = _client(world.manager, "read", "manage")
    assert len(people(everybody)) == 3
    assert people(everybody, "?status=submitted") == [world.request.pk]
    # A manager's token that may only read metadata does not give other people's requests away.
    assert people(_client(world.manager, "read")) == []


def test_scopes_limit_and_roles_are_looked_up_at_every_use(world: World) -> None:
    url = f"/api/v1/access-requests/{world.request.pk}/decision/"
    refusal = {"decision": "refuse", "reason": "Too vague."}
    assert _client(world.manager, "read", "download").post(url, refusal, format="json").status_code == 403
    client = _client(world.manager, "manage")
    assert client.get("/api/v1/me/").status_code == 403
    User.objects.filter(pk=world.manager.pk).update(is_data_manager=False)
    assert client.post(url, refusal, format="json").status_code == 403
    world.request.refresh_from_db()
    assert world.request.status == "submitted"


def test_a_token_that_may_only_read_writes_no_message(world: World) -> None:
    url, text = f"/api/v1/access-requests/{world.request.pk}/messages/", {"text": "Hello."}
    for client, answer in (
        (_client(world.researcher, "read"), 403),
        (_client(world.researcher, "read", "download"), 201),
        (_client(world.reviewer, "read", "download"), 404),
        (_client(world.reviewer, "read", "manage"), 201),
    ):
        assert client.post(url, text, format="json").status_code == answer
    assert world.request.messages.count() == 2


def test_an_invitation_by_the_api_does_not_show_its_secret(world: World) -> None:
    client = _client(world.manager, "manage")
    invited = {"email": "i@example.org", "hospitals": [world.hospital.number]}
    answer = client.post("/api/v1/invitations/", invited, format="json")
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "email", "hospitals", "created_at", "expires_at"}
    assert Invitation.objects.filter(email="i@example.org").exists()
    unknown = client.post("/api/v1/invitations/", {**invited, "hospitals": [999]}, format="json")
    assert unknown.status_code == 400
    member = {**invited, "email": world.hospital_user.email}
    assert client.post("/api/v1/invitations/", member, format="json").status_code == 409
