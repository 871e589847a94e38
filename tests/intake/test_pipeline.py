"""The state machine with stand-ins for the work itself, so that every way in which it can go is tried."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from imaging.formats import Refused
from intake import candidates, quarantine, services
from intake.models import WORK_STAGES, Stage, StageRun, UploadedFile
from intake.services import pipeline, stages, upkeep
from intake.services.stages import Outcome
from tests.world import World

Send = Callable[..., UploadedFile]
Work = Callable[[UploadedFile], Outcome]


class WorkerKilled(BaseException):
    """Stands for SIGKILL: nothing that the program does with exceptions runs for it."""


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Callable[[Stage, Work], None]:
    """Replaces the work of a stage; at first every stage succeeds and does nothing."""

    def replace(stage: Stage, how: Work) -> None:
        monkeypatch.setitem(stages.WORK, stage, how)

    for stage in WORK_STAGES:
        replace(stage, lambda file: Outcome({"ok": True}, lambda row: None))
    return replace


def _kill(file: UploadedFile) -> Outcome:
    raise WorkerKilled


def _fail(file: UploadedFile) -> Outcome:
    raise RuntimeError("Jan Kowalski 1950-01-01")


def _reload(file: UploadedFile) -> UploadedFile:
    return UploadedFile.objects.get(pk=file.pk)


def _statuses(file: UploadedFile) -> list[tuple[str, int, str]]:
    return list(file.runs.order_by("pk").values_list("stage", "attempt", "status"))


def test_the_whole_way(
    work: Any, send: Send, broker: Any, world: World, django_capture_on_commit_callbacks: Any
) -> None:
    file = send(b"bytes")
    for number, stage in enumerate(WORK_STAGES):
        assert _reload(file).stage == stage
        with django_capture_on_commit_callbacks(execute=True):
            services.run_stage(str(file.pk), f"task {number}")
        published = [("intake.tasks.run_stage", [str(file.pk)])] if stage != Stage.ASSESS else []
        assert broker() == published
    done = _reload(file)
    assert (done.stage, done.claimed_by, done.claimed_until, done.attempts) == (Stage.CURATE, "", None, 0)
    assert _statuses(file) == [(stage, 1, "done") for stage in WORK_STAGES]
    run = file.runs.first()
    assert run is not None
    assert run.result["ok"] is True
    assert run.result["ms"] >= 0
    assert run.finished_at is not None
    events = Event.objects.filter(action="stage.done", object_id=str(file.pk)).order_by("number")
    assert [event.data["stage"] for event in events] == list(WORK_STAGES)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in WORK_STAGES])
def test_a_file_that_waits_or_is_through_is_left_alone(work: Any, world: World, stage: Stage) -> None:
    services.run_stage(world.files[stage].pk, "task")
    assert _reload(world.files[stage]).stage == stage


def test_a_file_without_diagnosis_waits_for_it_and_then_for_a_curator(work: Any, send: Send, world: World) -> None:
    file = send(b"bytes", group=None)
    for _ in WORK_STAGES:
        services.run_stage(file.pk, "t1")
    assert _reload(file).stage == Stage.DESCRIBE
    services.update_file(file, user=world.hospital_user, group=None, demographics={"age": 50})
    assert (_reload(file).stage, _reload(file).age) == (Stage.DESCRIBE, 50)
    services.update_file(file, user=world.hospital_user, group=world.group, demographics={})
    assert _reload(file).stage == Stage.CURATE


def test_an_unknown_file_is_nothing_to_do(db: None) -> None:
    services.run_stage("00000000-0000-0000-0000-000000000000", "task")


def test_a_second_task_leaves_a_claimed_stage_alone(work: Any, send: Send) -> None:
    file = send(b"bytes")

    def meanwhile(row: UploadedFile) -> Outcome:
        services.run_stage(file.pk, "second")
        assert _statuses(file) == [("inspect", 1, "running")]
        return Outcome({}, lambda row: None)

    work(Stage.INSPECT, meanwhile)
    services.run_stage(file.pk, "first")
    assert _statuses(file) == [("inspect", 1, "done")]


def test_redelivery_after_a_killed_worker_goes_on_at_once(work: Any, send: Send) -> None:
    """The broker gives the same task out again, long before the lease would have run out."""
    file = send(b"bytes")
    work(Stage.INSPECT, _kill)
    with pytest.raises(WorkerKilled):
        services.run_stage(file.pk, "task")
    assert _statuses(file) == [("inspect", 1, "running")]
    work(Stage.INSPECT, lambda row: Outcome({}, lambda row: None))
    services.run_stage(file.pk, "task")
    assert _statuses(file) == [("inspect", 1, "lost"), ("inspect", 2, "done")]
    assert _reload(file).stage == Stage.DEIDENTIFY


def test_a_lost_task_is_taken_over_when_its_lease_is_over(work: Any, send: Send) -> None:
    file = send(b"bytes")
    work(Stage.INSPECT, _kill)
    with pytest.raises(WorkerKilled):
        services.run_stage(file.pk, "gone")
    work(Stage.INSPECT, lambda row: Outcome({}, lambda row: None))
    services.run_stage(file.pk, "too early")
    assert _reload(file).stage == Stage.INSPECT
    UploadedFile.objects.filter(pk=file.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
    services.run_stage(file.pk, "in time")
    assert _statuses(file) == [("inspect", 1, "lost"), ("inspect", 2, "done")]


def test_a_file_that_kills_its_workers_is_set_aside(work: Any, send: Send, settings: Any) -> None:
    file = send(b"poison")
    work(Stage.INSPECT, _kill)
    for _ in range(settings.CXR_STAGE_MAX_ATTEMPTS):
        with pytest.raises(WorkerKilled):
            services.run_stage(file.pk, "task")
    services.run_stage(file.pk, "task")
    aside = _reload(file)
    assert (aside.stage, aside.reason_code) == (Stage.SET_ASIDE, "worker_lost")
    assert [status for _, _, status in _statuses(file)] == ["lost"] * settings.CXR_STAGE_MAX_ATTEMPTS
    assert quarantine.exists(file.pk)
    event = Event.objects.get(action="file.set_aside")
    assert event.data == {"stage": "inspect", "code": "worker_lost"}


def test_a_refused_file_is_set_aside_with_its_reason(work: Any, send: Send) -> None:
    def refuse(row: UploadedFile) -> Outcome:
        raise Refused("truncated")

    file = send(b"bytes")
    work(Stage.INSPECT, refuse)
    services.run_stage(file.pk, "task")
    aside = _reload(file)
    assert (aside.stage, aside.reason_code, aside.reason) == (
        Stage.SET_ASIDE,
        "truncated",
        Refused("truncated").message,
    )
    assert _statuses(file) == [("inspect", 1, "refused")]


def test_an_unexpected_error_is_tried_again_and_keeps_its_words_to_itself(
    work: Any, send: Send, settings: Any, broker: Any, caplog: Any, django_capture_on_commit_callbacks: Any
) -> None:
    file = send(b"bytes")
    work(Stage.INSPECT, _fail)
    for attempt in range(1, settings.CXR_STAGE_MAX_ATTEMPTS):
        with django_capture_on_commit_callbacks(execute=True):
            services.run_stage(file.pk, f"task {attempt}")
        row = _reload(file)
        assert (row.stage, row.attempts, row.claimed_by) == (Stage.INSPECT, attempt, "")
        assert broker() == [("intake.tasks.run_stage", [str(file.pk)])]
    services.run_stage(file.pk, "the last")
    aside = _reload(file)
    assert (aside.stage, aside.reason_code) == (Stage.SET_ASIDE, "internal_error")
    assert set(file.runs.values_list("status", "reason_code", "reason")) == {
        ("failed", "internal_error", "RuntimeError")
    }
    assert "Kowalski" not in caplog.text
    assert "Kowalski" not in str(list(Event.objects.values()))


def test_a_blob_that_was_changed_is_set_aside(send: Send) -> None:
    """With the real inspection: the bytes are checked before anything is parsed."""
    file = send(b"bytes")
    UploadedFile.objects.filter(pk=file.pk).update(sha256="0" * 64)
    services.run_stage(file.pk, "task")
    assert _reload(file).reason_code == "damaged"


class TestLateWorkers:
    """One whose lease ran out, or whose file was withdrawn, finishes after all: it changes nothing."""

    def test_after_another_one_took_over(self, work: Any, send: Send) -> None:
        file = send(b"bytes")

        def slow(row: UploadedFile) -> Outcome:
            UploadedFile.objects.filter(pk=file.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
            work(Stage.INSPECT, lambda row: Outcome({"by": "second"}, lambda row: setattr(row, "facts", {"by": 2})))
            services.run_stage(file.pk, "second")
            return Outcome({"by": "first"}, lambda row: setattr(row, "facts", {"by": 1}))

        work(Stage.INSPECT, slow)
        services.run_stage(file.pk, "first")
        assert _reload(file).facts == {"by": 2}
        assert _statuses(file) == [("inspect", 1, "lost"), ("inspect", 2, "done")]

    @pytest.mark.parametrize("ending", ["done", "refused", "failed"])
    def test_after_the_file_was_withdrawn(
        self, work: Any, send: Send, world: World, ending: str, django_capture_on_commit_callbacks: Any, var: Any
    ) -> None:
        file = send(b"bytes")

        def withdrawn(row: UploadedFile) -> Outcome:
            services.withdraw(file, world.hospital_user)
            late = var / "late.png"
            late.write_bytes(b"picture")
            candidates.store(file.pk, "preview.png", late)
            if ending == "refused":
                raise Refused("truncated")
            if ending == "failed":
                raise RuntimeError
            return Outcome({}, lambda row: setattr(row, "facts", {"late": True}))

        work(Stage.INSPECT, withdrawn)
        with django_capture_on_commit_callbacks(execute=True):
            services.run_stage(file.pk, "task")
        row = _reload(file)
        assert (row.stage, row.facts) == (Stage.WITHDRAWN, {})
        assert _statuses(file) == [("inspect", 1, "failed")]
        assert file.pk not in list(candidates.folders())


class TestSweep:
    @pytest.fixture
    def waiting(self, send: Send, world: World) -> UploadedFile:
        UploadedFile.objects.filter(stage__in=WORK_STAGES).update(stage=Stage.CURATE)
        file = send(b"bytes")
        UploadedFile.objects.filter(pk=file.pk).update(stage_since=timezone.now() - timedelta(minutes=1))
        return file

    def test_a_lost_task_is_published_again_once(self, waiting: UploadedFile, broker: Any) -> None:
        assert services.sweep() == 1
        assert broker() == [("intake.tasks.run_stage", [str(waiting.pk)])]
        # A long queue is no reason to publish it anew every half minute.
        assert services.sweep() == 0
        assert broker() == []

    def test_it_is_published_once_more_when_that_was_lost_too(self, waiting: UploadedFile, broker: Any) -> None:
        services.sweep()
        UploadedFile.objects.filter(pk=waiting.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert services.sweep() == 1

    def test_what_was_published_again_can_be_worked_on(self, waiting: UploadedFile, work: Any, broker: Any) -> None:
        services.sweep()
        services.run_stage(waiting.pk, "task")
        assert _reload(waiting).stage == Stage.DEIDENTIFY

    def test_a_fresh_file_is_left_to_its_own_task(self, waiting: UploadedFile, broker: Any) -> None:
        UploadedFile.objects.filter(pk=waiting.pk).update(stage_since=timezone.now())
        assert services.sweep() == 0

    def test_a_file_that_is_worked_on_is_left_alone(self, waiting: UploadedFile, work: Any, broker: Any) -> None:
        work(Stage.INSPECT, _kill)
        with pytest.raises(WorkerKilled):
            services.run_stage(waiting.pk, "task")
        assert services.sweep() == 0
        UploadedFile.objects.filter(pk=waiting.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert services.sweep() == 1
        assert _reload(waiting).claimed_by == ""

    def test_the_broker_away_leaves_it_for_the_next_time(
        self, waiting: UploadedFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(upkeep, "publish", lambda pk: False)
        assert services.sweep() == 0
        assert _reload(waiting).claimed_until is None


class TestRetry:
    def test_back_to_the_stage_that_failed_with_all_attempts(
        self, work: Any, send: Send, world: World, settings: Any
    ) -> None:
        file = send(b"bytes")
        services.run_stage(file.pk, "task")
        work(Stage.DEIDENTIFY, _fail)
        for number in range(settings.CXR_STAGE_MAX_ATTEMPTS):
            services.run_stage(file.pk, f"task {number}")
        assert _reload(file).stage == Stage.SET_ASIDE
        row = services.retry(file, world.curator)
        assert (row.stage, row.attempts, row.reason_code, row.reason) == (Stage.DEIDENTIFY, 0, "", "")
        work(Stage.DEIDENTIFY, lambda row: Outcome({}, lambda row: None))
        services.run_stage(file.pk, "once more")
        assert _reload(file).stage == Stage.SEGMENT

    def test_not_what_somebody_dealt_with(self, world: World) -> None:
        with pytest.raises(services.IntakeError):
            services.retry(world.files[Stage.REJECTED], world.curator)

    def test_not_without_the_original_that_it_takes(self, world: World) -> None:
        file = world.files[Stage.SET_ASIDE]
        UploadedFile.objects.filter(pk=file.pk).update(purged_at=timezone.now())
        with pytest.raises(services.IntakeError):
            services.retry(file, world.curator)


class TestPurge:
    def _age(self, file: UploadedFile, days: int) -> None:
        then = timezone.now() - timedelta(days=days)
        UploadedFile.objects.filter(pk=file.pk).update(received_at=then, stage_since=then)

    @pytest.mark.parametrize("stage", [Stage.CURATE, Stage.SET_ASIDE])
    def test_what_waits_for_a_person_is_kept_until_the_retention_time(
        self, send: Send, settings: Any, stage: Stage
    ) -> None:
        file = send(b"bytes", "name.dcm")
        UploadedFile.objects.filter(pk=file.pk).update(stage=stage)
        self._age(file, settings.CXR_RETENTION_DAYS - 1)
        services.purge()
        assert quarantine.exists(file.pk)
        assert _reload(file).sealed_name
        self._age(file, settings.CXR_RETENTION_DAYS + 1)
        services.purge()
        row = _reload(file)
        assert not quarantine.exists(file.pk)
        assert (row.stage, row.sealed_name) == (stage, "")
        assert row.purged_at is not None

    def test_a_file_stuck_in_the_pipeline_says_why_it_cannot_go_on(self, send: Send, settings: Any) -> None:
        file = send(b"bytes")
        self._age(file, settings.CXR_RETENTION_DAYS + 1)
        services.purge()
        row = _reload(file)
        assert (row.stage, row.reason_code) == (Stage.SET_ASIDE, "original_purged")

    def test_what_no_longer_needs_the_original_goes_on(self, send: Send, settings: Any) -> None:
        file = send(b"bytes")
        UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.SEGMENT)
        self._age(file, settings.CXR_RETENTION_DAYS + 1)
        services.purge()
        row = _reload(file)
        assert (row.stage, row.purged_at is None) == (Stage.SEGMENT, False)

    def test_what_was_to_be_painted_anew_does_not_come_back_unpainted(
        self, send: Send, world: World, settings: Any
    ) -> None:
        """The last run is one of the pass before."""
        file = send(b"bytes")
        file.runs.create(stage=Stage.ASSESS, attempt=1, task_id="task", status="done")
        UploadedFile.objects.filter(pk=file.pk).update(
            stage=Stage.DEIDENTIFY, text_boxes=[], deid_report={"output": {"name": "image.dcm"}}
        )
        self._age(file, settings.CXR_RETENTION_DAYS + 1)
        services.purge()
        with pytest.raises(services.IntakeError, match="destroyed"):
            services.retry(_reload(file), world.curator)

    def test_names_outlive_the_verdict_for_a_while(self, send: Send, settings: Any) -> None:
        file = send(b"bytes", "name.dcm")
        UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.REJECTED)
        services.purge()
        assert _reload(file).sealed_name
        self._age(file, settings.CXR_NAME_RETENTION_DAYS + 1)
        assert services.purge()["names"] == 1
        assert _reload(file).sealed_name == ""

    def test_what_the_verdict_left_behind_goes_after_all(self, send: Send, world: World) -> None:
        file = send(b"bytes")
        UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.ACCEPTED)
        services.purge()
        assert not quarantine.exists(file.pk)
        assert world.files[Stage.ACCEPTED].pk not in list(candidates.folders())
        assert world.files[Stage.CURATE].pk in list(candidates.folders())


def test_close_running_leaves_finished_runs_alone(world: World) -> None:
    file = world.files[Stage.INSPECT]
    StageRun.objects.create(file=file, stage="inspect", attempt=2, task_id="t")
    pipeline.close_running(file, StageRun.Status.LOST, "worker_lost")
    assert [status for _, _, status in _statuses(file)] == ["done", "lost"]
