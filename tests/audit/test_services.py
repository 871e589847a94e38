import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.models import Event
from audit.services import FIRST_HASH, faults, record
from tests.people import People
from tests.unguarded import unguarded

pytestmark = pytest.mark.django_db


def _tamper(sql: str) -> None:
    with unguarded(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def trail(people: People) -> list[Event]:
    user = people.manager()
    return [record("test.done", actor=user, about=user, count=number, text="zażółć") for number in range(1, 6)]


def test_events_are_numbered_and_chained(trail: list[Event]) -> None:
    assert [event.number for event in trail] == [1, 2, 3, 4, 5]
    assert trail[0].previous_hash == FIRST_HASH
    assert [event.previous_hash for event in trail[1:]] == [event.hash for event in trail[:-1]]
    assert list(faults()) == []


def test_the_actor_is_an_id_that_outlives_the_person(people: People) -> None:
    user = people.researcher()
    number = user.pk
    record("test.done", actor=user)
    user.emailaddress_set.all().delete()
    user.delete()
    assert Event.objects.get().actor_id == number
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("UPDATE audit_event SET action = 'test.undone' WHERE number = 3", "Event 3: its content was changed."),
        ("UPDATE audit_event SET actor_id = 99 WHERE number = 2", "Event 2: its content was changed."),
        ("UPDATE audit_event SET data = '{}' WHERE number = 5", "Event 5: its content was changed."),
        ("DELETE FROM audit_event WHERE number IN (2, 3)", "Event 4: events 2 to 3 are missing."),
        ("DELETE FROM audit_event WHERE number = 1", "Event 2: events 1 to 1 are missing."),
    ],
)
def test_tampering_is_found(trail: list[Event], sql: str, fault: str) -> None:
    _tamper(sql)
    assert fault in list(faults())
    with pytest.raises(CommandError):
        call_command("verify_audit")


def test_a_forged_row_without_the_key_is_found(trail: list[Event]) -> None:
    """Who can write to the database but has no key can't continue the chain."""
    last = trail[-1]
    Event.objects.create(number=6, action="test.done", previous_hash=last.hash, hash="f" * 64)
    assert list(faults()) == ["Event 6: its content was changed."]


def test_an_event_goes_with_the_transaction_that_it_belongs_to(people: People) -> None:
    from django.db import transaction

    with transaction.atomic():
        record("test.done")
        transaction.set_rollback(True)
    assert Event.objects.count() == 0
