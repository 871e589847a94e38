"""The second factor: who has one, and what stays closed without."""

import io
import re
import shutil
import time
from importlib import import_module
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import LazySettings
from django.core import mail as outbox
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import factors, sealing, selectors, services
from accounts.errors import NotAllowedError
from accounts.models import User
from audit.models import Event
from tests.people import PASSWORD, People
from tests.permissions.test_matrix import ROWS
from tests.world import World


@pytest.mark.parametrize(("kind", "counts"), [("totp", True), ("webauthn", True), ("recovery_codes", False)])
def test_an_app_or_a_passkey_is_a_second_factor(people: People, kind: str, counts: bool) -> None:
    user = people.researcher()
    assert not selectors.has_second_factor(user)
    Authenticator.objects.create(user=user, type=kind, data={})
    assert selectors.has_second_factor(user) is counts
    assert not selectors.has_second_factor(people.researcher())


ROLES = ["hospital_user", "curator", "data_manager"]
# Who has to set one up, of the persons of the permission matrix.
ASKED = ("hospital", "other_hospital", "curator", "manager")


@pytest.fixture
def strict(settings: LazySettings) -> None:
    settings.CXR_MFA_ROLES = ROLES


def _with_factor(user: User) -> Authenticator:
    return TOTP.activate(user, generate_totp_secret()).instance


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _may_stay_open(route: str) -> bool:
    return route.startswith("mfa_") or route in {
        "account_logout",
        "account_reauthenticate",
        "account_email",
        "account_confirm_email",
        "account_email_verification_sent",
        "accounts:profile",
        "accounts:details",
        "set_language",
        "health_live",
        "health_ready",
    }


@pytest.mark.usefixtures("strict")
def test_every_row_of_the_matrix_is_closed_without_a_factor(world: World) -> None:
    """The permission matrix once more, for the roles that need a factor: each of its rows leads to where it is set up,
    or is refused with the code for it (API), whatever it would answer otherwise."""
    rows = {(row.route, row.method): row for row in ROWS if not _may_stay_open(row.route)}
    assert len(rows) > 100
    opened = []
    for person in ASKED:
        user = world.person(person)
        assert user is not None
        client = _client(user)
        client.raise_request_exception = False
        for (route, method), row in rows.items():
            with transaction.atomic():
                answer = getattr(client, method.lower())(reverse(route, kwargs=row.args(world)))
                transaction.set_rollback(True)
            if route.startswith("api:"):
                closed = answer.status_code == 403 and answer.json()["code"] == "second_factor_required"
            else:
                closed = answer.status_code == 302 and answer["Location"] == reverse("mfa_index")
            if not closed:
                opened.append((person, method, route, answer.status_code))
    assert opened == []


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("person", ASKED)
def test_the_factor_opens_everything_and_what_is_needed_for_it_is_open(world: World, person: str) -> None:
    user = world.person(person)
    assert user is not None
    client = _client(user)
    page = client.get(reverse("datasets:list"), follow=True)
    assert page.redirect_chain == [(reverse("mfa_index"), 302)]
    assert "Your role needs a second factor" in page.content.decode()
    for open_page in ("accounts:profile", "account_logout", "account_email", "mfa_list_webauthn"):
        assert client.get(reverse(open_page)).status_code == 200
    assert client.post(reverse("set_language"), {"language": "pl"})["Location"] == "/"
    _with_factor(user)
    assert client.get(reverse("datasets:list")).status_code == 200
    assert "Your role needs" not in client.get(reverse("mfa_index")).content.decode()


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("person", [None, "researcher", "granted"])
def test_nobody_else_is_asked(world: World, person: str | None) -> None:
    user = world.person(person) if person else None
    client = _client(user) if user else Client()
    assert client.get(reverse("datasets:list")).status_code == 200
    assert user is None or not factors.required_of(user)


def test_each_role_is_asked_by_itself(world: World, settings: LazySettings) -> None:
    holders = {"hospital_user": world.hospital_user, "curator": world.curator, "data_manager": world.manager}
    for role in ROLES:
        settings.CXR_MFA_ROLES = [role]
        assert {name for name, user in holders.items() if factors.missing(user)} == {role}
    settings.CXR_MFA_ROLES = []
    assert not any(factors.missing(user) for user in holders.values())
    staff = world.people.person(is_staff=True)
    settings.CXR_MFA_ROLES = ["data_manager"]
    assert factors.missing(staff)


def test_tokens_wait_for_the_factor_too(world: World, settings: LazySettings) -> None:
    _token, secret = services.issue_token(user=world.curator, name="laptop", scopes=["read"], days=1)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert client.get("/api/v1/me/").status_code == 200
    settings.CXR_MFA_ROLES = ROLES
    answer = client.get("/api/v1/me/")
    assert (answer.status_code, answer.data["detail"].code) == (403, "second_factor_required")
    refused = Event.objects.get(action="token.refused")
    assert refused.data == {"person": world.curator.pk, "reason": "second_factor"}
    with pytest.raises(NotAllowedError, match="second factor"):
        services.issue_token(user=world.curator, name="laptop", scopes=["read"], days=1)
    _with_factor(world.curator)
    assert client.get("/api/v1/me/").status_code == 200
    services.issue_token(user=world.curator, name="laptop", scopes=["read"], days=1)


def _code(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def _sign_in(client: Client, user: User) -> str:
    answer = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return str(answer["Location"])


@pytest.mark.usefixtures("strict")
def test_a_curator_sets_up_an_app_and_keeps_one(world: World) -> None:
    user, client = world.curator, Client()
    _sign_in(client, user)
    assert client.get(reverse("curation:queue"))["Location"] == reverse("mfa_index")
    assert client.get(reverse("mfa_activate_totp"))["Location"].startswith(reverse("account_reauthenticate"))
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.get(reverse("mfa_activate_totp"))
    secret = client.session["mfa.totp.secret"]
    assert client.post(reverse("mfa_activate_totp"), {"code": "000000x"}).status_code == 200
    assert client.post(reverse("mfa_activate_totp"), {"code": _code(secret)})["Location"] == reverse(
        "mfa_view_recovery_codes"
    )
    assert client.get(reverse("curation:queue")).status_code == 200
    refused = client.post(reverse("mfa_deactivate_totp"))
    assert "Your role needs a second factor" in str(refused.context["form"].errors)
    assert selectors.has_second_factor(user)
    # A passkey beside it: now the app may go.
    Authenticator.objects.create(user=user, type="webauthn", data={})
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.filter(user=user, type="totp").exists()
    # Whatever way the last one goes, the pages close at once.
    Authenticator.objects.filter(user=user).delete()
    assert client.get(reverse("curation:queue"))["Location"] == reverse("mfa_index")


def test_signing_in_asks_for_the_factor_whichever_way_it_begins(world: World) -> None:
    user = world.curator
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    client = Client()
    assert _sign_in(client, user) == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "_auth_user_id" not in client.session
    client.post(reverse("mfa_authenticate"), {"code": _code(secret)})
    assert client.session["_auth_user_id"] == str(user.pk)
    by_code = Client()
    by_code.post(reverse("account_request_login_code"), {"email": user.email})
    mailed = re.search(r"^([A-Z0-9]+-[A-Z0-9]+|[A-Z0-9]{6,})$", str(outbox.outbox[-1].body), re.MULTILINE)
    assert mailed is not None
    answer = by_code.post(reverse("account_confirm_login_code"), {"code": mailed[1]})
    assert answer["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in by_code.session


@pytest.fixture
def key_file(settings: LazySettings, tmp_path: Path) -> Path:
    """A keys folder of the test's own; returns its factors.key."""
    folder = settings.CXR_KEYS_DIR = Path(shutil.copytree(settings.CXR_KEYS_DIR, tmp_path / "keys"))
    return folder / "factors.key"


def _stored(user: User) -> list[str]:
    rows = Authenticator.objects.filter(user=user).order_by("type")
    return [row.data.get("seed") or row.data["secret"] for row in rows]


def _plain_factors(user: User) -> tuple[str, list[str]]:
    """As rows were before they were sealed; returns the secret and the recovery codes."""
    secret = generate_totp_secret()
    Authenticator.objects.create(user=user, type="totp", data={"secret": secret})
    row = Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": "ab" * 40, "used_mask": 0})
    return secret, list(RecoveryCodes(row).generate_codes())


def test_secrets_and_seeds_lie_sealed_in_the_database(people: People) -> None:
    user, secret = people.researcher(), generate_totp_secret()
    app, codes = TOTP.activate(user, secret), RecoveryCodes.activate(user)
    assert all(sealing.is_sealed(text) for text in _stored(user))
    assert secret not in str(_stored(user))
    assert app.validate_code(_code(secret))
    first, *rest = codes.get_unused_codes()
    assert codes.validate_code(first)
    assert codes.get_unused_codes() == rest


def test_the_migration_seals_what_was_plain_and_back(people: People) -> None:
    user = people.researcher()
    secret, codes = _plain_factors(user)
    assert TOTP(Authenticator.objects.get(user=user, type="totp")).validate_code(_code(secret)), "before it ran"
    migration = import_module("accounts.migrations.0011_seal_factors")
    plain = _stored(user)
    migration.seal(apps, None)
    assert all(sealing.is_sealed(text) for text in _stored(user))
    assert RecoveryCodes(Authenticator.objects.get(user=user, type="recovery_codes")).generate_codes() == codes
    migration.unseal(apps, None)
    assert _stored(user) == plain


def test_keys_rotate_line_by_line(people: People, key_file: Path) -> None:
    user, secret, old = people.researcher(), generate_totp_secret(), key_file.read_text()
    app = TOTP.activate(user, secret).instance
    new = Fernet.generate_key().decode()
    key_file.write_text(f"{new}\n{old}")
    assert TOTP(app).validate_code(_code(secret)), "an older line still opens"
    call_command("seal_factors", stdout=io.StringIO())
    assert Event.objects.get(action="keys.rotated").data == {"key": "factors", "rows": 1}
    key_file.write_text(new)
    assert sealing.unseal(_stored(user)[0]) == secret
    key_file.write_text(old)
    with pytest.raises(ImproperlyConfigured, match="taken away"):
        sealing.unseal(_stored(user)[0])
    key_file.unlink()
    with pytest.raises(ImproperlyConfigured, match="is missing"):
        TOTP.activate(people.researcher(), secret)
