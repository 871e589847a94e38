"""Signing in by ORCID or an institute's OpenID Connect, and the list of sessions."""

import base64
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import LazySettings
from django.core import mail as outbox
from django.test import Client, RequestFactory
from django.urls import reverse
from oidc_provider_mock import run_server_in_thread  # type: ignore[import-untyped]

from accounts.models import User
from audit.models import Event
from tests.people import PASSWORD, People

ORCID = "0000-0002-1825-0097"
PROVIDERS: dict[str, Any] = {
    "orcid": {"APPS": [{"client_id": "APP-1", "secret": "s"}]},
    "openid_connect": {
        "APPS": [
            {
                "provider_id": "institute",
                "name": "Our institute",
                "client_id": "cxr",
                "secret": "s",
                "settings": {"server_url": "https://id.example.org/.well-known/openid-configuration"},
            }
        ]
    },
}


@pytest.fixture
def providers(settings: LazySettings) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = PROVIDERS


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_configured_providers_are_offered(client: Client) -> None:
    page = client.get(reverse("account_login")).content.decode()
    assert "Our institute" in page
    assert reverse("openid_connect_login", args=["institute"]) in page
    answer = client.post(reverse("orcid_login"))
    assert answer["Location"].startswith("https://orcid.org/oauth/authorize?client_id=APP-1")
    assert client.get(reverse("orcid_login")).status_code == 200, "a link alone starts nothing"


@pytest.mark.django_db
@pytest.mark.usefixtures("providers")
def test_whoever_comes_by_orcid_registers_like_everybody(client: Client) -> None:
    provider = get_adapter().get_provider(RequestFactory().get("/"), "orcid")
    account = SocialAccount(provider="orcid", uid=ORCID, extra_data={})
    login = SocialLogin(account=account, user=User(), provider=provider)
    session = client.session
    session["socialaccount_sociallogin"] = login.serialize()
    session.save()
    page = client.get(reverse("socialaccount_signup")).content.decode()
    assert ORCID in page
    form = {"email": "nina@example.org", "name": "Nina New", "institution": "University", "country": "PL"}
    assert "purpose" in client.post(reverse("socialaccount_signup"), form).context["form"].errors
    answer = client.post(reverse("socialaccount_signup"), {**form, "purpose": "Lungs.", "orcid": "0000-0002-1694-233X"})
    assert answer["Location"] == reverse("account_email_verification_sent"), "the address has to be confirmed first"
    user = User.objects.get()
    assert (user.orcid, user.name, user.has_usable_password()) == (ORCID, "Nina New", False)
    assert user.affiliation is not None
    assert SocialAccount.objects.get().user == user
    assert outbox.outbox[0].to == ["nina@example.org"]
    assert Event.objects.filter(action="person.registered", actor_id=user.pk).count() == 1


def test_the_other_sessions_end_at_the_press_of_a_button(people: People) -> None:
    user, here, there = people.researcher(), Client(), Client(headers={"user-agent": "Another browser"})
    for client in (here, there):
        client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
        client.get(reverse("accounts:profile"))
    page = here.get(reverse("usersessions_list")).content.decode()
    assert "Another browser" in page
    assert "Sign out other sessions" in page
    here.post(reverse("usersessions_list"))
    assert here.get(reverse("accounts:profile")).status_code == 200
    assert there.get(reverse("accounts:profile")).status_code == 302


@dataclass
class Institute:
    """A provider of OpenID Connect, spoken to over HTTP as by a browser and by the portal."""

    address: str
    token_requests: list[dict[str, list[str]]] = field(default_factory=list)

    def knows(self, subject: str, **claims: Any) -> None:
        requests.put(f"{self.address}/users/{quote(subject)}", json=claims, timeout=5).raise_for_status()

    def sign_in(self, client: Client, subject: str, process: str = "login") -> Any:
        """Goes to the provider, signs in there as `subject` and comes back; returns the portal's answer."""
        begin = client.post(f"{reverse('openid_connect_login', args=['institute'])}?process={process}")
        asked = parse_qs(urlsplit(begin["Location"]).query)
        back = requests.post(begin["Location"], data={"sub": subject}, allow_redirects=False, timeout=5)
        answer = client.get(back.headers["Location"])
        verifier = self.token_requests[-1]["code_verifier"][0]
        digest = hashlib.sha256(verifier.encode()).digest()
        assert asked["code_challenge"] == [base64.urlsafe_b64encode(digest).decode().rstrip("=")]
        assert asked["code_challenge_method"] == ["S256"]
        return answer


@pytest.fixture(scope="module")
def running() -> Iterator[Institute]:
    with run_server_in_thread() as server:
        institute, inner = Institute(f"http://localhost:{server.server_port}"), server.app

        def listening(environ: dict[str, Any], start_response: Any) -> Any:
            if environ["PATH_INFO"] == "/oauth2/token":
                body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                environ["wsgi.input"] = io.BytesIO(body)
                institute.token_requests.append(parse_qs(body.decode()))
            return inner(environ, start_response)

        server.app = listening
        yield institute


@pytest.fixture
def institute(running: Institute, settings: LazySettings) -> Institute:
    app = {**PROVIDERS["openid_connect"]["APPS"][0], "settings": {"server_url": running.address}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    return running


FORM = {"name": "Nina New", "institution": "University", "country": "PL", "purpose": "Lungs."}


@pytest.mark.django_db
def test_whoever_comes_by_an_institute_registers_and_comes_back(institute: Institute, client: Client) -> None:
    institute.knows("nina", email="nina@example.org", email_verified=True, given_name="Nina", family_name="New")
    assert institute.sign_in(client, "nina")["Location"] == reverse("socialaccount_signup")
    form = client.get(reverse("socialaccount_signup")).context["form"]
    assert (form["email"].value(), form["name"].value()) == ("nina@example.org", "Nina New")
    refused = client.post(reverse("socialaccount_signup"), {"email": "nina@example.org", "name": "Nina New"})
    assert {"institution", "purpose", "country"} <= refused.context["form"].errors.keys()
    client.post(reverse("socialaccount_signup"), {"email": "nina@example.org", **FORM})
    user = User.objects.get()
    assert (user.institution, user.purpose, user.has_usable_password()) == ("University", "Lungs.", False)
    assert SocialAccount.objects.get().uid == "nina"
    again = Client()
    institute.sign_in(again, "nina")
    assert again.session["_auth_user_id"] == str(user.pk)
    assert User.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("verified", [False, True])
def test_an_address_at_the_provider_opens_nobodys_account(
    institute: Institute, client: Client, people: People, verified: bool
) -> None:
    """Whatever the provider says about it: the account's own way in has to be used first, then connected."""
    user = people.researcher()
    institute.knows(f"thief{verified}", email=user.email, email_verified=verified)
    institute.sign_in(client, f"thief{verified}")
    client.post(reverse("socialaccount_signup"), {"email": user.email, **FORM})
    assert "_auth_user_id" not in client.session
    assert not SocialAccount.objects.exists()
    assert User.objects.get() == user
    assert outbox.outbox[-1].to == [user.email], "the owner is told that there is an account"


@pytest.mark.django_db
def test_a_new_address_has_to_be_confirmed_unless_the_provider_has(institute: Institute, client: Client) -> None:
    institute.knows("paul", email="paul@example.org", email_verified=False)
    institute.sign_in(client, "paul")
    answer = client.post(reverse("socialaccount_signup"), {"email": "paul@example.org", **FORM})
    assert answer["Location"] == reverse("account_email_verification_sent")
    assert "_auth_user_id" not in client.session
    assert not EmailAddress.objects.get(email="paul@example.org").verified


def test_an_account_is_connected_by_its_owner(institute: Institute, people: People) -> None:
    user, client = people.researcher(), Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    institute.knows("rita", email="other@example.org", email_verified=True)
    institute.sign_in(client, "rita", process="connect")
    assert SocialAccount.objects.get().user == user
    assert Event.objects.filter(action="person.login_added", actor_id=user.pk).count() == 1
    again = Client()
    institute.sign_in(again, "rita")
    assert again.session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_the_page_before_the_provider_may_lead_there(institute: Institute, client: Client) -> None:
    """Chromium holds a form to `form-action` through every redirect that follows it."""
    page = client.get(reverse("openid_connect_login", args=["institute"]))
    assert "form-action 'self' https: http:" in page["Content-Security-Policy"]
    assert "https:" not in client.get(reverse("account_login"))["Content-Security-Policy"]
