"""Signing in by ORCID or an institute's OpenID Connect, and the list of sessions."""

import pytest
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import LazySettings
from django.core import mail as outbox
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import User
from audit.models import Event
from tests.people import PASSWORD, People

ORCID = "0000-0002-1825-0097"
PROVIDERS = {
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
