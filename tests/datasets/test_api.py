import hashlib
from typing import Any

from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import ApiToken
from accounts.tokens import secret_hash
from audit.models import Event
from datasets.models import Release
from tests.datasets.library import Library
from tests.world import World


def get(client: APIClient, name: str, *args: Any) -> Any:
    response = client.get(reverse(f"api:{name}", args=args))
    assert response.status_code == 200
    return response.json()


def test_the_catalogue(library: Library) -> None:
    library.add(1)
    library.publish()
    (entry,) = get(APIClient(), "datasets")["results"]
    assert (entry["slug"], entry["latest_release"]["version"]) == ("polcovid", "1.0")
    assert entry["figures"] == {"images": 1, "patients": 1, "hospitals": 1, "sources": 0}
    assert [group["label"] for group in entry["groups"]] == ["NORMAL", "PNEUMONIA", "COVID-19"]


def test_a_dataset(library: Library) -> None:
    assert get(APIClient(), "dataset", "polcovid")["releases"] == []
    library.add(1)
    library.publish()
    entry = get(APIClient(), "dataset", "polcovid")
    assert [release["version"] for release in entry["releases"]] == ["1.0"]
    assert entry["citation"] == "Example et al., 2026"


def test_the_agreement_to_sign_is_named_to_everybody(world: World) -> None:
    agreement = get(APIClient(), "dataset", "example")["agreement"]
    assert (agreement["id"], agreement["text"]) == (world.agreement.pk, world.agreement.text)
    assert hashlib.sha256(agreement["text"].encode()).hexdigest() == agreement["sha256"]


def test_addresses_are_for_those_who_may(world: World) -> None:
    client = APIClient()
    files = {file["filename"]: file for file in get(client, "release", "example", "1.0")["files"]}
    assert {file["url"] for file in files.values()} == {None}
    assert {tuple(file["missing"]) for file in files.values()} == {("log_in",)}
    assert files[world.archive.filename]["sha256"] == world.archive.sha256
    client.force_login(world.granted, backend="django.contrib.auth.backends.ModelBackend")
    files = {file["filename"]: file for file in get(client, "release", "example", "1.0")["files"]}
    own, other = files[world.archive.filename], files[world.other_archive.filename]
    assert (own["missing"], other["missing"], other["url"]) == ([], ["other_group"], None)
    assert client.get(own["url"]).status_code == 200


def test_a_release_by_token(library: Library) -> None:
    library.add(1)
    client = APIClient()

    def post(**values: str) -> Any:
        return client.post(reverse("api:release_create", args=["polcovid"]), values, format="json")

    def token(secret: str, *scopes: str) -> None:
        ApiToken.objects.create(
            user=library.manager,
            name=secret,
            token_hash=secret_hash(secret),
            scopes=list(scopes),
            expires_at="2999-01-01T00:00Z",
        )
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    token("one", "read", "download")
    assert post(version="1.0", changes="First.").status_code == 403
    token("two", "manage")
    assert post(version="1", changes="First.").status_code == 400
    response = post(version="1.0", changes="First.")
    assert (response.status_code, response.json()["status"]) == (201, "building")
    assert post(version="1.1", changes="More.").status_code == 409
    assert Release.objects.get().created_by == library.manager
    assert Event.objects.filter(action="release.created").count() == 1
