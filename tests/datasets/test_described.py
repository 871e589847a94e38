"""The description of a release: in its page, beside it and in the API; who sees which address."""

import json
import re
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from etils import epath
from mlcroissant._src.core import constants
from mlcroissant._src.operation_graph.operations import extract  # noqa: F401  # so that it can be patched by name
from PIL import Image
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from accounts.models import AccessGrant, AccessRequest, ApiToken, Signature, User
from accounts.tokens import secret_hash
from datasets.described import FORMS
from datasets.models import Archive, Citation, Dataset
from tests.datasets.library import Library, new_file
from tests.datasets.test_pages import page
from tests.world import World


def address(world: World, form: str, name: str = "datasets:described") -> str:
    return reverse(name, args=[world.dataset.slug, world.release.version, form])


def token(user: User, *scopes: str) -> str:
    secret = f"cxr_{'-'.join(scopes)}"
    expires = timezone.now() + timedelta(days=1)
    ApiToken.objects.create(
        user=user, name=secret, token_hash=secret_hash(secret), scopes=list(scopes), expires_at=expires
    )
    return secret


@pytest.mark.parametrize("form", FORMS)
def test_every_form_stands_beside_the_page_and_in_the_api(client: Client, world: World, form: str) -> None:
    beside, in_api = client.get(address(world, form)), client.get(address(world, form, "api:described"))
    assert beside.status_code == in_api.status_code == 200
    assert beside["Content-Type"] == f"{FORMS[form].media_type}; charset=utf-8"
    assert beside.content == in_api.content
    assert world.dataset.title.encode() in beside.content
    head = client.head(address(world, form))
    assert (head.status_code, head.content) == (200, b"")
    if form.endswith(("json", "jsonld")):
        json.loads(beside.content)


@pytest.mark.parametrize("form", FORMS)
def test_no_form_names_an_address_to_visitors(client: Client, world: World, form: str) -> None:
    text = client.get(address(world, form)).content.decode()
    assert "/links/" not in text
    assert "/download" not in text


def test_what_is_not_public_is_not_described(client: Client, world: World) -> None:
    Dataset.objects.update(is_public=False)
    assert client.get(address(world, "citation.bib")).status_code == 404
    world.release.status = "building"
    world.release.save()
    Dataset.objects.update(is_public=True)
    assert client.get(address(world, "citation.bib")).status_code == 404
    assert client.get(f"{reverse('datasets:release', args=['example', '1.0'])}citation.exe").status_code == 404


def croissant_files(response: Any) -> dict[str, str]:
    return {one["@id"]: one["contentUrl"] for one in response.json()["distribution"] if one["@type"] == "cr:FileObject"}


def test_croissant_names_the_addresses_of_what_the_person_may_have(world: World) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token(world.granted, 'download')}")
    response = client.get(address(world, "croissant.json"))
    files = croissant_files(response)
    assert "no-store" in response["Cache-Control"]
    assert files[world.other_archive.filename].endswith("#files")
    got = APIClient().get(files[world.archive.filename])  # without a token: the address itself is signed
    assert got.status_code == 200
    assert len(b"".join(got.streaming_content)) == world.archive.size


def test_a_token_that_may_not_download_gets_what_visitors_get(world: World) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token(world.granted, 'read')}")
    assert all(url.endswith("#files") for url in croissant_files(client.get(address(world, "croissant.json"))).values())


def test_a_withdrawn_file_is_not_described(client: Client, world: World) -> None:
    Archive.objects.filter(pk=world.other_archive.pk).update(status="withdrawn")
    assert world.other_archive.filename not in client.get(address(world, "croissant.json")).content.decode()
    assert world.archive.filename in client.get(address(world, "croissant.json")).content.decode()


def test_the_page_carries_the_description(client: Client, world: World) -> None:
    world.release.about = {"title": "</script><script>alert(1)</script>", "description": "A & B"}
    world.release.save()
    for name, args in (("datasets:release", ["example", "1.0"]), ("datasets:detail", ["example"])):
        text = page(client, name, *args)
        assert "<script>alert" not in text
        (script,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.DOTALL)
        record = json.loads(script)
        assert (record["name"], record["description"]) == ("</script><script>alert(1)</script>", "A & B")
        assert re.search(r'<link rel="alternate" type="application/ld\+json" href="[^"]+/croissant.json"', text)


def test_the_page_points_the_way_by_its_header(client: Client, world: World) -> None:
    world.release.doi = "10.5072/one"
    world.release.save()
    header = client.get(reverse("datasets:release", args=["example", "1.0"]))["Link"]
    assert '<https://doi.org/10.5072/one>; rel="cite-as"' in header
    assert 'rel="describedby"; type="application/vnd.datacite.datacite+xml"' in header


def test_a_release_keeps_the_facts_that_it_froze(client: Client, library: Library) -> None:
    row = Citation.objects.create(
        dataset=library.dataset,
        creators=[{"family": "Kowalska", "given": "Anna", "orcid": "", "affiliation": "", "ror": ""}],
        doi="10.5072/all",
    )
    library.add(1)
    library.publish()
    row.creators = [{"family": "Nowak", "given": "Jan", "orcid": "", "affiliation": "", "ror": ""}]
    row.save()
    library.add(2)
    library.publish("1.1")

    def cited(version: str) -> str:
        return client.get(reverse("datasets:described", args=["polcovid", version, "citation.txt"])).content.decode()

    assert cited("1.0").startswith("Kowalska, A. (")
    assert cited("1.1").startswith("Nowak, J. (")
    assert "(Version 1.1) [Data set]." in cited("1.1")


@pytest.fixture
def researcher(library: Library) -> User:
    """Somebody who may have the group NORMAL."""
    user: User = library.people.researcher()
    Signature.objects.create(
        user=user, agreement=library.agreement, text_sha256=library.agreement.sha256, typed_name="R", institution="I"
    )
    request = AccessRequest.objects.create(user=user, dataset=library.dataset, status="granted")
    grant = AccessGrant.objects.create(
        user=user, dataset=library.dataset, request=request, expires_at=timezone.now() + timedelta(days=30)
    )
    grant.groups.set([library.group(1)])
    return user


@pytest.mark.django_db(transaction=True)
def test_mlcroissant_loads_images_with_their_metadata(
    live_server: LiveServer, library: Library, researcher: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library that others use fetches the files from a server that runs, checks them, and joins the two."""
    monkeypatch.setattr(constants, "DOWNLOAD_PATH", epath.Path(tmp_path / "download"))
    monkeypatch.setattr(
        "mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH", epath.Path(tmp_path / "extract")
    )
    jpeg = BytesIO()
    Image.new("L", (32, 40), 7).save(jpeg, format="JPEG")
    added: list[tuple[int | None, dict[str, Any]]] = [
        (None, {}),
        (61, {"format": "jpeg", "image": new_file(jpeg.getvalue())}),
    ]
    for age, more in added:
        library.add(1, demographics={"sex": "F", "age": age, "smoke": "yes", "smoke_packyears": 12.5}, **more)
    library.publish()
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token(researcher, 'download')}", "HTTP_HOST": live_server.url[7:]}
    record = APIClient().get(reverse("api:described", args=["polcovid", "1.0", "croissant.json"]), **headers).json()
    dataset = mlcroissant.Dataset(jsonld=record)
    assert not dataset.metadata.issues.errors
    rows = list(dataset.records("NORMAL-metadata"))
    assert [row["NORMAL-metadata/age"] for row in rows] == [None, 61]
    assert rows[0]["NORMAL-metadata/smoke_packyears"] == 12.5
    assert rows[0]["NORMAL-metadata/class"] == b"NORMAL"
    prefix = "NORMAL-radiographs-records"
    images = list(dataset.records(prefix))
    assert [image[f"{prefix}/filename"] for image in images] == [b"Anonymous_7_1_1.png", b"Anonymous_7_2_1.jpg"]
    assert [image[f"{prefix}/age"] for image in images] == [None, 61]
    assert images[0][f"{prefix}/content"].size == (32, 40)
    (mask, *_others) = dataset.records("NORMAL-lung_masks-records")
    assert mask["NORMAL-lung_masks-records/content"].mode == "1"
