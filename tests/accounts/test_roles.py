"""Roles, memberships and invitations, as data managers give and end them."""

from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import policies, services
from accounts.errors import AccountsError, AlreadyDoneError, InvitationUnusableError, NotAllowedError
from accounts.models import Invitation, User
from audit.models import Event
from tests.accounts.conftest import Commit
from tests.people import PASSWORD
from tests.world import INVITATION_SECRET, World


def test_roles_are_given_and_ended_and_the_person_is_told(world: World, committing: Commit) -> None:
    person = world.researcher
    for role, holds_now in (("curator", policies.is_curator), ("data_manager", policies.is_data_manager)):
        for holds in (True, False):
            with committing():
                services.set_role(manager=world.manager, person=person, role=role, holds=holds)
            assert holds_now(person) is holds
            with pytest.raises(AlreadyDoneError):
                services.set_role(manager=world.manager, person=person, role=role, holds=holds)
    assert [message.subject for message in outbox.outbox] == [
        "[CXR Commons] You are a curator now",
        "[CXR Commons] You are no longer a curator",
        "[CXR Commons] You are a data manager now",
        "[CXR Commons] You are no longer a data manager",
    ]
    assert all(message.to == [person.email] for message in outbox.outbox)
    events = Event.objects.filter(object_id=str(person.pk), action__startswith="role.").order_by("number")
    assert [(event.action, event.data["role"], event.actor_id) for event in events] == [
        ("role.given", "curator", world.manager.pk),
        ("role.taken", "curator", world.manager.pk),
        ("role.given", "data_manager", world.manager.pk),
        ("role.taken", "data_manager", world.manager.pk),
    ]


def test_there_is_always_a_data_manager(world: World) -> None:
    with pytest.raises(NotAllowedError, match="only data manager"):
        services.set_role(manager=world.manager, person=world.manager, role="data_manager", holds=False)
    second = world.people.manager()
    User.objects.filter(pk=second.pk).update(is_active=False)  # a closed account is no manager
    with pytest.raises(NotAllowedError, match="only data manager"):
        services.set_role(manager=world.manager, person=world.manager, role="data_manager", holds=False)
    User.objects.filter(pk=second.pk).update(is_active=True)
    services.set_role(manager=world.manager, person=world.manager, role="data_manager", holds=False)
    assert list(User.objects.filter(is_data_manager=True)) == [second]
    # Who was one when the page was opened is none when the button is pressed.
    stale = User.objects.get(pk=world.manager.pk)
    stale.is_data_manager = True
    with pytest.raises(NotAllowedError):
        services.set_role(manager=stale, person=second, role="data_manager", holds=False)


def test_nobody_else_gives_roles_and_none_that_do_not_exist(world: World) -> None:
    for person in (world.curator, world.hospital_user, world.researcher):
        with pytest.raises(NotAllowedError):
            services.set_role(manager=person, person=person, role="data_manager", holds=True)
    with pytest.raises(AccountsError):
        services.set_role(manager=world.manager, person=world.researcher, role="is_superuser", holds=True)
    closed = world.people.person(is_active=False)
    with pytest.raises(AccountsError, match="closed"):
        services.set_role(manager=world.manager, person=closed, role="curator", holds=True)


def test_one_invitation_for_several_hospitals(world: World, committing: Commit) -> None:
    hospitals = [world.hospital, world.other_hospital]
    with committing():
        invitation, secret = services.invite(
            manager=world.manager, email="both@example.org", hospitals=hospitals, days=3
        )
    (message,) = outbox.outbox
    assert all(hospital.name in message.body for hospital in hospitals)
    assert invitation.expires_at - invitation.created_at == timedelta(days=3)
    user = services.accept_invitation(secret=secret, name="Bo Both", password="battery staple 9")
    assert set(user.hospitals.all()) == set(hospitals)
    assert user.affiliation is not None
    # A member of one can still be invited to another, and joins that.
    _again, secret = services.invite(manager=world.manager, email=world.hospital_user.email, hospitals=hospitals)
    services.accept_invitation(secret=secret, user=world.hospital_user)
    assert set(world.hospital_user.hospitals.all()) == set(hospitals)
    for days in (0, 91):
        with pytest.raises(AccountsError):
            services.invite(manager=world.manager, email="x@example.org", hospitals=hospitals, days=days)
    with pytest.raises(AccountsError, match="hospital"):
        services.invite(manager=world.manager, email="x@example.org", hospitals=[])
    assert not Invitation.objects.filter(email="x@example.org").exists()


def test_a_revoked_link_is_dead_and_a_new_one_replaces_the_old(world: World, committing: Commit) -> None:
    invitation = world.invitation
    with committing():
        secret = services.resend_invitation(manager=world.manager, invitation=invitation)
    assert f"/invitations/{secret}/" in outbox.outbox[0].body
    with pytest.raises(InvitationUnusableError):
        services.accept_invitation(secret=INVITATION_SECRET, name="Ina", password="battery staple 9")
    # An expired one comes back to life by sending it again, with a new time.
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    secret = services.resend_invitation(manager=world.manager, invitation=invitation)
    assert Client().get(reverse("accounts:invitation", args=[secret])).status_code == 200
    services.revoke_invitation(manager=world.manager, invitation=invitation)
    assert Client().get(reverse("accounts:invitation", args=[secret])).status_code == 410
    with pytest.raises(InvitationUnusableError):
        services.accept_invitation(secret=secret, name="Ina", password="battery staple 9")
    for act in (services.revoke_invitation, services.resend_invitation):
        with pytest.raises(AlreadyDoneError):
            act(manager=world.manager, invitation=invitation)
        with pytest.raises(NotAllowedError):
            act(manager=world.curator, invitation=invitation)
    actions = Event.objects.order_by("number").values_list("action", flat=True)
    assert list(actions) == ["invitation.resent", "invitation.resent", "invitation.revoked"]


def test_a_membership_ends_at_once(world: World, committing: Commit) -> None:
    user, membership = world.hospital_user, world.hospital_user.memberships.get()
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(reverse("intake:batches")).status_code == 200
    with pytest.raises(NotAllowedError):
        services.end_membership(manager=world.curator, membership=membership)
    with committing():
        services.end_membership(manager=world.manager, membership=membership)
    assert client.get(reverse("intake:batches")).status_code == 403
    assert outbox.outbox[0].to == [user.email]
    assert world.hospital.name in outbox.outbox[0].subject
    with pytest.raises(AlreadyDoneError):
        services.end_membership(manager=world.manager, membership=membership)
    event = Event.objects.get(action="membership.ended")
    assert (event.object_id, event.data) == (str(user.pk), {"hospital": world.hospital.pk})


def test_the_page_about_a_person(world: World) -> None:
    client = Client()
    client.force_login(world.manager, backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("accounts:manage_person", args=[world.hospital_user.pk])
    page = client.get(url).content.decode()
    for fact in (world.hospital_user.email, world.hospital.name, "Make a curator", "Poland", "confirmed"):
        assert fact in page
    role = reverse("accounts:person_role", args=[world.hospital_user.pk])
    page = client.post(role, {"role": "curator", "holds": "1"}, follow=True).content.decode()
    assert "The role is changed" in page
    assert "End the role of curator" in page
    own = reverse("accounts:person_role", args=[world.manager.pk])
    page = client.post(own, {"role": "data_manager", "holds": "0"}, follow=True).content.decode()
    assert "You are the only data manager" in page
    end = reverse("accounts:membership_end", args=[world.hospital_user.memberships.get().pk])
    assert "no longer belongs" in client.post(end, follow=True).content.decode()
    listed = client.get(reverse("accounts:manage_people")).content.decode()
    revoke = reverse("accounts:invitation_revoke", args=[world.invitation.pk])
    assert revoke in listed
    assert "no longer works" in client.post(revoke, follow=True).content.decode()
    assert revoke not in client.get(reverse("accounts:manage_people")).content.decode()
    world.people.manager()
    assert client.post(own, {"role": "data_manager", "holds": "0"})["Location"] == reverse("home")


@pytest.mark.parametrize(
    ("person", "page"),
    [
        ("researcher", "accounts:profile"),
        ("hospital", "intake:batches"),
        ("curator", "curation:queue"),
        ("manager", "accounts:manage_requests"),
    ],
)
def test_signing_in_leads_to_the_work(world: World, person: str, page: str) -> None:
    user = world.person(person)
    assert user is not None
    credentials = {"login": user.email, "password": PASSWORD}
    answer = Client().post(reverse("account_login"), credentials)
    assert answer["Location"] == reverse(page)
    # Unless the person was on the way somewhere; and never to another site.
    wanted = reverse("datasets:list")
    assert Client().post(reverse("account_login"), {**credentials, "next": wanted})["Location"] == wanted
    foreign = Client().post(reverse("account_login"), {**credentials, "next": "https://evil.example/"})
    assert foreign["Location"] == reverse(page)
