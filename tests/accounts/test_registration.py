"""Registration and log-in through allauth's pages, as a person with a browser without scripts goes."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.conf import LazySettings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail as outbox
from django.test import Client
from django.urls import reverse

from accounts.countries import localized
from accounts.models import User
from audit.models import Event
from tests.people import PASSWORD, People

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Nina  New",
    "institution": "Example University",
    "country": "PL",
    "purpose": "To learn about lungs.",
    "email": "Nina@Example.org",
    "password1": "battery staple 9",
    "password2": "battery staple 9",
}


def test_register_confirm_and_log_in(client: Client) -> None:
    page = client.get(reverse("account_signup"))
    for field in FORM:
        assert f'name="{field}"' in page.content.decode()
    answer = client.post(reverse("account_signup"), FORM)
    assert answer["Location"] == reverse("account_email_verification_sent")
    user = User.objects.get()
    assert (user.email, user.name, user.institution, user.country, user.purpose) == (
        "nina@example.org",
        "Nina New",
        "Example University",
        "PL",
        "To learn about lungs.",
    )
    credentials = {"login": "nina@example.org", "password": FORM["password1"]}
    client.post(reverse("account_login"), credentials)
    assert "_auth_user_id" not in client.session, "an unconfirmed address does not log in"
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", str(outbox.outbox[0].body))
    assert link is not None
    assert outbox.outbox[0].to == ["nina@example.org"]
    assert "CXR Commons" in str(outbox.outbox[0].body)
    assert "example.com" not in str(outbox.outbox[0].body)
    client.get(link[1])
    assert not EmailAddress.objects.get().verified, "a mail scanner that follows links confirms nothing"
    client.post(link[1])
    assert EmailAddress.objects.get().verified
    client.post(reverse("account_login"), credentials)
    assert client.session["_auth_user_id"] == str(user.pk)
    client.post(reverse("account_logout"))
    assert "_auth_user_id" not in client.session
    actions = list(Event.objects.order_by("number").values_list("action", flat=True))
    assert actions == ["person.registered", "person.email_confirmed", "person.logged_in", "person.logged_out"]
    assert set(Event.objects.values_list("actor_id", flat=True)) == {user.pk}


@pytest.mark.parametrize("missing", ["name", "institution", "country", "purpose", "email", "password1"])
def test_everything_is_asked_for(client: Client, missing: str) -> None:
    answer = client.post(reverse("account_signup"), {**FORM, missing: " " if missing != "country" else ""})
    assert answer.status_code == 200
    assert missing in answer.context["form"].errors
    assert not User.objects.exists()


def test_nothing_tells_whether_an_address_is_registered(client: Client, people: People) -> None:
    known = people.researcher()
    answers = [
        client.post(reverse("account_signup"), {**FORM, "email": email}) for email in (known.email, "new@example.org")
    ]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert User.objects.filter(email=known.email).count() == 1
    assert sorted(message.to[0] for message in outbox.outbox) == sorted(["new@example.org", known.email])
    answers = [client.post(reverse("account_reset_password"), {"email": e}) for e in (known.email, "no@example.org")]
    assert answers[0]["Location"] == answers[1]["Location"]


def test_a_registered_address_takes_the_same_work(
    client: Client, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most of the time goes into hashing the password; without it the answer for a known address came at once."""
    known = people.researcher()
    hashed: list[str] = []

    def encode(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return "md5$a$b"

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    for email in (known.email, "new@example.org"):
        hashed.clear()
        client.post(reverse("account_signup"), {**FORM, "email": email})
        assert len(hashed) == 1


def test_a_failed_log_in_is_recorded_without_the_address(client: Client, people: People) -> None:
    known = people.researcher()
    for email in (known.email, "nobody@example.org"):
        client.post(reverse("account_login"), {"login": email, "password": "wrong"})
    first, second = Event.objects.filter(action="person.login_failed").order_by("number")
    assert (first.object_id, second.object_id) == (str(known.pk), "")
    assert "@" not in str(list(Event.objects.values()))


def test_guessing_is_slowed_down(client: Client, people: People) -> None:
    known = people.researcher()
    for _ in range(12):
        client.post(reverse("account_login"), {"login": known.email, "password": "wrong"})
    client.post(reverse("account_login"), {"login": known.email, "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_countries_are_named_in_the_page_language(client: Client) -> None:
    page = client.get(reverse("account_signup"), headers={"accept-language": "pl"}).content.decode()
    assert '<option value="DE">Niemcy</option>' in page
    assert '<option value="DE">Germany</option>' in client.get(reverse("account_signup")).content.decode()
    names = [name for _code, name in localized("pl")]
    assert names.index("Luksemburg") < names.index("Łotwa") < names.index("Malta")


def test_mails_come_in_the_language_of_the_last_log_in(client: Client, people: People) -> None:
    user = people.researcher()
    client.post(
        reverse("account_login"), {"login": user.email, "password": PASSWORD}, headers={"accept-language": "pl"}
    )
    user.refresh_from_db()
    assert user.language == "pl"


def test_a_provider_that_is_not_configured_is_not_there(client: Client, settings: LazySettings) -> None:
    settings.SOCIALACCOUNT_ADAPTER = "accounts.adapter.SocialAccountAdapter"
    assert client.get(reverse("orcid_login")).status_code == 404
    assert client.get(reverse("orcid_callback")).status_code == 404
