"""Somebody who owns the database: first the triggers stand in the way, and where they were taken away, it is found."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit import anchoring, anchors
from audit.chain import FIELDS, FIRST_HASH, Row, digest
from audit.models import Event
from audit.services import record
from audit.triggers import guard_stands, lower_guard
from audit.verification import Verification, last_result
from tests.people import People
from tests.unguarded import unguarded

pytestmark = pytest.mark.django_db


def sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def trail(people: People) -> list[Event]:
    """Six events, the fourth of them anchored; two more after that are not."""
    user = people.manager()
    events = [record("test.done", actor=user, about=user, count=number, text="zażółć") for number in range(1, 5)]
    assert anchors.write() is not None
    return [*events, record("test.done", actor=user), record("test.undone", actor=user)]


INSERT = (
    "INSERT {way} INTO audit_event (number, at, actor_id, action, object_type, object_id, data, previous_hash, hash) "
    "SELECT {number}, at, actor_id, action, object_type, object_id, data, previous_hash, {hash} FROM audit_event "
    "WHERE number = 3"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET action = 'test.undone' WHERE number = 3",
        "UPDATE audit_event SET id = id + 1000",
        "DELETE FROM audit_event WHERE number = 6",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
        INSERT.format(way="OR REPLACE", number=3, hash="'f'"),
        INSERT.format(way="OR REPLACE", number=99, hash="hash"),
        INSERT.format(way="", number=3, hash="'f'") + " ON CONFLICT (number) DO UPDATE SET action = 'test.undone'",
    ],
)
def test_the_database_refuses_to_change_what_was_recorded(trail: list[Event], statement: str) -> None:
    before = list(Event.objects.order_by("number").values())
    with pytest.raises(DatabaseError), transaction.atomic():
        sql(statement)
    assert list(Event.objects.order_by("number").values()) == before


def test_the_refusal_has_a_reason(trail: list[Event]) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Event.objects.filter(number=3).update(action="test.undone")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Event.objects.get(number=3).delete()


def test_triggers_that_are_gone_are_missed(trail: list[Event]) -> None:
    assert list(Verification()) == []
    lower_guard(connection)
    assert list(Verification()) == [
        "The database does not refuse changes to the trail: its triggers are missing or switched off."
    ]


def test_a_trigger_that_has_only_the_name_is_found(trail: list[Event]) -> None:
    assert guard_stands(connection)
    if connection.vendor == "postgresql":
        sql(
            "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
        )
    else:
        sql(
            "DROP TRIGGER audit_event_no_delete",
            "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event WHEN 0 BEGIN SELECT 1; END",
        )
    assert not guard_stands(connection)
    assert "its triggers are missing" in str(list(Verification()))


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["UPDATE audit_event SET action = 'test.undone' WHERE number = 3"], "Event 3: its content was changed."),
        (["UPDATE audit_event SET actor_id = 99 WHERE number = 2"], "Event 2: its content was changed."),
        (["UPDATE audit_event SET actor_id = NULL WHERE number = 2"], "Event 2: its content was changed."),
        (["UPDATE audit_event SET data = '{}' WHERE number = 4"], "Event 4: its content was changed."),
        (["UPDATE audit_event SET dataset_id = 7 WHERE number = 4"], "Event 4: its content was changed."),
        (["UPDATE audit_event SET at = '2020-01-01 00:00:00' WHERE number = 3"], "Event 3: its content was changed."),
        (["DELETE FROM audit_event WHERE number IN (2, 3)"], "Event 4: events 2 to 3 are missing."),
        (["DELETE FROM audit_event WHERE number = 1"], "Event 2: events 1 to 1 are missing."),
        (
            ["DELETE FROM audit_event WHERE number = 3", "UPDATE audit_event SET number = number - 1 WHERE number > 3"],
            "Event 3: it does not follow from the event before it.",
        ),
        (
            [
                "UPDATE audit_event SET number = 0 WHERE number = 2",
                "UPDATE audit_event SET number = 2 WHERE number = 3",
                "UPDATE audit_event SET number = 3 WHERE number = 0",
            ],
            "Event 2: its content was changed.",
        ),
        (["DELETE FROM audit_event WHERE number > 3"], "its end was cut off"),
        (["DELETE FROM audit_event"], "its end was cut off"),
    ],
)
def test_tampering_is_found(trail: list[Event], statements: list[str], fault: str) -> None:
    assert list(Verification()) == []
    with unguarded():
        sql(*statements)
    assert any(fault in line for line in Verification()), list(Verification())
    with pytest.raises(CommandError):
        call_command("verify_audit", stderr=StringIO())


def _rechained(forge: Callable[[Row], str], change: Callable[[Row], Row], first: int = 3) -> None:
    """Changes event `first` and chains it and all after it anew, as `forge` computes hashes."""
    previous = Event.objects.get(number=first - 1).hash if first > 1 else FIRST_HASH
    for event in Event.objects.filter(number__gte=first).order_by("number"):
        row = Row(*(getattr(event, name) for name in FIELDS))._replace(previous_hash=previous)
        row = change(row) if row.number == first else row
        previous = forge(row)
        Event.objects.filter(pk=event.pk).update(**row._asdict(), hash=previous)


def test_rows_chained_anew_without_the_key_are_found(trail: list[Event], settings: LazySettings) -> None:
    from hashlib import sha256

    with unguarded():
        _rechained(lambda row: sha256(repr(row).encode()).hexdigest(), lambda row: row._replace(actor_id=99))
    assert [line for line in Verification() if "content" in line] == [
        f"Event {number}: its content was changed." for number in (3, 4, 5, 6)
    ]


def test_rows_chained_anew_with_the_key_contradict_the_anchors(trail: list[Event]) -> None:
    with unguarded():
        _rechained(digest, lambda row: row._replace(actor_id=99))
    (line,) = Verification()
    assert line.startswith("Event 4: it is not the one that was anchored on ")
    with pytest.raises(anchors.AnchorMismatchError):
        anchors.write()


def test_a_number_given_twice_is_found(trail: list[Event]) -> None:
    """A database whose constraint was dropped: here two rows swap what the constraint would refuse."""
    rows: list[Any] = list(Event.objects.order_by("number").values_list(*FIELDS, "hash"))
    rows.insert(3, rows[2])
    found = list(_over(rows))
    assert "Event 3: there are two with this number." in found


def _over(rows: list[Any]) -> list[str]:
    from unittest.mock import patch

    with patch("django.db.models.query.QuerySet.iterator", lambda *args, **kwargs: iter(rows)):
        return list(Verification())


def test_a_forged_row_without_the_key_is_found(trail: list[Event]) -> None:
    """Who can write to the database but has no key can't continue the chain."""
    Event.objects.create(number=7, action="test.done", previous_hash=trail[-1].hash, hash="f" * 64)
    assert list(Verification()) == ["Event 7: its content was changed."]


def test_an_end_that_was_not_anchored_yet_is_found_by_a_line_that_was_kept(trail: list[Event]) -> None:
    kept = f"6:{trail[-1].hash}"
    call_command("verify_audit", anchor=[kept], stdout=StringIO())
    with unguarded():
        sql("DELETE FROM audit_event WHERE number > 4")
    assert list(Verification()) == []
    errors = StringIO()
    with pytest.raises(CommandError, match="1 faults"):
        call_command("verify_audit", anchor=[kept], stderr=errors)
    assert "Event 6 is not the one that you kept" in errors.getvalue()


def test_since_leaves_out_what_was_before(trail: list[Event]) -> None:
    with unguarded():
        sql("UPDATE audit_event SET actor_id = 99 WHERE number = 2")
    assert list(Verification(since=3)) == []
    later = Verification(since=3)
    list(later)
    assert (later.events, later.last) == (4, 6)
    with unguarded():
        sql("DELETE FROM audit_event WHERE number > 3")
    assert "its end was cut off" in str(list(Verification(since=3)))
    assert "its end was cut off" in str(list(Verification(since=5)))


class TestAnchors:
    @pytest.fixture
    def anchored(self, trail: list[Event]) -> list[dict[str, Any]]:
        """Three anchors, and an event that speaks of two of them."""
        anchors.write()
        anchoring.anchor()
        assert list(Verification()) == []
        lines = [json.loads(line) for line in anchors.path().read_text().splitlines()]
        assert [line["number"] for line in lines] == [4, 6, 7]
        assert Event.objects.get(number=7).data == {"anchors": 2, "mac": lines[1]["mac"][:16]}
        return lines

    def write(self, lines: list[dict[str, Any]]) -> None:
        anchors.path().write_text("".join(json.dumps(line) + "\n" for line in lines))

    def test_a_file_that_is_gone_is_missed(self, anchored: list[dict[str, Any]]) -> None:
        anchors.path().unlink()
        assert "The file of anchors is gone" in str(list(Verification()))
        assert "The file of anchors is gone" in str(list(Verification(since=8)))

    def test_a_file_that_was_shortened_is_found(self, anchored: list[dict[str, Any]]) -> None:
        self.write(anchored[:1])
        assert list(Verification()) == ["The file of anchors has 1 lines; the trail says that it had 2 already."]

    def test_a_line_that_was_changed_is_found(self, anchored: list[dict[str, Any]]) -> None:
        self.write([anchored[0], {**anchored[1], "hash": "0" * 64}, anchored[2]])
        assert "Line 2 of the anchors was changed, or lines before it are missing." in list(Verification())

    def test_a_line_that_was_taken_out_is_found(self, anchored: list[dict[str, Any]]) -> None:
        self.write([anchored[0], anchored[2]])
        assert "Line 2 of the anchors was changed, or lines before it are missing." in list(Verification())

    def test_a_file_that_is_gone_does_not_begin_anew_by_itself(
        self, anchored: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its anchors the trail could lose its end, and the next anchors would agree with what is left."""
        monkeypatch.setattr(anchoring, "_DAY", timedelta(0))
        record("test.done")
        anchors.path().unlink()
        with unguarded():
            sql("DELETE FROM audit_event WHERE number > 7")
        for _ in range(3):
            record("test.done")
            assert anchoring.anchor() is None
            assert "The file of anchors is gone" in mail.outbox[-1].body
            assert "The file of anchors is gone" in str(list(Verification()))
        assert Event.objects.filter(action="audit.anchored").count() == 1
        with pytest.raises(CommandError, match="The file of anchors is gone"):
            call_command("anchor_audit")
        with pytest.raises(anchors.AnchorMismatchError):
            anchors.write()

    def test_every_promise_of_the_trail_counts_and_not_the_newest_alone(self, anchored: list[dict[str, Any]]) -> None:
        anchors.path().unlink()
        with unguarded():  # a new file, and an event that speaks of it, as somebody makes them who has the key
            sql("DELETE FROM audit_event WHERE number > 7")
        at = timezone.now().isoformat()
        last = Event.objects.get(number=7)
        self.write([{"number": 7, "hash": last.hash, "at": at, "mac": anchors._mac(7, last.hash, at, "")}])
        record("audit.anchored", anchors=1, mac=anchors.read()[0][0].mac[:16])
        for _ in range(2):
            last, previous = Event.objects.get(number=8), anchors.read()[0][-1].mac
            mac = anchors._mac(8, last.hash, at, previous)
            lines = [json.loads(line) for line in anchors.path().read_text().splitlines()]
            self.write([*lines, {"number": 8, "hash": last.hash, "at": at, "mac": mac}])
        fault = "The file of anchors is another one than the trail speaks of."
        assert list(Verification()) == [fault]
        assert list(Verification(since=8)) == [fault]
        with pytest.raises(anchors.AnchorMismatchError, match="another one"):
            anchors.write()

    def test_nonsense_is_found_and_the_next_anchor_written(self, anchored: list[dict[str, Any]]) -> None:
        with anchors.path().open("a") as file:
            file.write('{"number": 9, "ha')
        record("test.done")
        assert anchors.write() is not None
        assert list(Verification()) == ["Line 4 of the anchors was changed, or lines before it are missing."]

    def test_nothing_new_is_not_anchored_again(self, anchored: list[dict[str, Any]]) -> None:
        assert anchors.write() is None
        anchoring.anchor()
        assert len(anchors.path().read_text().splitlines()) == 3

    def test_a_restored_backup_begins_anew(self, anchored: list[dict[str, Any]]) -> None:
        with unguarded():
            sql("DELETE FROM audit_event WHERE number > 3")
        with pytest.raises(CommandError, match="Event 7"):
            call_command("anchor_audit")
        call_command("anchor_audit", restart=True, stdout=StringIO())
        assert list(Verification()) == []
        assert Event.objects.latest("number").action == "audit.anchors_restarted"
        assert len(list(anchors.path().parent.glob("anchors-until-*.jsonl"))) == 1

    def test_the_line_of_the_day_goes_by_mail(self, trail: list[Event], settings: LazySettings) -> None:
        settings.CXR_ANCHOR_MAIL = ["notary@example.org"]
        anchoring.anchor()
        anchoring.anchor()
        (letter,) = mail.outbox
        assert letter.to == ["notary@example.org"]
        newest = anchors.read()[0][-1]
        assert f"{newest.number}:{newest.hash}" in letter.body

    def test_a_trail_that_contradicts_its_anchor_is_told_at_once(self, anchored: list[dict[str, Any]]) -> None:
        with unguarded():
            sql("DELETE FROM audit_event WHERE number > 5")
        anchoring.anchor()
        (letter,) = mail.outbox
        assert "Event 7 was anchored" in letter.body
        assert len(anchors.path().read_text().splitlines()) == 3

    def test_many_events_are_anchored_before_the_hour(
        self, settings: LazySettings, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from audit import tasks

        settings.CXR_ANCHOR_EVERY = 3
        monkeypatch.setattr(tasks.anchor, "delay", tasks.anchor)
        with django_capture_on_commit_callbacks(execute=True):
            for _ in range(4):
                record("test.done")
        assert [anchor.number for anchor in anchors.read()[0]] == [4]


class TestTheScheduledCheck:
    def test_faults_go_to_the_data_managers(self, trail: list[Event], people: People) -> None:
        assert anchoring.verify().sound
        assert mail.outbox == []
        with unguarded():
            sql("UPDATE audit_event SET actor_id = 99 WHERE number = 2")
        anchoring.verify()
        (letter,) = mail.outbox
        assert "Event 2: its content was changed." in letter.body
        result = last_result()
        assert result is not None
        assert (result.faults, result.words) == (1, ["Event 2: its content was changed."])
        assert (timezone.now() - result.at).total_seconds() < 60

    def test_a_result_that_somebody_mended_is_not_believed(self, trail: list[Event]) -> None:
        with unguarded():
            sql("UPDATE audit_event SET actor_id = 99 WHERE number = 2")
        anchoring.verify()
        file = anchors.path().with_name("check.json")
        file.write_text(file.read_text().replace('\\"faults\\": 1', '\\"faults\\": 0'))
        assert last_result() is None


def test_changed_settings_are_recorded_by_name(settings: LazySettings) -> None:
    assert anchoring.note_settings() is not None
    assert anchoring.note_settings() is None
    settings.CXR_RETENTION_DAYS = 4321
    event = anchoring.note_settings()
    assert event is not None
    assert event.data["changed"] == ["CXR_RETENTION_DAYS"]
    assert "4321" not in str(event.data["changed"])
    assert not any(name.endswith(("_URL", "_KEY")) for name in event.data["fingerprints"])
