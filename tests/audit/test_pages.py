import pytest
from django.test import Client
from django.urls import reverse

from audit.services import record
from tests.people import People

pytestmark = pytest.mark.django_db


def test_a_data_manager_filters_the_trail(client: Client, people: People) -> None:
    manager, other = people.manager(), people.researcher()
    record("test.first", actor=manager, about=other, count=3)
    record("test.second", actor=other)
    client.force_login(manager, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("audit:events")).content.decode()
    assert "test.first" in page
    assert "test.second" in page
    page = client.get(reverse("audit:events"), {"action": "test.first"}).content.decode()
    assert "count: 3" in page
    assert "<code>test.second</code>" not in page


def test_nonsense_in_the_filters_does_no_harm(client: Client, people: People) -> None:
    client.force_login(people.manager(), backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse("audit:events"), {"person": "x'; --", "page": "-7", "id": "%"})
    assert answer.status_code == 200
    assert "Nothing was recorded" in answer.content.decode()
