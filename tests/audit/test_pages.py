"""The pages of the trail: who may read it reads words, finds one person, one dataset, one image, and takes it along."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import User
from audit import anchoring, selectors
from audit.models import Event
from audit.services import record
from intake.models import Stage
from tests.people import People
from tests.unguarded import unguarded
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client, people: People) -> User:
    user = people.manager()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return user


def rows(client: Client, **query: Any) -> list[tuple[int, str]]:
    """Numbers and actions on the page, the newest first."""
    answer = client.get(reverse("audit:events"), query)
    assert answer.status_code == 200
    return [(line.event.number, line.event.action) for line in answer.context["lines"]]


def actions(client: Client, **query: Any) -> list[str]:
    return [action for _number, action in rows(client, **query)]


def test_events_are_told_in_words(client: Client, manager: User, people: People) -> None:
    record("person.changed", actor=manager, about=people.researcher(), fields=["name", "country"], complete=True)
    page = client.get(reverse("audit:events")).content.decode()
    for words in ("Mona Manager", "changed their own details", "name, country", "<dd>yes</dd>"):
        assert words in page
    with translation.override("pl"):
        assert client.get(reverse("audit:events"), headers={"accept-language": "pl"}).status_code == 200


def test_filters(client: Client, manager: User, world: World) -> None:
    other = world.researcher
    record("request.submitted", actor=other, about=world.request)
    record("role.given", actor=manager, about=other, role="curator")
    record("dataset.changed", actor=manager, about=world.dataset)
    record("archive.built", about=world.archive)
    assert actions(client, person=other.pk) == ["role.given", "request.submitted"]
    assert actions(client, person=other.email.upper()) == ["role.given", "request.submitted"]
    assert actions(client, action="role.given") == ["role.given"]
    assert actions(client, dataset=world.dataset.pk) == ["archive.built", "dataset.changed", "request.submitted"]
    assert actions(client, object=f"datasets.archive:{world.archive.pk}") == ["archive.built"]
    assert actions(client, object=str(world.archive.pk)) == ["archive.built"]
    today = timezone.localdate()
    assert "archive.built" in actions(client, since=today, until=today)
    assert actions(client, since=today + timedelta(days=1)) == []
    assert actions(client, until=today - timedelta(days=1)) == []
    assert actions(client, person=other.pk, action="role.given") == ["role.given"]
    record("grant.revoked", actor=manager, about=world.grant)
    assert actions(client, person=world.granted.pk) == ["grant.revoked"]


@pytest.mark.parametrize(
    "query",
    [
        {"person": "x'; --"},
        {"person": "9" * 30},
        {"object": "%"},
        {"object": "datasets.radiograph:x"},
        {"action": "no.such"},
        {"dataset": "99999"},
        {"since": "yesterday"},
        {"before": "-7"},
        {"after": "9" * 30},
    ],
)
def test_nonsense_in_the_filters_does_no_harm(client: Client, manager: User, query: dict[str, str]) -> None:
    record("person.changed", actor=manager)
    assert client.get(reverse("audit:events"), query).status_code == 200
    assert client.get(reverse("audit:export"), query).status_code in (200, 302)


def test_the_whole_life_of_an_image_whichever_name_it_is_asked_by(client: Client, manager: User, world: World) -> None:
    file = world.files[Stage.ACCEPTED]
    file.refresh_from_db()
    assert file.radiograph is not None
    record("file.received", about=file)
    record("file.accepted", about=file, radiograph=file.radiograph.pk)
    record("radiograph.described", about=file.radiograph)
    record("file.received", about=world.files[Stage.CURATE])
    life = ["radiograph.described", "file.accepted", "file.received"]
    assert actions(client, object=f"intake.uploadedfile:{file.pk}") == life
    assert actions(client, object=f"datasets.radiograph:{file.radiograph.pk}") == life
    page = client.get(reverse("audit:events"), {"object": f"intake.uploadedfile:{file.pk}"}).content.decode()
    assert "The life of an image" in page


def test_pages_by_number(client: Client, manager: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "PAGE", 3)
    numbers = [record("person.changed").number for _ in range(8)]
    shown = {"action": "person.changed"}
    first = client.get(reverse("audit:events"), shown).context["page"]
    assert [event.number for event in first.rows] == numbers[:4:-1]
    assert first.newer is None
    second = client.get(reverse("audit:events"), {**shown, "before": first.older}).context["page"]
    assert [event.number for event in second.rows] == numbers[4:1:-1]
    third = client.get(reverse("audit:events"), {**shown, "before": second.older}).context["page"]
    assert ([event.number for event in third.rows], third.older) == (numbers[1::-1], None)
    back = client.get(reverse("audit:events"), {**shown, "after": third.newer}).context["page"]
    assert [event.number for event in back.rows] == numbers[4:1:-1]
    start = client.get(reverse("audit:events"), {**shown, "after": back.newer}).context["page"]
    assert ([event.number for event in start.rows], start.newer) == (numbers[:4:-1], None)


def test_the_number_of_queries_does_not_grow(client: Client, manager: User, people: People) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("audit:events"))
        assert not any("COUNT" in query["sql"] for query in captured.captured_queries)
        return len(captured)

    record("person.changed", actor=manager, about=manager)
    before = queries()
    for _ in range(20):
        person = people.researcher()
        record("person.changed", actor=person, about=person)
    assert queries() == before


def test_it_outlives_people(client: Client, manager: User, people: People) -> None:
    closed, gone = people.researcher(), people.researcher()
    for person in (closed, gone):
        record("person.changed", actor=person)
    User.objects.filter(pk=closed.pk).update(name="", closed_at=timezone.now(), is_active=False)
    number = gone.pk
    gone.emailaddress_set.all().delete()
    gone.delete()
    page = client.get(reverse("audit:events")).content.decode()
    assert f"closed account #{closed.pk}" in page
    assert f"closed account #{number}" in page
    assert f"closed account #{number}" in client.get(reverse("audit:events"), {"person": number}).content.decode()


def test_the_export_is_streamed_harmless_and_an_event(client: Client, manager: User, people: People) -> None:
    evil = people.person("=HYPERLINK(1)")
    first = record("person.changed", actor=evil, about=evil, fields=["name"])
    answer = client.get(reverse("audit:export"), {"person": evil.pk})
    assert answer.streaming
    table = list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    assert [row["number"] for row in table] == [str(first.number)]
    assert table[0]["person_name"] == "'=HYPERLINK(1)"
    assert table[0]["details"] == '{"fields": ["name"]}'
    assert table[0]["hash"] == first.hash
    event = Event.objects.get(action="audit.exported")
    assert (event.actor_id, event.data) == (manager.pk, {"filters": {"person": evil.pk}})


def test_a_page_of_a_million_is_a_page(client: Client, manager: User) -> None:
    """The export holds a portion in memory, whatever is behind it."""
    for _ in range(5):
        record("person.changed")
    portions = list(selectors.in_chunks(selectors.events(selectors.Filters(action="person.changed")), size=2))
    assert [len(portion) for portion in portions] == [2, 2, 1]


def test_the_page_says_what_the_check_found(client: Client, manager: User) -> None:
    record("person.changed")
    assert "Not checked yet" in client.get(reverse("audit:events")).content.decode()
    anchoring.anchor()
    anchoring.verify()
    page = client.get(reverse("audit:events")).content.decode()
    assert "sound." in page
    assert "Anchored outside the database up to event" in page
    with unguarded(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET action = 'person.added' WHERE action = 'person.changed'")
    anchoring.verify()
    assert "its content was changed." in client.get(reverse("audit:events")).content.decode()
