"""The pages: what they say to whom, and what their forms do. Who gets in at all stands in tests/permissions."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.models import AccessGrant, ApiToken, Hospital, Invitation, User
from tests.people import PASSWORD
from tests.world import INVITATION_SECRET, World


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _page(client: Client, url: str) -> str:
    answer = client.get(url, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_my_access_names_the_next_step(world: World) -> None:
    url = reverse("accounts:profile")
    # Asked without having signed.
    page = _page(_client(world.researcher), url)
    assert "Sign the data use agreement" in page
    assert reverse("accounts:agreement", args=[world.agreement.pk]) in page
    assert "submitted" in page
    services.sign(
        user=world.researcher, agreement=world.agreement, typed_name=world.researcher.name, institution="University"
    )
    assert "Wait for the decision" in _page(_client(world.researcher), url)
    services.decide(request=world.request, manager=world.manager, granted=False, reason="Too vague, <b>sorry</b>.")
    page = _page(_client(world.researcher), url)
    assert "Choose a dataset" in page
    assert "Too vague, &lt;b&gt;sorry&lt;/b&gt;." in page
    assert "expired" in _page(_client(world.expired), url)
    AccessGrant.objects.filter(pk=world.grant.pk).update(expires_at=timezone.now() + timedelta(days=90))
    assert "Download your data" in _page(_client(world.granted), url)
    AccessGrant.objects.filter(pk=world.grant.pk).update(expires_at=timezone.now() + timedelta(days=9))
    page = _page(_client(world.granted), url)
    assert "Renew your access to Example radiographs" in page
    world.granted.emailaddress_set.update(verified=False)  # type: ignore[attr-defined]
    assert "Confirm your e-mail address" in _page(_client(world.granted), url)


def test_signing_takes_name_and_tick_and_leads_on(world: World) -> None:
    client = _client(world.researcher)
    url = reverse("accounts:agreement", args=[world.agreement.pk])
    page = _page(client, f"{url}?next=/datasets/example/")
    assert world.agreement.text in page
    assert 'name="next" value="/datasets/example/"' in page
    values = {"typed_name": world.researcher.name, "institution": "University", "next": "/datasets/example/"}
    assert "agree" in client.post(url, values).context["form"].errors
    wrong = client.post(url, {**values, "agree": "on", "typed_name": "Somebody"})
    assert "Type your name exactly" in wrong.content.decode()
    assert not world.researcher.signatures.exists()
    answer = client.post(url, {**values, "agree": "on"})
    assert answer["Location"] == "/datasets/example/"
    page = _page(client, url)
    assert 'name="agree"' not in page
    assert world.researcher.name in page


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_leads_to_no_other_site(world: World, target: str) -> None:
    values = {"typed_name": world.researcher.name, "institution": "University", "agree": "on", "next": target}
    answer = _client(world.researcher).post(reverse("accounts:agreement", args=[world.agreement.pk]), values)
    assert answer["Location"] == reverse("accounts:profile")


def test_the_text_of_an_agreement_is_no_markup(world: World) -> None:
    agreement = services.publish_agreement(
        manager=world.manager, code="other", version="2", title="Two", text="First.\n\n<script>alert(1)</script>"
    )
    page = _page(Client(), reverse("accounts:agreement", args=[agreement.pk]))
    assert "<p>First.</p>" in page
    assert "<script>alert(1)" not in page
    assert "Sign in to sign" in page


def test_a_name_is_no_markup_on_the_page_that_is_signed(world: World) -> None:
    User.objects.filter(pk=world.researcher.pk).update(name="<img src=x onerror=alert(1)>")
    page = _page(_client(world.researcher), reverse("accounts:agreement", args=[world.agreement.pk]))
    assert "Type your name as in your account: &lt;img src=x" in page
    assert "<img src=x" not in page


def test_what_django_says_of_passwords_stays_a_list(world: World) -> None:
    page = _page(Client(), reverse("accounts:invitation", args=[INVITATION_SECRET]))
    assert '_helptext"><ul><li>' in page


def test_a_token_is_shown_once_and_kept_by_nobody(world: World) -> None:
    client = _client(world.researcher)
    url = reverse("accounts:tokens")
    page = _page(client, url)
    assert 'value="download"' in page
    assert 'value="manage"' not in page
    answer = client.post(url, {"name": "laptop", "scopes": ["read", "download"], "days": "30"})
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert secret not in _page(client, url)
    assert secret not in str(dict(client.session))
    refused = client.post(url, {"name": "laptop", "scopes": ["manage"], "days": "30"})
    assert "scopes" in refused.context["form"].errors
    token = ApiToken.objects.get(user=world.researcher)
    client.post(reverse("accounts:token_revoke", args=[token.pk]))
    assert "revoked" in _page(client, url)


def test_an_invited_person_makes_an_account_and_logs_in(world: World) -> None:
    client = Client()
    url = reverse("accounts:invitation", args=[INVITATION_SECRET])
    page = client.get(url)
    assert world.hospital.name in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    values = {"name": "Ina Invited", "password1": "battery staple 9", "password2": "battery staple 9"}
    for wrong, field in (
        ({"password2": "another"}, "password2"),
        ({"password1": "short", "password2": "short"}, "password1"),
        ({"password1": "invited@example.org", "password2": "invited@example.org"}, "password1"),
        ({"name": ""}, "name"),
    ):
        assert field in client.post(url, {**values, **wrong}).context["form"].errors
    assert client.post(url, values)["Location"] == reverse("account_login")
    client.post(reverse("account_login"), {"login": "invited@example.org", "password": "battery staple 9"})
    assert client.session["_auth_user_id"] == str(User.objects.get(email="invited@example.org").pk)
    assert world.hospital.name in _page(client, reverse("accounts:profile"))
    over = Client().get(url)
    assert (over.status_code, "This invitation is over" in over.content.decode()) == (410, True)


def test_somebody_with_an_account_logs_in_and_joins(world: World) -> None:
    user = world.researcher
    Invitation.objects.update(email=user.email)
    url = reverse("accounts:invitation", args=[INVITATION_SECRET])
    client = Client()
    answer = client.get(url)
    assert answer["Location"] == f"{reverse('account_login')}?next={url.replace('/', '%2F')}"
    answer = client.post(answer["Location"], {"login": user.email, "password": PASSWORD, "next": url})
    assert answer["Location"] == url
    assert "Join your hospital" in _page(client, url)
    client.post(url)
    assert list(user.hospitals.all()) == [world.hospital]
    other = _client(world.granted)
    Invitation.objects.update(accepted_at=None)
    assert "for another e-mail address" in _page(other, url)
    assert "for another e-mail address" in other.post(url, follow=True).content.decode()
    assert not world.granted.hospitals.exists()


def test_a_manager_invites_and_adds_hospitals(world: World) -> None:
    client = _client(world.manager)
    url = reverse("accounts:manage_people")
    page = _page(client, url)
    for fact in (world.researcher.email, world.hospital.name, "invited@example.org", "open until"):
        assert fact in page
    found = _page(client, f"{url}?q=curator")
    assert world.curator.email in found
    assert world.researcher.email not in found
    values = {"email": "New@Example.org", "hospitals": [world.hospital.pk], "days": "7"}
    assert "on its way to new@example.org" in client.post(url, values, follow=True).content.decode()
    values["email"] = world.hospital_user.email
    assert "belongs to the hospital already" in client.post(url, values).content.decode()
    new = reverse("accounts:hospital_new")
    assert 'value="3"' in _page(client, new)
    hospital = {"number": "3", "name": "Szpital Morski", "name_eng": "Marine Hospital", "city": "Gdynia"}
    assert "Szpital Morski is added" in client.post(new, hospital, follow=True).content.decode()
    assert "number" in client.post(new, hospital).context["form"].errors
    assert Hospital.objects.filter(number=3).count() == 1
