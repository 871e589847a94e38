"""Hospitals, invitations and tokens."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail as outbox
from django.test import override_settings
from django.utils import timezone

from accounts import policies, selectors, services, tokens
from accounts.errors import AccountsError, AlreadyDoneError, InvitationUnusableError, LogInFirstError, NotAllowedError
from accounts.models import ApiToken, Hospital, HospitalMembership, Invitation, User
from accounts.tokens import secret_hash
from audit.models import Event
from tests.accounts.conftest import Commit
from tests.people import People
from tests.world import INVITATION_SECRET, World


def test_hospitals_have_numbers_of_their_own(people: People) -> None:
    manager = people.manager()
    values = {"number": 5, "name": "Szpital", "name_eng": "Hospital", "city": "Gdynia"}
    hospital = services.create_hospital(manager=manager, **values)  # type: ignore[arg-type]
    assert Hospital.objects.get() == hospital
    with pytest.raises(AlreadyDoneError):
        services.create_hospital(manager=manager, **values)  # type: ignore[arg-type]
    with pytest.raises(NotAllowedError):
        services.create_hospital(manager=people.curator(), **{**values, "number": 6})  # type: ignore[arg-type]
    with pytest.raises(AccountsError):
        services.create_hospital(manager=manager, **{**values, "number": 0})  # type: ignore[arg-type]


def test_an_invitation_makes_a_person_with_a_confirmed_address(people: People, committing: Commit) -> None:
    manager, hospital = people.manager(), people.hospital()
    with committing():
        invitation, secret = services.invite(manager=manager, email=" Ina@Example.ORG ", hospitals=[hospital])
    assert invitation.token_hash == secret_hash(secret)
    (message,) = outbox.outbox
    assert message.to == ["ina@example.org"]
    assert message.subject.endswith(str(hospital)), "names, no Python"
    assert f"http://127.0.0.1:8000/invitations/{secret}/" in message.body
    user = services.accept_invitation(secret=secret, name="Ina  Invited", password="battery staple 9")
    assert (user.email, user.name, user.institution) == ("ina@example.org", "Ina Invited", hospital.name)
    assert user.check_password("battery staple 9")
    assert EmailAddress.objects.get(user=user).verified
    assert selectors.has_confirmed_email(user)
    assert policies.is_member_of(user, hospital.pk)
    # Once only.
    with pytest.raises(InvitationUnusableError):
        services.accept_invitation(secret=secret, name="Eve", password="battery staple 9")
    actions = set(Event.objects.values_list("action", flat=True))
    assert {"person.invited", "person.registered", "invitation.accepted"} <= actions
    assert "ina@" not in str(list(Event.objects.values_list("data", flat=True)))


def test_the_secret_is_in_no_task_and_in_no_row(people: People, committing: Commit) -> None:
    with committing() as callbacks:
        invitation, secret = services.invite(
            manager=people.manager(), email="ina@example.org", hospitals=[people.hospital()]
        )
    assert secret not in str([getattr(callback, "args", "") for callback in callbacks])
    assert secret not in str(Invitation.objects.filter(pk=invitation.pk).values())
    with override_settings(SECRET_KEY="another"), pytest.raises(RuntimeError):
        tokens.secret_of(Invitation.objects.get(pk=invitation.pk))


def test_an_invitation_expires_and_a_newer_one_replaces_it(world: World) -> None:
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for secret in (INVITATION_SECRET, "unknown"):
        with pytest.raises(InvitationUnusableError):
            services.accept_invitation(secret=secret, name="Ina", password="battery staple 9")
    _old, old_secret = services.invite(manager=world.manager, email="i@example.org", hospitals=[world.hospital])
    _new, new_secret = services.invite(manager=world.manager, email="i@example.org", hospitals=[world.hospital])
    with pytest.raises(InvitationUnusableError):
        services.accept_invitation(secret=old_secret, name="Ina", password="battery staple 9")
    assert (
        services.accept_invitation(secret=new_secret, name="Ina", password="battery staple 9").email == "i@example.org"
    )


def test_an_account_joins_only_when_it_has_the_invited_address(world: World) -> None:
    user = world.researcher
    _invitation, secret = services.invite(manager=world.manager, email=user.email.upper(), hospitals=[world.hospital])
    with pytest.raises(LogInFirstError):
        services.accept_invitation(secret=secret, name="Eve", password="battery staple 9")
    with pytest.raises(NotAllowedError):
        services.accept_invitation(secret=secret, user=world.granted)
    assert not policies.is_hospital_user(world.granted)
    EmailAddress.objects.filter(user=user).update(verified=False)
    with pytest.raises(NotAllowedError):
        services.accept_invitation(secret=secret, user=user)
    EmailAddress.objects.filter(user=user).update(verified=True)
    assert services.accept_invitation(secret=secret, user=user) == user
    assert policies.is_member_of(user, world.hospital.pk)
    assert not policies.is_member_of(user, world.other_hospital.pk)
    with pytest.raises(AlreadyDoneError):
        services.invite(manager=world.manager, email=user.email, hospitals=[world.hospital])


def test_only_managers_invite_and_only_to_addresses(world: World) -> None:
    for person in (world.researcher, world.curator, world.hospital_user):
        with pytest.raises(NotAllowedError):
            services.invite(manager=person, email="i@example.org", hospitals=[world.hospital])
    with pytest.raises(AccountsError):
        services.invite(manager=world.manager, email="no address", hospitals=[world.hospital])


def test_tokens_reach_no_further_than_the_person(world: World) -> None:
    assert policies.token_scopes(world.researcher) == ["read", "download"]
    assert policies.token_scopes(world.hospital_user) == ["read", "download", "upload"]
    assert policies.token_scopes(world.curator) == ["read", "download", "curate"]
    assert policies.token_scopes(world.manager) == ["read", "download", "manage"]
    for scopes in (["upload"], ["curate"], ["manage"], ["read", "manage"], ["everything"]):
        with pytest.raises(NotAllowedError):
            services.issue_token(user=world.researcher, name="laptop", scopes=scopes, days=30)
    for name, scopes, days in (("", ["read"], 30), ("laptop", [], 30), ("laptop", ["read"], 0), ("x", ["read"], 366)):
        with pytest.raises(AccountsError):
            services.issue_token(user=world.researcher, name=name, scopes=scopes, days=days)
    closed = world.people.person(is_active=False)
    assert policies.token_scopes(closed) == []


def test_a_token_is_stored_as_a_hash_and_revoked_by_its_person(world: World) -> None:
    token, secret = services.issue_token(user=world.researcher, name="laptop", scopes=["read"], days=30)
    assert secret.startswith("cxr_")
    assert secret not in str(ApiToken.objects.filter(pk=token.pk).values())
    with pytest.raises(NotAllowedError):
        services.revoke_token(user=world.granted, token=token)
    services.revoke_token(user=world.researcher, token=token)
    services.revoke_token(user=world.researcher, token=token)
    assert token.revoked_at is not None
    assert Event.objects.filter(action="token.revoked").count() == 1


def test_a_hospital_user_who_leaves_is_none(world: World) -> None:
    assert policies.is_hospital_user(world.hospital_user)
    HospitalMembership.objects.filter(user=world.hospital_user).delete()
    assert not policies.is_hospital_user(world.hospital_user)
    assert "upload" not in policies.token_scopes(User.objects.get(pk=world.hospital_user.pk))
