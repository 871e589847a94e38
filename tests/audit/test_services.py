import pytest
from django.db import transaction

from audit.chain import FIRST_HASH
from audit.models import Event
from audit.services import record
from audit.verification import Verification
from tests.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(people: People) -> list[Event]:
    user = people.manager()
    return [record("test.done", actor=user, about=user, count=number, text="zażółć") for number in range(1, 6)]


def test_events_are_numbered_and_chained(trail: list[Event]) -> None:
    assert [event.number for event in trail] == [1, 2, 3, 4, 5]
    assert trail[0].previous_hash == FIRST_HASH
    assert [event.previous_hash for event in trail[1:]] == [event.hash for event in trail[:-1]]
    assert list(Verification()) == []


def test_the_actor_is_an_id_that_outlives_the_person(people: People) -> None:
    user = people.researcher()
    number = user.pk
    record("test.done", actor=user)
    user.emailaddress_set.all().delete()
    user.delete()
    assert Event.objects.get().actor_id == number
    assert list(Verification()) == []


def test_an_event_goes_with_the_transaction_that_it_belongs_to(people: People) -> None:
    with transaction.atomic():
        record("test.done")
        transaction.set_rollback(True)
    assert Event.objects.count() == 0
