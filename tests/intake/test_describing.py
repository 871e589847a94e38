"""Tables for batches: files that are there, files that still come, and what is dropped on the way."""

import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pydicom
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from datasets.models import Radiograph, ReleaseItem
from intake import descriptions, services
from intake.models import DescriptionRow, Stage, UploadBatch, UploadedFile
from intake.services import stages
from intake.services.duplicates import settle_instance
from tests.intake.conftest import PERSON
from tests.intake.test_tables import workbook
from tests.world import World

State = DescriptionRow.State
Send = Callable[..., UploadedFile]


@pytest.fixture
def batch(world: World) -> UploadBatch:
    """An empty batch."""
    return UploadBatch.objects.create(
        hospital=world.hospital, dataset=world.dataset, user=world.hospital_user, title="April"
    )


@pytest.fixture
def client(world: World) -> Client:
    client = Client()
    client.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _apply(batch: UploadBatch, text: str, world: World) -> services.Plan:
    return services.apply_table(batch, text.encode(), user=world.hospital_user)


def _now(file: UploadedFile) -> tuple[Any, ...]:
    file.refresh_from_db()
    return file.group.class_id if file.group else None, file.sex, file.age, file.smoke


def _inspect(file: UploadedFile) -> UploadedFile:
    """What a worker does, without the stages that come after."""
    outcome = stages._inspect(UploadedFile.objects.select_related("hospital").get(pk=file.pk))
    row = UploadedFile.objects.get(pk=file.pk)
    outcome.apply(row)
    row.stage = Stage.CURATE if row.group_id else Stage.DESCRIBE
    row.save()
    return row


class TestFilesThatCome:
    def test_by_name_by_path_and_with_what_was_said_for_all(self, world: World, batch: UploadBatch, send: Send) -> None:
        table = "filename,class,sex,age,smoke\nx/a.dcm,2,F,40,\ny/a.dcm,1,M,50,no\nb.dcm,2,,,\n"
        assert _apply(batch, table, world).waiting == 3
        sent = [
            send(name.encode(), name, batch, group=None, demographics={"smoke": "yes"})
            for name in ("march/x/a.dcm", "march/y/A.dcm", "b.dcm", "c.dcm")
        ]
        assert [_now(file) for file in sent] == [
            (2, "F", 40, "yes"),
            (1, "M", 50, "no"),
            (2, "", None, "yes"),
            (None, "", None, "yes"),
        ]
        assert set(batch.descriptions.values_list("state", flat=True)) == {State.DONE}

    def test_by_sop_instance_uid_at_inspection(
        self, world: World, batch: UploadBatch, send: Send, dicom: bytes
    ) -> None:
        uid = str(pydicom.dcmread(io.BytesIO(dicom), stop_before_pixels=True).SOPInstanceUID)
        plan = _apply(batch, f"sop uid,class,sex,patient\n{uid},2,M,77\n", world)
        assert plan.waiting == 1
        file = send(dicom, "", batch, group=None)
        assert _now(file)[0] is None
        row = _inspect(file)
        # What the header knows fills gaps; what it says otherwise is shown.
        assert _now(row) == (2, "M", PERSON_AGE, "")
        assert row.patient_key_hash == services.patients.identify(*_hospital(world), "77").key_hash
        # People may change it afterwards: a file that is inspected once more keeps that.
        UploadedFile.objects.filter(pk=row.pk).update(sex="F")
        assert _now(_inspect(row))[1] == "F"

    def test_an_age_is_worked_out_from_the_header_and_the_date_of_birth_dropped(
        self, world: World, batch: UploadBatch, send: Send, dicom: bytes
    ) -> None:
        _apply(batch, "filename,class,data urodzenia\na.dcm,1,03.01.1990\n", world)
        file = send(dicom, "a.dcm", batch, group=None)
        row = batch.descriptions.get()
        assert row.state == State.DATE
        assert descriptions.content(row).born == date(1990, 1, 3)  # type: ignore[union-attr]
        _inspect(file)
        assert _now(file)[2] == (PERSON.seen - date(1990, 1, 3)).days // 365
        row.refresh_from_db()
        assert row.state == State.DONE
        assert descriptions.content(row).born is None  # type: ignore[union-attr]

    def test_without_a_date_in_the_header_the_age_stays_open(
        self, world: World, batch: UploadBatch, send: Send, jpeg: bytes
    ) -> None:
        _apply(batch, "filename,class,born\na.jpg,1,03.01.1990\n", world)
        file = _inspect(send(jpeg, "a.jpg", batch, group=None))
        row = batch.descriptions.get()
        assert (row.state, file.age) == (State.UNDATED, None)
        assert descriptions.content(row).born is None  # type: ignore[union-attr]

    def test_a_second_file_of_the_name_stops_the_first(self, world: World, batch: UploadBatch, send: Send) -> None:
        """Nobody knows which one the row means: none may reach a curator with it."""
        _apply(batch, "filename,class\na.dcm,2\n", world)
        first = send(b"one", "x/a.dcm", batch, group=None)
        UploadedFile.objects.filter(pk=first.pk).update(stage=Stage.CURATE)
        second = send(b"two", "y/a.dcm", batch, group=None)
        assert (_now(first)[0], _now(second)[0]) == (None, None)
        assert first.stage == Stage.DESCRIBE
        assert batch.descriptions.get().state == State.SEVERAL
        # A table with the folders mends it.
        _apply(batch, "filename,class\nx/a.dcm,1\ny/a.dcm,2\n", world)
        assert (_now(first)[0], _now(second)[0], first.stage) == (1, 2, Stage.CURATE)

    def test_the_same_file_sent_again_after_a_break_takes_nothing_away(
        self, world: World, batch: UploadBatch, send: Send
    ) -> None:
        _apply(batch, "filename,class\nx/a.dcm,2\n", world)
        first = send(b"one", "x/a.dcm", batch, group=None)
        UploadedFile.objects.filter(pk=first.pk).update(sha256="")  # it came in pieces and was not read yet
        again = send(b"one", "x/a.dcm", batch, group=None)
        assert (_now(first)[0], _now(again)[0]) == (2, 2)

    def test_a_file_sent_anew_for_one_that_was_withdrawn_is_described(
        self, world: World, batch: UploadBatch, send: Send
    ) -> None:
        _apply(batch, "filename,class\na.dcm,2\n", world)
        services.withdraw(send(b"one", "a.dcm", batch, group=None), world.hospital_user)
        assert _now(send(b"two", "a.dcm", batch, group=None))[0] == 2


PERSON_AGE = (PERSON.seen - PERSON.born).days // 365


def _hospital(world: World) -> tuple[int, int]:
    return world.hospital.pk, world.hospital.number


class TestFilesThatAreThere:
    def test_they_are_described_and_go_on(self, world: World, batch: UploadBatch, send: Send) -> None:
        files = [send(name.encode(), name, batch, group=None) for name in ("a.dcm", "b.dcm", "c.dcm")]
        UploadedFile.objects.filter(pk=files[0].pk).update(stage=Stage.DESCRIBE, sex="F", smoke="yes")
        plan = _apply(batch, "filename,class,sex,age\na.dcm,2,,33\nb.dcm,,M,\n", world)
        assert (len(plan.files), plan.waiting, plan.undescribed, plan.changed) == (2, 0, 1, 2)
        assert [_now(file) for file in files[:2]] == [(2, "F", 33, "yes"), (None, "M", None, "")]
        assert files[0].stage == Stage.CURATE

    def test_by_sop_instance_uid(self, world: World, batch: UploadBatch, send: Send) -> None:
        file = send(b"one", "", batch, group=None)
        settle_instance(file, "1.2.840.99.1")
        _apply(batch, "SOP Instance UID;wiek\n1.2.840.99.1;33\n", world)
        assert _now(file)[2] == 33

    def test_two_of_one_name_are_a_problem_until_the_folder_is_written(
        self, world: World, batch: UploadBatch, send: Send
    ) -> None:
        files = [send(name.encode(), name, batch, group=None) for name in ("x/a.dcm", "y/a.dcm")]
        plan = _apply(batch, "filename,class\na.dcm,2\n", world)
        assert [(problem.row, problem.column) for problem in plan.problems] == [(2, "filename")]
        assert not batch.descriptions.exists()
        _apply(batch, "ścieżka;klasa\nD:\\march\\y\\a.dcm;2\nD:\\march\\x\\a.dcm;1\n", world)
        assert [_now(file)[0] for file in files] == [1, 2]

    def test_an_age_is_read_from_the_original_by_a_worker(
        self,
        world: World,
        batch: UploadBatch,
        send: Send,
        dicom: bytes,
        broker: Any,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        file = _inspect(send(dicom, "a.dcm", batch))
        with django_capture_on_commit_callbacks(execute=True):
            _apply(batch, "filename,birth_date\na.dcm,1990-01-03\n", world)
        (task, arguments), *_more = [one for one in broker() if "age" in one[0]]
        assert (task, arguments) == ("intake.tasks.work_out_age", [batch.descriptions.get().pk])
        services.work_out_age(*arguments)
        assert _now(file)[2] == (PERSON.seen - date(1990, 1, 3)).days // 365
        assert descriptions.content(batch.descriptions.get()).born is None  # type: ignore[union-attr]
        services.work_out_age(*arguments)  # twice is once

    def test_a_lost_task_is_sent_again(
        self, world: World, batch: UploadBatch, send: Send, dicom: bytes, broker: Any
    ) -> None:
        _inspect(send(dicom, "a.dcm", batch))
        _apply(batch, "filename,birth_date\na.dcm,1990-01-03\n", world)
        broker()
        assert services.publish_lost_ages() == 0
        batch.descriptions.update(created_at=timezone.now() - timedelta(hours=1))
        assert services.publish_lost_ages() == 1
        assert [task for task, _arguments in broker()] == ["intake.tasks.work_out_age"]

    def test_what_the_header_says_otherwise_is_noted(
        self, world: World, batch: UploadBatch, send: Send, dicom: bytes
    ) -> None:
        _inspect(send(dicom, "a.dcm", batch))
        plan = services.plan_table(batch, f"filename,sex,age\na.dcm,M,{PERSON_AGE + 20}\n".encode())
        assert [(note.row, note.column) for note in plan.notes] == [(2, "sex"), (2, "age")]
        assert plan.problems == []

    def test_a_picture_has_no_date_for_the_age(self, world: World, batch: UploadBatch, send: Send, jpeg: bytes) -> None:
        _inspect(send(jpeg, "a.jpg", batch))
        assert [problem.column for problem in _apply(batch, "filename,born\na.jpg,1990-01-03\n", world).problems] == [
            "born"
        ]
        assert _apply(batch, "filename,born,exam date\na.jpg,1990-01-03,2020-01-02\n", world).applied
        assert batch.files.get().age == 29

    def test_another_patient_means_another_pseudonym(
        self, world: World, batch: UploadBatch, send: Send, dicom: bytes
    ) -> None:
        file = _inspect(send(dicom, "a.dcm", batch))
        _apply(batch, "filename,patient\na.dcm,another\n", world)
        file.refresh_from_db()
        assert file.stage == Stage.DEIDENTIFY

    def test_the_same_patient_of_two_tables_is_one(self, world: World, batch: UploadBatch, send: Send) -> None:
        _apply(batch, "filename,patient\na.dcm,77\n", world)
        waiting = batch.descriptions.get().patient_key_hash
        file = send(b"two", "b.dcm", patient_key="77")
        assert file.patient_key_hash == waiting
        assert send(b"one", "a.dcm", batch).patient_key_hash == waiting


class TestAccepted:
    def test_what_was_missing_goes_into_the_next_release(self, world: World) -> None:
        file = world.files["accepted"]
        _name(file, "a.png")
        frozen = ReleaseItem.objects.get().metadata
        plan = _apply(world.batch, 'filename,class,smoke,smoke_packyears,wiek\na.png,1,former,"12,5",95\n', world)
        assert (plan.problems, plan.changed) == ([], 1)
        radiograph = Radiograph.objects.get(pk=world.radiograph.pk)
        assert (radiograph.sex, radiograph.age, radiograph.smoke, str(radiograph.smoke_packyears)) == (
            "F",
            90,
            "former",
            "12.5",
        )
        assert ReleaseItem.objects.get().metadata == frozen
        event = Event.objects.get(action="radiograph.described")
        assert (event.actor_id, event.data) == (world.hospital_user.pk, {"fields": ["age", "smoke", "smoke_packyears"]})

    def test_the_diagnosis_stays(self, world: World) -> None:
        _name(world.files["accepted"], "a.png")
        plan = _apply(world.batch, "filename,class,patient\na.png,2,77\n", world)
        assert [problem.column for problem in plan.problems] == ["class"]
        assert [note.column for note in plan.notes] == ["patient"]
        assert Radiograph.objects.get().group == world.group

    def test_by_page(self, client: Client, world: World) -> None:
        url = reverse("intake:file", args=[world.files["accepted"].pk])
        page = client.get(url).content.decode()
        assert "goes into the next release" in page
        assert 'name="group"' not in page
        client.post(url, {"sex": "F", "age": "62", "smoke": "no", "smoke_packyears": ""})
        row = Radiograph.objects.get(pk=world.radiograph.pk)
        assert (row.sex, row.age, row.smoke, row.smoke_packyears) == ("F", 62, "no", None)

    def test_what_was_withdrawn_stays_as_it_is(self, world: World) -> None:
        _name(world.files["accepted"], "a.png")
        Radiograph.objects.update(status=Radiograph.Status.WITHDRAWN)
        assert _apply(world.batch, "filename,age\na.png,70\n", world).waiting == 1
        with pytest.raises(services.IntakeError):
            services.describe_accepted(world.files["accepted"], {"age": 70}, user=world.hospital_user)
        assert Radiograph.objects.get().age == 61


def _name(file: UploadedFile, name: str) -> None:
    from intake import names

    UploadedFile.objects.filter(pk=file.pk).update(sealed_name=names.seal(name))


def test_a_new_table_takes_the_place_of_what_waits(world: World, batch: UploadBatch, send: Send) -> None:
    file = send(b"one", "a.dcm", batch)
    _apply(batch, "filename,sex\na.dcm,F\nb.dcm,F\n", world)
    _apply(batch, "filename,sex\nc.dcm,M\n", world)
    assert [descriptions.content(row).name for row in batch.descriptions.all()] == ["a.dcm", "c.dcm"]  # type: ignore[union-attr]
    assert _now(file)[1] == "F"


def test_the_table_of_a_form_adds_to_that_of_the_batch(
    client: Client, world: World, batch: UploadBatch, send: Send
) -> None:
    _apply(batch, "filename,sex\nx/a.dcm,F\nb.dcm,F\n", world)
    client.post(
        reverse("intake:batch", args=[batch.pk]),
        {
            "files": [SimpleUploadedFile("b.dcm", b"two")],
            "group": world.group.pk,
            "table": SimpleUploadedFile("t.xlsx", workbook(["Nazwa pliku", "Wiek"], ["b.dcm", 40])),
        },
    )
    assert (batch.files.get().age, batch.files.get().sex) == (40, "")
    assert _now(send(b"one", "x/a.dcm", batch))[1] == "F"


def test_nothing_in_the_database_names_anybody(world: World, batch: UploadBatch, send: Send, caplog: Any) -> None:
    table = (
        "filename,patient,born,exam date\nkowalski/jan.dcm,770131,1950-01-31,2020-05-17\nnowak.dcm,770132,1951-02-28,\n"
    )
    _apply(batch, table, world)
    send(b"one", "kowalski/jan.dcm", batch)
    kept = json.dumps(
        [*DescriptionRow.objects.values(), *UploadedFile.objects.values(), *Event.objects.values()], default=str
    )
    for secret in ("kowalski", "nowak", "77013", "1950", "1951", "2020-05-17"):
        assert secret not in kept
        assert secret not in caplog.text


def test_rows_go_with_the_names(world: World, batch: UploadBatch, send: Send, settings: Any) -> None:
    _apply(batch, "filename,sex\na.dcm,F\nb.dcm,F\n", world)
    send(b"one", "a.dcm", batch)
    assert services.purge_rows() == 0
    batch.descriptions.update(created_at=timezone.now() - timedelta(days=settings.CXR_NAME_RETENTION_DAYS + 1))
    assert services.purge_rows() == 1
    batch.files.update(sealed_name="")
    assert services.purge_rows() == 1


def test_many_rows_take_few_queries(world: World, batch: UploadBatch, send: Send) -> None:
    def count(rows: int) -> int:
        text = "filename,patient,class\n" + "".join(f"{n}/a.dcm,{n},1\n" for n in range(rows))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert _apply(batch, text, world).applied
        return len(queries)

    for number in range(3):
        send(b"%d" % number, f"{number}/a.dcm", batch)
    assert count(200) < 40


class TestPages:
    def test_check_then_apply(self, client: Client, world: World, batch: UploadBatch, send: Send) -> None:
        file = send(b"one", "a.dcm", batch, group=None)
        url = reverse("intake:table", args=[batch.pk])
        table = SimpleUploadedFile("t.csv", b"filename,class,age\na.dcm,2,30\nb.dcm,1,\n")
        checked = client.post(url, {"table": table})
        assert "Nothing is changed yet" in checked.content.decode()
        assert (_now(file)[0], batch.descriptions.count()) == (None, 0)
        token = checked.context["checked"]
        assert client.post(url, {"checked": token}).status_code == 302
        assert _now(file)[0] == 2
        page = client.get(url).content.decode()
        assert "b.dcm" in page
        assert "waits for its file" in page.lower()
        # Once, and by nobody else.
        assert "too long ago" in client.post(url, {"checked": token}, follow=True).content.decode()

    def test_problems_are_shown_and_nothing_can_be_applied(self, client: Client, batch: UploadBatch) -> None:
        response = client.post(
            reverse("intake:table", args=[batch.pk]), {"table": SimpleUploadedFile("t.csv", b"filename,wiek\na,x\n")}
        )
        page = response.content.decode()
        assert "<code>wiek</code>" in page
        assert response.context["checked"] == ""
        assert "Choose" not in str(response.cookies)

    def test_the_workbook_has_the_files(self, client: Client, batch: UploadBatch, send: Send) -> None:
        from intake import tables

        send(b"one", "x/a.dcm", batch, demographics={"age": 50})
        content = client.get(
            reverse("intake:table_template", args=[batch.pk]), headers={"accept-language": "pl"}
        ).content
        table = tables.read(content, batch.dataset.groups.all())
        assert [(row.name, row.demographics) for row in table.rows] == [("x/a.dcm", {"age": 50})]
        assert table.columns["sex"] == "płeć"

    def test_by_program(self, client: Client, world: World, batch: UploadBatch, send: Send) -> None:
        file = send(b"one", "a.dcm", batch, group=None)
        url = reverse("api:batch_table", args=[batch.pk])

        def post(content: bytes, query: str = "") -> Any:
            return client.post(url + query, {"table": SimpleUploadedFile("t", content)})

        dry = post(b"filename,class\na.dcm,2\nb.dcm,1\n", "?dry_run=1")
        assert dry.status_code == 200
        counts = {key: value for key, value in dry.json().items() if key not in ("notes", "problems")}
        assert list(counts.items()) == [
            ("applied", False),
            ("rows", 2),
            ("files", 1),
            ("waiting", 1),
            ("undescribed", 0),
            ("changed", 0),
        ]
        assert _now(file)[0] is None
        wrong = post(b"filename,class\na.dcm,9\n")
        assert wrong.status_code == 400
        assert [(problem["row"], problem["column"]) for problem in wrong.json()["problems"]] == [(2, "class")]
        done = post(workbook(["filename", "class"], ["a.dcm", 2]))
        assert (done.status_code, done.json()["applied"], done.json()["changed"]) == (200, True, 1)
        assert _now(file)[0] == 2
        assert client.post(url).status_code == 400
