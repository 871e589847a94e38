"""Nothing tells a stranger whether an address is registered; the mail tells its owner."""

import re
import smtplib
import subprocess
import sys
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail as outbox
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from accounts import mail, tasks
from tests.accounts.test_details import FORM
from tests.people import PASSWORD, People

pytestmark = pytest.mark.django_db
UNKNOWN = "nobody@example.org"


def _words(client: Client, answer: Any, address: str) -> tuple[int, str, str]:
    """Status, where it leads, and all that the page says there, without the address itself and the form's token."""
    location = answer.get("Location", "")
    page = (client.get(location) if location else answer).content.decode()
    page = re.sub(r"\b[A-Za-z0-9]{64}\b", "TOKEN", page)
    return answer.status_code, location, page.replace(address, "ADDRESS")


@pytest.mark.parametrize(
    ("route", "field"),
    [("account_signup", "email"), ("account_reset_password", "email"), ("account_request_login_code", "email")],
)
def test_a_known_and_an_unknown_address_get_the_same_words(people: People, route: str, field: str) -> None:
    known = people.researcher().email
    said, mailed = [], []
    for address in (known, UNKNOWN):
        outbox.outbox.clear()
        client = Client()
        form = {**FORM, field: address} if route == "account_signup" else {field: address}
        said.append(_words(client, client.post(reverse(route), form), address))
        mailed.append([(message.to, message.subject) for message in outbox.outbox])
    assert said[0] == said[1]
    assert said[0][0] == 302
    # One mail each, and it says to the owner what is the case.
    assert [[to for to, _subject in sent] for sent in mailed] == [[[known]], [[UNKNOWN]]]
    assert mailed[0] != mailed[1]


def test_a_wrong_password_says_the_same_for_everybody(people: People) -> None:
    known = people.researcher().email
    said = []
    for address in (known, UNKNOWN):
        client = Client()
        answer = client.post(reverse("account_login"), {"login": address, "password": "wrong"})
        said.append(_words(client, answer, address))
    assert said[0] == said[1]


def test_a_further_address_of_somebody_else_is_taken_in_the_same_words(people: People) -> None:
    known = people.researcher().email
    said = []
    for address in (known, UNKNOWN):
        client = Client()
        client.post(reverse("account_login"), {"login": people.researcher().email, "password": PASSWORD})
        client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
        own = client.get(reverse("account_email")).context["user"].email
        answer = client.post(reverse("account_email"), {"action_add": "", "email": address})
        status, location, page = _words(client, answer, address)
        said.append((status, location, re.sub(r"person\d+@example\.org", "OWN", page.replace(own, "OWN"))))
    assert said[0] == said[1]
    assert said[0][0] == 302
    assert [message.to for message in outbox.outbox if "onfirm" in message.subject] == [[known], [UNKNOWN]]


def test_an_unknown_code_signs_nobody_in(people: People) -> None:
    client = Client()
    client.post(reverse("account_request_login_code"), {"email": UNKNOWN})
    assert client.get(reverse("account_confirm_login_code")).status_code == 200
    client.post(reverse("account_confirm_login_code"), {"code": ""})
    client.post(reverse("account_confirm_login_code"), {"code": "AAAA-AAAA"})
    assert "_auth_user_id" not in client.session


def test_a_mailed_code_signs_in(people: People) -> None:
    user, client = people.researcher(), Client()
    client.post(reverse("account_request_login_code"), {"email": user.email})
    code = re.search(r"^([A-Z0-9]+-[A-Z0-9]+|[A-Z0-9]{6,})$", str(outbox.outbox[-1].body), re.MULTILINE)
    assert code is not None
    client.post(reverse("account_confirm_login_code"), {"code": "WRNG-CODE"})
    assert "_auth_user_id" not in client.session
    client.post(reverse("account_confirm_login_code"), {"code": code[1]})
    assert client.session["_auth_user_id"] == str(user.pk)


def test_limits_hold_for_every_process(people: People, settings: LazySettings) -> None:
    """What one process counts stands in Valkey, where the others read it."""
    address = people.researcher().email
    for _ in range(3):
        Client().post(reverse("account_request_login_code"), {"email": address})
    assert len(outbox.outbox) == 3
    refused = Client().post(reverse("account_request_login_code"), {"email": address})
    assert "too many" in str(refused.context["form"].errors).lower()
    assert len(outbox.outbox) == 3
    # Another process, which shares nothing but the server behind the cache's address, finds the counts.
    ask = "import sys, valkey; print(len(valkey.Valkey(unix_socket_path=sys.argv[1], db=1).keys('cxr:*allauth:rl*')))"
    found = subprocess.run(
        [sys.executable, "-c", ask, str(settings.CXR_VALKEY_SOCKET)], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) > 0
    cache.clear()
    assert Client().post(reverse("account_request_login_code"), {"email": address}).status_code == 302


def test_a_mail_server_that_is_away_breaks_no_page_and_loses_no_mail(
    people: People, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker gets the mail sealed; `send_sealed_mail` is what it runs."""
    known = people.researcher().email
    queued: list[str] = []
    real = EmailMessage.send

    def away(message: EmailMessage, fail_silently: bool = False) -> int:
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(EmailMessage, "send", away)
    monkeypatch.setattr(tasks.send_sealed_mail, "delay", queued.append)
    said = []
    for address in (known, UNKNOWN):
        said.append(_words(client, client.post(reverse("account_reset_password"), {"email": address}), address))
    assert said[0] == said[1]
    assert len(queued) == 2
    assert known not in str(queued)
    assert mail.unseal(queued[0])["to"] == known
    with pytest.raises(smtplib.SMTPServerDisconnected):
        tasks.send_sealed_mail(queued[0])
    monkeypatch.setattr(EmailMessage, "send", real)
    tasks.send_sealed_mail(queued[0])
    (message,) = outbox.outbox
    assert message.to == [known]
    assert "/accounts/password/reset/key/" in message.body
    # Not even a broker that is away as well lets the page tell who was written to.
    monkeypatch.setattr(EmailMessage, "send", away)
    monkeypatch.setattr(tasks.send_sealed_mail, "delay", _no_broker)
    answer = client.post(reverse("account_reset_password"), {"email": known})
    assert answer["Location"] == reverse("account_reset_password_done")


def _no_broker(sealed: str) -> None:
    raise OperationalError
