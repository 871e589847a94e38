from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from datasets.models import DiagnosisGroup
from intake import names, policies, selectors
from intake.models import WORK_STAGES, Stage, UploadedFile
from tests.world import World

NAME = "jan_kowalski_1950.dcm"


@pytest.fixture
def client(world: World) -> Client:
    UploadedFile.objects.update(sealed_name=names.seal(NAME))
    client = Client()
    client.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_list_counts_what_is_where(client: Client, world: World) -> None:
    [batch] = selectors.with_counts(policies.visible_batches(world.hospital_user))
    assert (batch.file_count, batch.moving, batch.waiting, batch.set_aside, batch.accepted, batch.rejected) == (
        len(Stage),
        len(WORK_STAGES),
        1,
        1,
        1,
        1,
    )
    assert world.batch.title in client.get(reverse("intake:batches")).content.decode()


def test_a_batch_is_opened_for_an_own_hospital_only(client: Client, world: World) -> None:
    data = {"title": "April", "dataset": world.dataset.pk, "hospital": world.hospital.pk}
    response = client.post(reverse("intake:batch_new"), data)
    assert response.status_code == 302
    assert client.get(response["Location"]).status_code == 200
    assert Event.objects.get(action="batch.opened").data["hospital"] == world.hospital.number
    response = client.post(reverse("intake:batch_new"), {**data, "hospital": world.other_hospital.pk})
    assert response.status_code == 200


def test_the_table_shows_own_names_stages_and_reasons_and_polls_while_files_move(client: Client, world: World) -> None:
    url = reverse("intake:batch_files", args=[world.batch.pk])
    page = client.get(url).content.decode()
    assert page.count(NAME) == len(Stage)
    assert "The file is not an image." in page
    assert 'hx-trigger="every 2s, arrived"' in page
    assert f"{len(Stage) - len(WORK_STAGES)} of {len(Stage)} files" in page
    UploadedFile.objects.filter(stage__in=WORK_STAGES).update(stage=Stage.CURATE)
    # Then only what the drop area brings renews it.
    assert 'hx-trigger="arrived"' in client.get(url).content.decode()


def test_the_table_can_be_limited_to_a_stage(client: Client, world: World) -> None:
    url = reverse("intake:batch_files", args=[world.batch.pk])
    page = client.get(url, {"stage": "rejected"}).content.decode()
    assert page.count(NAME) == 1
    # The polling goes on with the same limits.
    assert f'hx-get="{url}?stage=rejected"' in page
    assert client.get(url, {"stage": "nonsense", "page": "99"}).content.decode().count(NAME) == len(Stage)


@pytest.mark.parametrize("route", ["intake:batch", "intake:batch_files", "intake:batches", "api:batch_files"])
def test_queries_do_not_grow_with_the_files(client: Client, world: World, route: str) -> None:
    url = reverse(route, args=[world.batch.pk] if route != "intake:batches" else [])
    counts = []
    for start in (0, 100):
        for number in range(start, start + (1 if start == 0 else 60)):
            UploadedFile.objects.create(
                batch=world.batch,
                hospital=world.hospital,
                group=world.group,
                size=1,
                sha256=f"{number:064d}",
                sealed_name=names.seal("x"),
            )
        with CaptureQueriesContext(connection) as queries:
            client.get(url)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_page_of_a_file_tells_its_story(client: Client, world: World) -> None:
    file = world.files[Stage.REJECTED]
    file.refresh_from_db()
    file.reason_code, file.reason = "text_in_picture", "Top left."
    file.deid_report = {"profile": "P", "removed": [{"attribute": "PatientName", "rule": "r"}]}
    file.save()
    page = client.get(reverse("intake:file", args=[file.pk])).content.decode()
    for words in (NAME, "Something in the picture identifies the patient. Top left.", "PatientName", file.sha256):
        assert words in page
    # After the verdict there is nothing to change.
    assert "<form" not in page.split("<main", 1)[1].split("</main>", 1)[0]


def test_diagnosis_and_patient_can_be_corrected(client: Client, world: World) -> None:
    file = world.files[Stage.CURATE]
    url = reverse("intake:file", args=[file.pk])
    data: dict[str, Any] = {"group": world.other_group.pk, "sex": "M", "age": "93", "smoke": "former"}
    assert client.post(url, {**data, "smoke_packyears": "12.5"}).status_code == 302
    file.refresh_from_db()
    assert (file.group, file.sex, file.age, file.smoke, str(file.smoke_packyears)) == (
        world.other_group,
        "M",
        90,
        "former",
        "12.5",
    )
    assert "Enter a whole number" in client.post(url, {**data, "age": "old"}).content.decode()


def test_a_diagnosis_of_another_dataset_cannot_be_chosen(client: Client, world: World) -> None:
    from datasets.models import Dataset

    other = Dataset.objects.create(slug="other", origin="O", title="Other", agreement=world.agreement)
    group = DiagnosisGroup.objects.create(dataset=other, class_id=1, label="FLU")
    file = world.files[Stage.CURATE]
    response = client.post(reverse("intake:file", args=[file.pk]), {"group": group.pk})
    assert response.status_code == 200
    file.refresh_from_db()
    assert file.group == world.group


def test_withdrawing_and_then_it_is_over(client: Client, world: World) -> None:
    file = world.files[Stage.CURATE]
    client.post(reverse("intake:file_withdraw", args=[file.pk]))
    file.refresh_from_db()
    assert file.stage == Stage.WITHDRAWN
    page = client.post(reverse("intake:file_withdraw", args=[file.pk]), follow=True).content.decode()
    assert "there is nothing to take back" in page


def test_names_are_for_the_own_hospital_only(client: Client, world: World) -> None:
    for name in ("anonymous", "researcher", "granted", "other_hospital", "curator", "manager"):
        user = world.person(name)
        other = Client()
        if user is not None:
            other.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        for route, pk in (
            ("intake:batch", world.batch.pk),
            ("intake:batch_files", world.batch.pk),
            ("intake:file", world.files[Stage.CURATE].pk),
            ("api:batch_files", world.batch.pk),
            ("api:file", world.files[Stage.CURATE].pk),
        ):
            assert NAME not in other.get(reverse(route, args=[pk])).content.decode()


def test_the_policies_and_their_querysets_agree(world: World) -> None:
    for name in ("researcher", "granted", "hospital", "other_hospital", "curator", "manager"):
        user = world.person(name)
        files, batches = set(policies.visible_files(user)), set(policies.visible_batches(user))
        assert policies.may_see_batch(user, world.batch) == (world.batch in batches)
        for file in world.files.values():
            assert policies.may_see_file(user, file) == (file in files)


def test_the_models_need_no_migration(db: None) -> None:
    call_command("makemigrations", "intake", check=True, dry_run=True, verbosity=0)
