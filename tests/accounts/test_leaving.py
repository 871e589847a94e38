"""Taking the own data along, closing an account, locking one."""

import io
import json
import zipfile

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core import mail as outbox
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import mail, own_data, selectors, services
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import AccessRequest, ApiToken, Invitation, RequestMessage, Signature, User
from accounts.services.leaving import Reason
from audit.models import Event
from datasets.models import Download
from tests.accounts.conftest import Commit
from tests.people import PASSWORD
from tests.world import TOKEN_SECRET, World

SECRETS = ("Rita Researcher", "@example.org", "Example University", "0000-0002-1825-0097", "Secret purpose")


def _log_in(user: User) -> Client:
    """By the page, as people do."""
    client = Client()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert client.get(reverse("accounts:profile")).status_code == 200
    return client


def _fill(world: World) -> User:
    """`granted` with something of everything."""
    user = world.granted
    User.objects.filter(pk=user.pk).update(
        orcid="0000-0002-1825-0097", position="Secret purpose", purpose="Secret purpose"
    )
    Authenticator.objects.create(user=user, type="totp", data={"secret": "top-secret"})
    SocialAccount.objects.create(user=user, provider="orcid", uid="0000-0002-1825-0097")
    EmailAddress.objects.create(user=user, email="second@example.org", verified=True)
    Invitation.objects.create(
        email="second@example.org",
        token_hash="1" * 64,
        invited_by=world.manager,
        accepted_by=user,
        accepted_at=timezone.now(),
        expires_at=timezone.now(),
    )
    refused = AccessRequest.objects.create(
        user=user, dataset=world.dataset, project="Refused", purpose="Secret purpose", status="refused"
    )
    RequestMessage.objects.create(request=refused, author=user, text="I am Rita Researcher.")
    RequestMessage.objects.create(request=world.grant.request, author=user, text="For lungs.")
    Download.objects.create(user=user, archive=world.archive, grant=world.grant, first_byte=0, last_byte=21)
    LogEntry.objects.create(
        user=world.manager,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user.pk),
        object_repr="Rita Researcher",
        action_flag=CHANGE,
    )
    user.refresh_from_db()
    return user


def test_the_export_holds_everything_and_no_secret(world: World) -> None:
    client = _log_in(world.granted)
    user = _fill(world)
    assert "Download my data" in client.get(reverse("accounts:my_data")).content.decode()
    answer = client.post(reverse("accounts:my_data"))
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    archive = zipfile.ZipFile(io.BytesIO(content))
    data = {name: archive.read(name) for name in archive.namelist()}
    rows = {name: json.loads(text) for name, text in data.items() if name.endswith(".json")}
    assert set(rows) == {
        f"{name}.json"
        for name in (
            *("account", "email_addresses", "sign_in", "sessions", "tokens", "signatures", "requests", "grants"),
            *(
                "invitations",
                "back_office",
                "audit_trail",
                "downloads",
                "reports",
                "cohorts",
                "cohort_orders",
                "uploads",
                "pacs",
            ),
        )
    }
    assert rows["account.json"][0]["purpose_of_use"] == "Secret purpose"
    assert [row["email"] for row in rows["email_addresses.json"]] == [user.email, "second@example.org"]
    assert [row["kind"] for row in rows["sign_in.json"]] == ["totp", "orcid"]
    assert len(rows["sessions.json"]) == 1
    assert rows["tokens.json"][0]["name"] == "laptop"
    assert rows["signatures.json"][0]["sha256_of_the_text"] == world.agreement.sha256
    assert [line["text"] for row in rows["requests.json"] for line in row["conversation"]] == [
        "For lungs.",
        "I am Rita Researcher.",
    ]
    assert rows["grants.json"][0]["number"] == world.grant.pk
    assert rows["downloads.json"][0]["file"] == world.archive.filename
    (entry,) = rows["back_office.json"]
    assert (entry["by"], entry["action"], entry["about"]) == ("somebody else", "changed", f"accounts.user {user.pk}")
    actions = {row["action"] for row in rows["audit_trail.json"]}
    assert {"person.logged_in", "person.data_exported"} <= actions
    (receipt,) = [text for name, text in data.items() if name.startswith("receipts/")]
    assert receipt.startswith(b"%PDF-")
    for secret in ("top-secret", TOKEN_SECRET, user.password, world.token.token_hash, client.session.session_key):
        assert all(str(secret).encode() not in text for text in data.values())
    # Nobody else's: the other researchers, who have the same name, by their addresses.
    assert all(world.expired.email.encode() not in text for text in data.values())


def test_closing_needs_that_the_person_shows_who_it_is(world: World) -> None:
    url = reverse("accounts:close")
    client = Client()
    client.force_login(world.granted, backend="django.contrib.auth.backends.ModelBackend")
    for answer in (client.get(url), client.post(url, {"understood": "on"})):
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("account_reauthenticate"))
    world.granted.refresh_from_db()
    assert world.granted.closed_at is None


def test_a_closed_account_is_out_everywhere_at_once(world: World, committing: Commit) -> None:
    user, address = _fill(world), world.granted.email
    Authenticator.objects.filter(user=user).delete()  # the log-in of this test has no second factor
    here, elsewhere = _log_in(user), _log_in(user)
    program = {"Authorization": f"Bearer {TOKEN_SECRET}"}
    assert Client().get(reverse("api:me"), headers=program).status_code == 200
    url = reverse("accounts:close")
    here.post(f"{reverse('account_reauthenticate')}?next={url}", {"password": PASSWORD})
    page = here.get(url)
    assert page.status_code == 200
    assert "What has to stay" in page.content.decode()
    here.post(url, {})
    user.refresh_from_db()
    assert user.closed_at is None
    with committing():
        assert here.post(url, {"understood": "on"})["Location"] == "/"
    for client in (here, elsewhere):
        assert client.get(reverse("accounts:profile"))["Location"].startswith(reverse("account_login"))
    assert Client().get(reverse("api:me"), headers=program).status_code == 401
    visitor = Client()
    visitor.post(reverse("account_login"), {"login": address, "password": PASSWORD})
    assert "_auth_user_id" not in visitor.session
    farewell = outbox.outbox[-1]
    assert farewell.to == [address]
    assert "Rita Researcher" in farewell.body


def test_the_person_goes_and_the_evidence_stays(world: World) -> None:
    user = _fill(world)
    UserSession.objects.create(user=user, ip="192.0.2.1", session_key="k" * 32, user_agent="Browser")
    services.close_account(user=user)
    row = User.objects.get(pk=user.pk)
    assert (row.is_active, row.closed_at is not None, row.has_usable_password()) == (False, True, False)
    words = " ".join(str(value) for value in User.objects.filter(pk=user.pk).values_list()[0])
    for secret in SECRETS:
        assert secret not in words
    for model in (EmailAddress, Authenticator, SocialAccount, UserSession):
        assert not model.objects.filter(user=user).exists()
    assert not Invitation.objects.filter(email__endswith="example.org", accepted_by=user).exists()
    assert not ApiToken.objects.filter(user=user, revoked_at=None).exists()
    assert "Rita" not in LogEntry.objects.get(object_id=str(user.pk)).object_repr
    assert not selectors.current_grants(user).exists()
    world.grant.refresh_from_db()
    assert world.grant.ended_by == "closed"
    # What the agreement and the proof need.
    signature = Signature.objects.get(user=user)
    assert (signature.typed_name, signature.institution) == ("Rita Researcher", "Example University")
    granted, refused = AccessRequest.objects.filter(user=user).order_by("pk")
    assert (granted.purpose, granted.messages.get().text) == ("To learn.", "For lungs.")
    assert (refused.project, refused.purpose, refused.messages.get().text) == ("", "", "")
    assert Download.objects.filter(user=user).exists()
    event = Event.objects.get(action="person.closed")
    assert event.data == {"grants": 1, "requests": 0, "tokens": 1}
    assert not any(secret in str(event.data) for secret in SECRETS)
    with pytest.raises(NotAllowedError):
        services.close_account(user=row)


def test_an_invitation_is_ones_own_by_a_confirmed_address_alone(world: World) -> None:
    user, invited = world.researcher, world.invitation
    typed = EmailAddress.objects.create(user=user, email=invited.email, verified=False)
    taken = Invitation.objects.create(
        email=user.email,
        token_hash="2" * 64,
        invited_by=world.manager,
        accepted_by=world.granted,
        accepted_at=timezone.now(),
        expires_at=timezone.now(),
    )

    def exported() -> list[str]:
        with own_data.export(user) as file:
            return [row["email"] for row in json.loads(zipfile.ZipFile(file).read("invitations.json"))]

    assert exported() == []
    EmailAddress.objects.filter(pk=typed.pk).update(verified=True)
    assert exported() == [invited.email]
    EmailAddress.objects.filter(pk=typed.pk).update(verified=False)
    services.close_account(user=user)
    for row in (invited, taken):
        before = (row.email, None)
        row.refresh_from_db()
        assert (row.email, row.revoked_at) == before


def test_closing_revokes_what_waits_at_the_own_address(world: World) -> None:
    EmailAddress.objects.create(user=world.researcher, email=world.invitation.email.title(), verified=True)
    services.close_account(user=world.researcher)
    world.invitation.refresh_from_db()
    assert world.invitation.revoked_at is not None
    assert world.invitation.email.endswith("@closed.invalid")


def test_an_open_request_is_withdrawn_and_blanked(world: World) -> None:
    services.close_account(user=world.researcher)
    world.request.refresh_from_db()
    assert (world.request.status, world.request.project, world.request.purpose) == ("withdrawn", "", "")


def test_nothing_personal_goes_through_the_broker(
    world: World, monkeypatch: pytest.MonkeyPatch, committing: Commit
) -> None:
    sent: list[object] = []
    monkeypatch.setattr("accounts.tasks.send_mail_to_former.delay", lambda *values: sent.append(values))
    address = world.granted.email
    with committing():
        services.close_account(user=world.granted)
    ((template, sealed),) = sent  # type: ignore[misc]
    assert template == "account_closed"
    assert address not in sealed
    assert "Rita" not in sealed
    assert mail.unseal(sealed)["email"] == address


def test_the_address_registers_anew_as_somebody_else(world: World) -> None:
    address = world.granted.email
    services.close_account(user=world.granted)
    assert not selectors.address_is_taken(address)
    anew = User.objects.create_user(address, PASSWORD, name="Rita Researcher")
    EmailAddress.objects.create(user=anew, email=address, primary=True, verified=True)
    assert not selectors.has_signed(anew, world.agreement)
    assert not selectors.current_grants(anew).exists()
    _log_in(anew)


def test_mails_that_wait_for_a_closed_account_are_dropped(world: World) -> None:
    from accounts.tasks import send_mail

    services.close_account(user=world.granted)
    send_mail("agreement_new", ["accounts.user", str(world.granted.pk)], {})
    assert outbox.outbox == []


def test_the_only_data_manager_stays(world: World) -> None:
    with pytest.raises(NotAllowedError, match="only data manager"):
        services.close_account(user=world.manager)
    other = world.people.manager()
    services.close_account(user=world.manager)
    with pytest.raises(NotAllowedError, match="only data manager"):
        services.close_account(user=other)


def test_a_manager_closes_with_a_reason(world: World) -> None:
    with pytest.raises(AccountsError, match="reason"):
        services.close_account(user=world.granted, by=world.manager, reason="because")
    with pytest.raises(NotAllowedError):
        services.close_account(user=world.granted, by=world.curator, reason=Reason.LEFT)
    services.close_account(user=world.granted, by=world.manager, reason=Reason.LEFT)
    event = Event.objects.get(action="person.closed")
    assert (event.actor_id, event.data["reason"]) == (world.manager.pk, "left")
    with pytest.raises(AlreadyDoneError):
        services.close_account(user=world.granted, by=world.manager, reason=Reason.LEFT)


def test_a_locked_account_is_out_until_it_is_unlocked(world: World) -> None:
    client = _log_in(world.granted)
    with pytest.raises(NotAllowedError, match="own"):
        services.lock_account(manager=world.manager, user=world.manager, reason=Reason.OTHER)
    with pytest.raises(NotAllowedError):
        services.lock_account(manager=world.curator, user=world.granted, reason=Reason.MISUSE)
    services.lock_account(manager=world.manager, user=world.granted, reason=Reason.MISUSE)
    assert client.get(reverse("accounts:profile"))["Location"].startswith(reverse("account_login"))
    with pytest.raises(AlreadyDoneError):
        services.lock_account(manager=world.manager, user=world.granted, reason=Reason.MISUSE)
    services.unlock_account(manager=world.manager, user=world.granted)
    _log_in(world.granted)
    assert selectors.current_grants(world.granted).exists()
    services.close_account(user=world.granted)
    with pytest.raises(AccountsError, match="closed"):
        services.unlock_account(manager=world.manager, user=world.granted)
    assert [event.action for event in Event.objects.filter(action__contains="locked").order_by("number")] == [
        "person.locked",
        "person.unlocked",
    ]


def test_a_manager_locks_and_closes_on_the_persons_page(world: World) -> None:
    manager = Client()
    manager.force_login(world.manager, backend="django.contrib.auth.backends.ModelBackend")
    page, act = (reverse(f"accounts:{name}", args=[world.granted.pk]) for name in ("manage_person", "person_account"))

    def state(**values: str) -> tuple[bool, bool]:
        assert manager.post(act, values)["Location"] == page
        world.granted.refresh_from_db()
        return world.granted.is_active, world.granted.closed_at is not None

    assert 'value="lock"' in manager.get(page).content.decode()
    assert state(action="lock", reason="because") == (True, False)
    assert state(action="lock", reason="misuse") == (False, False)
    assert 'value="unlock"' in manager.get(page).content.decode()
    assert state(action="unlock") == (True, False)
    assert state(action="close", reason="left") == (True, False)
    assert state(action="close", reason="left", sure="on") == (False, True)
    text = manager.get(page).content.decode()
    assert "Closed for good" in text
    assert 'value="close"' not in text
    # The own account goes by the own page, where one shows who one is.
    own = reverse("accounts:person_account", args=[world.manager.pk])
    world.people.manager()
    manager.post(own, {"action": "close", "reason": "left", "sure": "on"})
    world.manager.refresh_from_db()
    assert world.manager.closed_at is None
