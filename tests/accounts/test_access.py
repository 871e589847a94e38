"""Asking for access, deciding about it, and what holds afterwards."""

from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.db import transaction
from django.utils import timezone

from accounts import selectors, services
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import AccessGrant, AccessRequest, Signature, User
from audit.models import Event
from audit.verification import Verification
from tests.accounts.conftest import Commit
from tests.world import World


def _sign(world: World, user: User) -> Signature:
    return services.sign(user=user, agreement=world.agreement, typed_name=user.name, institution="University")


def _ask(world: World, user: User) -> AccessRequest:
    return services.ask(
        user=user, dataset=world.dataset, groups=[world.group], project="Lungs", purpose="To learn about lungs."
    )


def test_asking_needs_the_signature_and_happens_once(world: World) -> None:
    user = world.people.researcher()
    with pytest.raises(NotAllowedError, match="Sign"):
        _ask(world, user)
    _sign(world, user)
    request = _ask(world, user)
    assert (request.status, list(request.groups.all())) == ("submitted", [world.group])
    # The unique constraint decides, whoever asks at the same moment.
    with pytest.raises(AlreadyDoneError):
        _ask(world, user)
    assert user.access_requests.count() == 1
    assert Event.objects.filter(action="request.submitted", actor_id=user.pk).count() == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"groups": []}, AccountsError),
        ({"project": "  "}, AccountsError),
        ({"purpose": ""}, AccountsError),
    ],
)
def test_asking_needs_words_and_groups(world: World, change: dict[str, object], error: type[Exception]) -> None:
    values = {"dataset": world.dataset, "groups": [world.group], "project": "Lungs", "purpose": "To learn."}
    with pytest.raises(error):
        services.ask(user=world.granted, **{**values, **change})  # type: ignore[arg-type]
    assert not Event.objects.filter(action="request.submitted").exists()


def test_groups_of_another_dataset_and_hidden_datasets_are_refused(world: World) -> None:
    from datasets.models import Dataset, DiagnosisGroup

    hidden = Dataset.objects.create(slug="hidden", title="Hidden", agreement=world.agreement)
    foreign = DiagnosisGroup.objects.create(dataset=hidden, class_id=1, label="NORMAL")
    with pytest.raises(AccountsError, match="group"):
        services.ask(
            user=world.granted, dataset=world.dataset, groups=[world.group, foreign], project="Lungs", purpose="Lungs"
        )
    with pytest.raises(NotAllowedError):
        services.ask(user=world.granted, dataset=hidden, groups=[foreign], project="Lungs", purpose="Lungs")


def test_an_unconfirmed_address_can_neither_sign_nor_ask(world: World) -> None:
    world.granted.emailaddress_set.update(verified=False)  # type: ignore[attr-defined]
    with pytest.raises(NotAllowedError, match="e-mail"):
        _sign(world, world.granted)
    with pytest.raises(NotAllowedError, match="e-mail"):
        _ask(world, world.granted)


def test_granting_gives_a_grant_that_ends(world: World) -> None:
    grant = services.decide(request=world.request, manager=world.manager, granted=True, days=10)
    assert grant is not None
    assert list(grant.groups.all()) == [world.group]
    assert timedelta(days=9) < grant.expires_at - timezone.now() <= timedelta(days=10)
    assert world.request.status == "granted"
    assert list(selectors.current_grants(world.researcher, world.dataset)) == [grant]
    later = timezone.now() + timedelta(days=11)
    assert not selectors.current_grants(world.researcher, world.dataset, at=later).exists()
    event = Event.objects.get(action="request.granted")
    assert event.data == {
        "dataset": world.dataset.pk,
        "person": world.researcher.pk,
        "grant": grant.pk,
        "days": 10,
        "groups": [world.group.pk],
        "contents": ["masks", "originals", "regions"],
        "fewer": False,
    }
    assert list(Verification()) == []


def test_refusing_needs_a_reason_and_gives_nothing(world: World) -> None:
    with pytest.raises(AccountsError, match="reason"):
        services.decide(request=world.request, manager=world.manager, granted=False, reason="  ")
    assert services.decide(request=world.request, manager=world.manager, granted=False, reason="Too vague.") is None
    assert (world.request.status, world.request.reason) == ("refused", "Too vague.")
    assert not selectors.current_grants(world.researcher).exists()
    assert "Too vague" not in str(Event.objects.get(action="request.refused").data)


def test_the_second_decision_is_told_that_it_came_late(world: World) -> None:
    stale = AccessRequest.objects.get(pk=world.request.pk)
    services.decide(request=world.request, manager=world.manager, granted=False, reason="Too vague.")
    with pytest.raises(AlreadyDoneError, match="refused"):
        services.decide(request=stale, manager=world.people.manager(), granted=True)
    assert not AccessGrant.objects.filter(user=world.researcher).exists()
    assert AccessRequest.objects.get(pk=stale.pk).decided_by == world.manager


@pytest.mark.parametrize("days", [0, -1, 10**6])
def test_a_grant_lasts_a_sensible_time(world: World, days: int) -> None:
    with pytest.raises(AccountsError):
        services.decide(request=world.request, manager=world.manager, granted=True, days=days)


def test_only_managers_decide_and_never_about_themselves(world: World) -> None:
    for person in (world.researcher, world.curator, world.hospital_user):
        with pytest.raises(NotAllowedError):
            services.decide(request=world.request, manager=person, granted=True)
    own = AccessRequest.objects.create(user=world.manager, dataset=world.dataset, project="Mine", purpose="Mine")
    with pytest.raises(NotAllowedError, match="own"):
        services.decide(request=own, manager=world.manager, granted=True)
    assert not AccessGrant.objects.filter(request__in=[own, world.request]).exists()


def test_a_closed_account_gets_no_grant_and_a_closed_manager_gives_none(world: World) -> None:
    User.objects.filter(pk=world.researcher.pk).update(is_active=False)
    with pytest.raises(AccountsError, match="closed"):
        services.decide(request=world.request, manager=world.manager, granted=True)
    world.manager.is_active = False
    with pytest.raises(NotAllowedError):
        services.decide(request=world.request, manager=world.manager, granted=False, reason="No.")


def test_withdrawing_leaves_room_for_a_new_request(world: World) -> None:
    with pytest.raises(NotAllowedError):
        services.withdraw_request(request=world.request, user=world.granted)
    services.withdraw_request(request=world.request, user=world.researcher)
    assert world.request.status == "withdrawn"
    with pytest.raises(AlreadyDoneError):
        services.withdraw_request(request=world.request, user=world.researcher)
    with pytest.raises(AlreadyDoneError):
        services.decide(request=world.request, manager=world.manager, granted=True)
    _sign(world, world.researcher)
    assert _ask(world, world.researcher).status == "submitted"


def test_revoking_ends_a_grant_at_once(world: World) -> None:
    with pytest.raises(NotAllowedError):
        services.revoke(grant=world.grant, manager=world.curator, reason="No.")
    with pytest.raises(AccountsError, match="reason"):
        services.revoke(grant=world.grant, manager=world.manager, reason=" ")
    assert selectors.current_grants(world.granted).exists()
    before = timezone.now()
    services.revoke(grant=world.grant, manager=world.manager, reason="The project is over.")
    assert not selectors.current_grants(world.granted).exists()
    assert selectors.current_grants(world.granted, at=before).exists()
    with pytest.raises(AlreadyDoneError):
        services.revoke(grant=world.grant, manager=world.manager, reason="Again.")
    assert Event.objects.filter(action="grant.revoked").count() == 1


def test_people_are_told(world: World, committing: Commit) -> None:
    user = world.granted
    with committing():
        request = _ask(world, user)
        assert outbox.outbox == []
    with committing():
        services.decide(request=request, manager=world.manager, granted=False, reason="Say more <here> & now.")
    with committing():
        services.revoke(grant=world.grant, manager=world.manager, reason="The project is over.")
    with committing():
        services.decide(request=world.request, manager=world.manager, granted=True)
    submitted, refused, revoked, granted = outbox.outbox
    assert (submitted.to, refused.to, revoked.to) == ([world.reviewer.email], [user.email], [user.email])
    assert granted.to == [world.researcher.email]
    assert f"http://127.0.0.1:8000/manage/requests/{request.pk}/" in submitted.body
    assert "Say more <here> & now." in refused.body
    assert "The project is over." in revoked.body
    assert "http://127.0.0.1:8000/datasets/example/" in granted.body
    assert not [mail for mail in outbox.outbox if "QuerySet" in mail.subject + str(mail.body)], "names, no Python"
    for mail in outbox.outbox:
        assert mail.subject.startswith("[CXR Commons] ")
        assert "Example radiographs" in mail.subject


@transaction.atomic
def _grant_and_fall_over(world: World) -> None:
    services.decide(request=world.request, manager=world.manager, granted=True)
    raise RuntimeError


def test_nobody_is_told_of_what_was_rolled_back(world: World, committing: Commit) -> None:
    with committing(), pytest.raises(RuntimeError):
        _grant_and_fall_over(world)
    assert outbox.outbox == []


def test_a_signature_freezes_the_text(world: World) -> None:
    user = world.researcher
    for wrong in ("Rita", "", "R. Researcher"):
        with pytest.raises(AccountsError, match="name"):
            services.sign(user=user, agreement=world.agreement, typed_name=wrong, institution="University")
    with pytest.raises(AccountsError, match="institution"):
        services.sign(user=user, agreement=world.agreement, typed_name=user.name, institution="  ")
    assert not selectors.has_signed(user, world.agreement)
    signature = services.sign(
        user=user, agreement=world.agreement, typed_name="  rita   RESEARCHER ", institution=" The  University "
    )
    assert (signature.typed_name, signature.institution) == ("rita RESEARCHER", "The University")
    assert signature.text_sha256 == world.agreement.sha256
    assert selectors.has_signed(user, world.agreement)
    # Signing again, even at the same moment in another window, gives the same signature.
    assert _sign(world, user) == signature
    assert Event.objects.filter(action="agreement.signed").count() == 1
    world.agreement.text += " And more."
    with pytest.raises(AccountsError, match="changed"):
        _sign(world, world.people.researcher())


def test_a_signature_under_other_words_does_not_count(world: World) -> None:
    world.agreement.sha256 = "0" * 64
    assert not selectors.has_signed(world.granted, world.agreement)


def test_agreements_are_published_once_per_version(world: World) -> None:
    new = services.publish_agreement(
        manager=world.manager, code="other", version="2", title="Agreement", text="Be kind.\r\nAlways.\n"
    )
    assert new.text == "Be kind.\nAlways."
    assert not selectors.has_signed(world.granted, new)
    with pytest.raises(AlreadyDoneError):
        services.publish_agreement(manager=world.manager, code="other", version="2", title="Agreement", text="Other")
    with pytest.raises(NotAllowedError):
        services.publish_agreement(manager=world.curator, code="dua", version="3", title="Agreement", text="Other")
    with pytest.raises(AccountsError):
        services.publish_agreement(manager=world.manager, code="dua", version="3", title="Agreement", text=" ")
