"""The back office: roles are given there and recorded; evidence stays as it is."""

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Event
from tests.world import World


@pytest.fixture
def staff(world: World) -> Client:
    manager = world.manager
    manager.is_staff = manager.is_superuser = True
    manager.save()
    client = Client()
    client.force_login(manager, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_giving_a_role_is_recorded(staff: Client, world: World) -> None:
    url = reverse("admin:accounts_user_change", args=[world.researcher.pk])
    fields = staff.get(url).context["adminform"].form.initial
    values = {name: fields[name] for name in ("email", "name", "institution", "country", "purpose", "language")}
    assert staff.post(url, {**values, "is_active": "on", "is_curator": "on"}).status_code == 302
    world.researcher.refresh_from_db()
    assert world.researcher.is_curator
    assert Event.objects.get(action="user.changed").data == {"fields": ["is_curator"]}
    assert staff.post(reverse("admin:accounts_user_delete", args=[world.granted.pk])).status_code == 403


def test_a_person_is_added(staff: Client) -> None:
    url = reverse("admin:accounts_user_add")
    assert staff.get(url).status_code == 200
    new = {"email": "n@example.org", "name": "Nina", "password1": "battery staple 9", "password2": "battery staple 9"}
    assert staff.post(url, {**new, "usable_password": "true"}).status_code == 302
    assert Event.objects.filter(action="user.created").exists()


@pytest.mark.parametrize("model", ["signature", "accessrequest", "accessgrant", "invitation", "apitoken", "agreement"])
def test_evidence_can_only_be_looked_at(staff: Client, world: World, model: str) -> None:
    page = staff.get(reverse(f"admin:accounts_{model}_changelist"))
    assert page.status_code == 200
    row = page.context["cl"].queryset.first()
    change = reverse(f"admin:accounts_{model}_change", args=[row.pk])
    looked = staff.get(change)
    assert looked.status_code == 200
    assert getattr(row, "token_hash", "no hash here") not in looked.content.decode()
    assert staff.post(change, {}).status_code == 403
    assert staff.post(reverse(f"admin:accounts_{model}_delete", args=[row.pk])).status_code == 403


def test_every_page_of_the_back_office_is_our_own() -> None:
    """Libraries bring pages of their own, which would show secrets and change accounts without a trace."""
    ours = {"accounts", "curation", "datasets", "intake"}
    others = {type(page).__module__ for page in admin.site._registry.values()}
    assert {module for module in others if module.split(".")[0] not in ours} == set()


def test_second_factors_and_addresses_are_not_in_the_back_office(staff: Client, world: World) -> None:
    factor = Authenticator.objects.create(user=world.granted, type=Authenticator.Type.TOTP, data={"secret": "SEED"})
    for page in (f"mfa/authenticator/{factor.pk}/change/", f"mfa/authenticator/{factor.pk}/delete/"):
        assert staff.post(f"/backoffice/{page}", {"post": "yes"}).status_code == 404
    assert Authenticator.objects.filter(pk=factor.pk).exists()
    for page in ("account/emailaddress", "usersessions/usersession", "socialaccount/socialapp", "sites/site"):
        assert staff.get(f"/backoffice/{page}/").status_code == 404


def test_a_closed_account_can_only_be_looked_at(staff: Client, world: World) -> None:
    url = reverse("admin:accounts_user_change", args=[world.researcher.pk])
    password = reverse("admin:auth_user_password_change", args=[world.researcher.pk])
    assert staff.get(password).status_code == 200
    world.researcher.closed_at = timezone.now()
    world.researcher.is_active = False
    world.researcher.save()
    assert staff.get(url).status_code == 200
    assert staff.post(url, {"email": "back@example.org", "is_active": "on"}).status_code == 403
    new = {"password1": "battery staple 9", "password2": "battery staple 9", "usable_password": "true"}
    assert staff.post(password, new).status_code == 403
    world.researcher.refresh_from_db()
    assert not world.researcher.is_active
    assert not world.researcher.check_password("battery staple 9")


def test_the_back_office_has_no_log_in_of_its_own(staff: Client, world: World) -> None:
    """Its form would let somebody guess passwords without limit, and past the second factor."""
    url = reverse("admin:login")
    world.manager.set_password("battery staple 9")
    world.manager.save()
    visitor = Client()
    assert visitor.get(url).headers["Location"].startswith(reverse("account_login"))
    visitor.post(url, {"username": world.manager.email, "password": "battery staple 9"})
    assert visitor.get(reverse("admin:index")).status_code == 302
    outsider = Client()
    outsider.force_login(world.researcher, backend="django.contrib.auth.backends.ModelBackend")
    assert outsider.get(url).status_code == 403
