"""Many files at once: filters, a diagnosis for many, taking many back, and the table of what became of them."""

import csv
import io
import json
import re
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from audit.models import Event
from datasets.models import Radiograph, ReleaseItem
from intake import kinds, names
from intake.models import Stage, UploadBatch, UploadedFile
from tests.world import World

NAME = "=jan_kowalski_1950.dcm"


@pytest.fixture
def client(world: World) -> Client:
    UploadedFile.objects.update(sealed_name=names.seal(NAME))
    client = Client()
    client.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _post(client: Client, world: World, route: str, **data: Any) -> str:
    return client.post(reverse(f"intake:{route}", args=[world.batch.pk]), data, follow=True).content.decode()


def _rows(page: str) -> int:
    return page.count('name="file"')


class TestFilters:
    def test_by_verdict(self, client: Client, world: World) -> None:
        url = reverse("intake:batch_files", args=[world.batch.pk])
        assert _rows(client.get(url, {"verdict": "good"}).content.decode()) == 1
        assert _rows(client.get(url, {"verdict": "bad"}).content.decode()) == 0
        assert _rows(client.get(url, {"verdict": "rejected"}).content.decode()) == 1
        assert _rows(client.get(url, {"verdict": "nonsense"}).content.decode()) == len(Stage)

    def test_they_are_links_that_do_not_leave_the_page(self, client: Client, world: World) -> None:
        page = client.get(reverse("intake:batch", args=[world.batch.pk])).content.decode()
        [link] = re.findall(r'<a id="verdict-good"[^>]*>', page)
        url = reverse("intake:batch", args=[world.batch.pk])
        assert f'href="{url}?verdict=good"' in link
        assert f'hx-get="{url}files?verdict=good"' in link
        assert f'hx-push-url="{url}?verdict=good"' in link


class TestDiagnosis:
    def test_what_waits_for_it_goes_on(self, client: Client, world: World) -> None:
        waiting = world.files[Stage.DESCRIBE]
        UploadedFile.objects.filter(pk=waiting.pk).update(group=None)
        page = _post(
            client, world, "files_describe", scope="ticked", file=[waiting.pk], group=world.other_group.pk, stage=""
        )
        assert "The diagnosis of 1 file is PNEUMONIA now." in page
        waiting.refresh_from_db()
        assert (waiting.group, waiting.stage) == (world.other_group, Stage.CURATE)

    def test_of_all_that_the_filter_shows_and_no_other(self, client: Client, world: World) -> None:
        _post(client, world, "files_describe", scope="shown", stage="curate", group=world.other_group.pk)
        assert {file.stage for file in UploadedFile.objects.filter(group=world.other_group)} == {"curate"}
        _post(client, world, "files_describe", scope="shown", group=world.other_group.pk)
        # What has its verdict keeps its diagnosis.
        assert {file.stage for file in UploadedFile.objects.filter(group=world.group)} == {
            Stage.ACCEPTED, Stage.REJECTED, Stage.WITHDRAWN, Stage.UNPACKED,
        }  # fmt: skip

    def test_without_ticks_or_diagnosis_nothing_is_done(self, client: Client, world: World) -> None:
        assert "Tick the files first" in _post(client, world, "files_describe", scope="ticked", group=world.group.pk)
        assert "This field is required" in _post(client, world, "files_describe", scope="shown")
        assert not UploadedFile.objects.filter(group=world.other_group).exists()

    def test_files_of_another_batch_cannot_be_named(self, client: Client, world: World) -> None:
        other = UploadedFile.objects.create(
            batch=UploadBatch.objects.create(
                hospital=world.other_hospital, dataset=world.dataset, user=world.other_hospital_user, title="x"
            ),
            hospital=world.other_hospital,
            size=1,
            stage=Stage.CURATE,
        )
        for route in ("files_describe", "files_withdraw"):
            _post(client, world, route, scope="ticked", file=[other.pk], group=world.group.pk, confirmed=1)
        other.refresh_from_db()
        assert (other.group, other.stage) == (None, Stage.CURATE)


class TestWithdrawing:
    def test_it_asks_first(self, client: Client, world: World) -> None:
        chosen = [world.files[Stage.CURATE].pk, world.files[Stage.SET_ASIDE].pk, world.files[Stage.REJECTED].pk]
        page = _post(client, world, "files_withdraw", scope="ticked", file=chosen)
        assert "2 files leave the portal" in page
        assert UploadedFile.objects.filter(stage=Stage.WITHDRAWN).count() == 1
        data = dict(re.findall(r'<input type="hidden" name="(scope|stage|verdict|confirmed)" value="([^"]*)"', page))
        found = re.findall(r'name="file" value="([^"]+)"', page)
        page = _post(client, world, "files_withdraw", file=found, **data)
        assert "2 files were withdrawn" in page
        assert UploadedFile.objects.filter(stage=Stage.WITHDRAWN).count() == 3

    def test_all_but_what_a_release_has(self, client: Client, world: World) -> None:
        page = _post(client, world, "files_withdraw", scope="shown", confirmed=1)
        assert "It is in release 1.0 of the dataset already" in page
        left = set(UploadedFile.objects.exclude(stage=Stage.WITHDRAWN).values_list("stage", flat=True))
        assert left == {Stage.ACCEPTED, Stage.REJECTED, Stage.UNPACKED}
        world.radiograph.refresh_from_db()
        assert world.radiograph.status == Radiograph.Status.ACCEPTED
        assert storages["library"].exists(str(world.radiograph.file.name))


class TestTheTableOfItsFate:
    def _table(self, client: Client, world: World) -> list[dict[str, str]]:
        response = client.get(reverse("intake:fate", args=[world.batch.pk]))
        assert response["Content-Disposition"] == f'attachment; filename="batch-{world.batch.pk}.csv"'
        content = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        return list(csv.DictReader(io.StringIO(content)))

    def test_a_row_per_file_with_the_hospitals_own_name(self, client: Client, world: World) -> None:
        report = {"profile": "P", "removed": [{}, {}], "replaced": [{}], "text": [{"painted": True}], "checked": True}
        UploadedFile.objects.filter(stage=Stage.ACCEPTED).update(deid_report=report)
        rows = {row["stage"]: row for row in self._table(client, world)}
        assert len(rows) == len(Stage)
        accepted = rows["accepted"]
        assert accepted["removed from it"] == "3 attributes, 1 text in the picture"
        assert (accepted["quality"], accepted["checked by a person"]) == ("Good", "yes")
        assert accepted["name in the dataset"] == world.radiograph.filename
        assert rows["rejected"]["reason"] == "The file is not an image."
        assert rows["waiting for a curator"]["name in the dataset"] == ""

    def test_nothing_in_it_is_a_formula(self, client: Client, world: World) -> None:
        UploadedFile.objects.filter(stage=Stage.REJECTED).update(reason_code="other", reason='@SUM(A1)"\n=1+1')
        for row in self._table(client, world):
            assert row["file"] == f"'{NAME}"
            assert not any(str(cell).startswith(("=", "+", "-", "@")) for cell in row.values())

    def test_it_is_in_the_readers_language_to_the_end(self, client: Client, world: World) -> None:
        response = client.get(reverse("intake:fate", args=[world.batch.pk]), headers={"Accept-Language": "pl"})
        content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
        with translation.override("pl"):
            word = str(Stage.CURATE.label)
        assert word in content
        assert "waiting for a curator" not in content

    def test_it_is_audited_without_names(self, client: Client, world: World) -> None:
        self._table(client, world)
        event = Event.objects.get(action="batch.exported")
        assert (event.actor_id, event.data) == (world.hospital_user.pk, {"files": len(Stage)})

    def test_its_queries_do_not_grow(self, client: Client, world: World) -> None:
        counts = []
        for more in (0, 60):
            _more(world, more)
            with CaptureQueriesContext(connection) as queries:
                self._table(client, world)
            counts.append(len(queries))
        assert counts[0] == counts[1]


def _more(world: World, count: int) -> None:
    UploadedFile.objects.bulk_create(
        UploadedFile(batch=world.batch, hospital=world.hospital, group=world.group, size=1, sealed_name=names.seal("x"))
        for _ in range(count)
    )


def test_with_thousands_of_files_the_page_asks_less_often_and_queries_as_ever(client: Client, world: World) -> None:
    url = reverse("intake:batch", args=[world.batch.pk])
    counts = []
    for more in (0, 3000):
        _more(world, more)
        with CaptureQueriesContext(connection) as queries:
            page = client.get(url, {"stage": "inspect"}).content.decode()
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert 'hx-trigger="every 6s, arrived"' in page
    assert f"All ({3000 + len(Stage)})" in page


class TestTheDropArea:
    def _settings(self, client: Client, world: World) -> dict[str, Any]:
        page = client.get(reverse("intake:batch", args=[world.batch.pk])).content.decode()
        [found] = re.findall(r'<script id="upload-settings" type="application/json">(.*?)</script>', page)
        settings: dict[str, Any] = json.loads(found)
        return settings

    def test_it_is_told_where_and_what(self, client: Client, world: World) -> None:
        told = self._settings(client, world)
        assert told["endpoint"] == reverse("intake:tus")
        assert told["max_bytes"] == kinds.largest(None)
        assert told["classes"] == {str(world.group.pk): 1, str(world.other_group.pk): 2}

    def test_what_the_browser_keeps_is_under_a_secret_of_person_and_batch(self, client: Client, world: World) -> None:
        salts = {self._settings(client, world)["salt"]}
        colleague = world.people.hospital_user(world.hospital)
        client.force_login(colleague, backend="django.contrib.auth.backends.ModelBackend")
        salts.add(self._settings(client, world)["salt"])
        assert len(salts) == 2

    def test_the_plain_form_can_be_asked_for(self, client: Client, world: World) -> None:
        page = client.get(reverse("intake:batch", args=[world.batch.pk]), {"plain": "1"}).content.decode()
        assert "upload-settings" not in page
        assert 'type="file" name="files"' in page


def test_the_files_page_offers_withdrawal_until_a_release(client: Client, world: World) -> None:
    file = world.files[Stage.ACCEPTED]
    url = reverse("intake:file", args=[file.pk])
    action = reverse("intake:file_withdraw", args=[file.pk])
    assert action not in client.get(url).content.decode()
    ReleaseItem.objects.all().delete()
    assert action in client.get(url).content.decode()
