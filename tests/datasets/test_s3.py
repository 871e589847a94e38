"""Archives in S3: built into it, and handed out by its own presigned addresses (a moto server speaks for it)."""

import hashlib
from collections.abc import Iterator
from uuid import uuid4

import boto3
import httpx
import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from moto.server import ThreadedMotoServer

from datasets import links
from datasets.models import Archive, Download
from tests.datasets import test_tidying
from tests.datasets.library import Library
from tests.world import World


@pytest.fixture
def bucket(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    name = f"archives-{uuid4().hex}"  # moto keeps buckets for as long as the process lives
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="eu-central-1").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    settings.CXR_S3_BUCKET = name
    options = {
        "bucket_name": name,
        "endpoint_url": endpoint,
        "region_name": "eu-central-1",
        "signature_version": "s3v4",
        "querystring_expire": 120,
        "file_overwrite": False,
    }
    archives = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "archives": archives}
    yield f"{endpoint}/{name}"
    server.stop()


def test_an_archive_is_built_into_it_with_its_checksums(library: Library, bucket: str) -> None:
    library.add(1)
    library.publish()
    for archive in Archive.objects.all():
        content = storages["archives"].open(archive.file.name).read()
        assert archive.status == Archive.Status.READY
        assert (archive.size, archive.sha256) == (len(content), hashlib.sha256(content).hexdigest()), archive.filename
        assert archive.md5


def test_who_may_have_it_is_sent_there_for_a_while(world: World, bucket: str) -> None:
    content = bytes(range(256)) * 100
    world.archive.file = storages["archives"].save("example/1.zip", ContentFile(content))
    world.archive.size = len(content)
    world.archive.save()
    client = Client()
    client.force_login(world.granted, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse("datasets:download", args=[world.archive.pk]), HTTP_RANGE="bytes=5-9")
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{bucket}/example/1.zip?")
    assert "X-Amz-Expires=120" in answer["Location"]
    assert "no-store" in answer["Cache-Control"]
    download = Download.objects.get()
    assert (download.first_byte, download.last_byte, download.bytes_sent) == (0, len(content) - 1, None)
    there = httpx.get(answer["Location"], headers={"Range": "bytes=5-9"})
    assert (there.status_code, there.content) == (206, content[5:10])
    assert there.headers["Content-Disposition"] == f'attachment; filename="{world.archive.filename}"'
    assert there.headers["Content-Type"] == "application/zip"
    by_link = Client().get(links.address(world.granted, world.archive, world.grant))
    assert httpx.get(by_link["Location"]).content == content
    client.force_login(world.expired, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(reverse("datasets:download", args=[world.archive.pk])).status_code == 403
    assert Download.objects.count() == 2


def test_what_killed_workers_left_in_it_goes(library: Library, bucket: str, settings: LazySettings) -> None:
    test_tidying.check(library, settings)
