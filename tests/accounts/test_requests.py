"""Drafts, questions, conversations, reviewers, open datasets and renewals."""

from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.utils import timezone

from accounts import policies, selectors, services
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import AccessGrant, AccessRequest, ReasonTemplate, User
from accounts.services.access import DAILY_MESSAGES, DAILY_REQUESTS, MAX_TEXT
from audit.models import Event
from datasets.models import Dataset
from tests.accounts.conftest import Commit
from tests.world import World


def _ask(world: World, user: User, **changes: object) -> AccessRequest:
    values = {"dataset": world.dataset, "groups": [world.group, world.other_group], "project": "Lungs", "purpose": "x"}
    return services.ask(user=user, **{**values, **changes})  # type: ignore[arg-type]


def _draft(world: World, user: User, **changes: object) -> AccessRequest:
    values = {"dataset": world.dataset, "groups": [], "contents": [], "project": "", "purpose": ""}
    return services.save_request(user=user, **{**values, **changes})  # type: ignore[arg-type]


def _tos() -> list[str]:
    found = sorted(address for mail in outbox.outbox for address in mail.to)
    outbox.outbox.clear()
    return found


def test_a_draft_is_kept_mended_and_sent(world: World, committing: Commit) -> None:
    user = world.granted
    with committing():
        draft = _draft(world, user)
    assert (draft.status, draft.submitted_at) == ("draft", None)
    for missing in ({"groups": []}, {"contents": []}, {"project": " "}, {"purpose": ""}):
        complete = {"groups": [world.group], "contents": ["masks"], "project": "Lungs", "purpose": "To learn."}
        _draft(world, user, request=draft, **{**complete, **missing})
        with pytest.raises(AccountsError):
            services.submit_request(request=draft, user=user)
    draft = _draft(world, user, request=draft, **complete)
    with pytest.raises(NotAllowedError):
        services.submit_request(request=draft, user=world.expired)
    with pytest.raises(NotAllowedError):
        _draft(world, world.expired, request=draft)
    with pytest.raises(AlreadyDoneError):
        _draft(world, user)
    assert _tos() == []
    with committing():
        services.submit_request(request=draft, user=user)
    assert (draft.status, draft.contents, _tos()) == ("submitted", ["masks"], [world.reviewer.email])
    assert draft.submitted_at is not None
    with pytest.raises(AlreadyDoneError):
        _draft(world, user, request=draft)
    with pytest.raises(AccountsError):
        _draft(world, world.expired, contents=["everything"])


def test_a_question_gives_the_request_back(world: World, committing: Commit) -> None:
    request, reviewer, user = _ask(world, world.granted), world.reviewer, world.granted
    with pytest.raises(AccountsError):
        services.ask_more(request=request, reviewer=reviewer, text=" ")
    with pytest.raises(NotAllowedError):
        services.ask_more(request=request, reviewer=world.curator, text="Who?")
    with committing():
        services.ask_more(request=request, reviewer=reviewer, text="Who works on it?")
    assert request.status == "more_information"
    (mail,) = outbox.outbox
    assert mail.to == [user.email]
    assert "Who works on it?" not in mail.body
    assert f"/me/requests/{request.pk}/" in mail.body
    outbox.outbox.clear()
    with pytest.raises(AlreadyDoneError):
        services.decide(request=request, manager=reviewer, granted=True)
    _draft(world, user, request=request, groups=[world.group], contents=["regions"], project="Lungs", purpose="Rita.")
    with committing():
        services.submit_request(request=request, user=user)
    assert (request.status, _tos()) == ("submitted", [reviewer.email])
    grant = services.decide(request=request, manager=reviewer, granted=True)
    assert grant is not None
    assert (list(grant.groups.all()), grant.contents) == ([world.group], ["regions"])
    assert Event.objects.filter(action="request.submitted", data__again=True).count() == 1


def test_the_conversation_tells_the_other_side_without_the_words(world: World, committing: Commit) -> None:
    request, user = _ask(world, world.granted), world.granted
    for author, told in ((user, world.reviewer), (world.reviewer, user), (world.manager, user)):
        with committing():
            services.write_message(request=request, author=author, text="Something private.")
        (mail,) = outbox.outbox
        assert mail.to == [told.email]
        assert "private" not in mail.body + mail.subject
        outbox.outbox.clear()
    for stranger in (world.expired, world.curator):
        with pytest.raises(NotAllowedError):
            services.write_message(request=request, author=stranger, text="Hello.")
    with pytest.raises(AccountsError):
        services.write_message(request=request, author=user, text=" ")
    services.decide(request=request, manager=world.reviewer, granted=False, reason="No.")
    with pytest.raises(AlreadyDoneError):
        services.write_message(request=request, author=user, text="Why?")
    assert request.messages.count() == 3
    assert "private" not in str(list(Event.objects.values_list("data", flat=True)))


def test_reviewers_decide_about_their_datasets_and_nothing_else(world: World) -> None:
    reviewer = world.reviewer
    other = Dataset.objects.create(slug="other", title="Other", agreement=world.agreement, is_public=True)
    elsewhere = AccessRequest.objects.create(user=world.expired, dataset=other, submitted_at=timezone.now())
    assert list(selectors.requests_for(reviewer).filter(status="submitted")) == [world.request]
    with pytest.raises(NotAllowedError):
        services.decide(request=elsewhere, manager=reviewer, granted=False, reason="No.")
    with pytest.raises(NotAllowedError):
        services.revoke(grant=world.grant, manager=reviewer, reason="No.")
    own = AccessRequest.objects.create(user=reviewer, dataset=world.dataset, project="p", purpose="p")
    with pytest.raises(NotAllowedError, match="own"):
        services.decide(request=own, manager=reviewer, granted=True)
    assert list(selectors.deciders(own)) == [world.manager]
    services.decide(request=own, manager=world.manager, granted=False, reason="No.")
    User.objects.filter(pk=reviewer.pk).update(is_active=False)
    assert not policies.is_reviewer(User.objects.get(pk=reviewer.pk))
    assert list(selectors.deciders(world.request)) == [world.manager]


def test_less_than_was_asked_for_can_be_granted_but_nothing_else(world: World) -> None:
    request = _ask(world, world.granted, contents=["regions", "masks"])
    for wrong in ({"groups": []}, {"contents": []}, {"contents": ["originals"]}):
        with pytest.raises(AccountsError):
            services.decide(request=request, manager=world.reviewer, granted=True, **wrong)  # type: ignore[arg-type]
    assert AccessRequest.objects.get(pk=request.pk).status == "submitted"
    with pytest.raises(AccountsError):
        services.decide(request=world.request, manager=world.reviewer, granted=True, groups=[world.other_group])
    grant = services.decide(
        request=request, manager=world.reviewer, granted=True, groups=[world.other_group], contents=["masks"]
    )
    assert grant is not None
    assert (list(grant.groups.all()), grant.contents) == ([world.other_group], ["masks"])
    assert set(request.groups.all()) == {world.group, world.other_group}
    assert Event.objects.get(action="request.granted").data["fewer"] is True


def test_an_open_dataset_grants_at_once_to_who_may_ask(world: World, committing: Commit) -> None:
    Dataset.objects.update(access="open", grant_days=20)
    world.dataset.refresh_from_db()
    with pytest.raises(NotAllowedError, match="Sign"):
        _ask(world, world.people.researcher())
    with committing():
        request = _ask(world, world.expired)
    assert (request.status, request.decided_by) == ("granted", None)
    grant = request.grant
    assert (grant.granted_by, set(grant.groups.all())) == (None, {world.group, world.other_group})
    assert timedelta(days=19) < grant.expires_at - timezone.now() <= timedelta(days=20)
    assert _tos() == [world.expired.email]
    assert Event.objects.get(action="request.granted").actor_id is None


def test_an_open_dataset_asks_somebody_about_who_was_revoked(world: World, committing: Commit) -> None:
    Dataset.objects.update(access="open")
    world.dataset.refresh_from_db()
    services.revoke(grant=world.grant, manager=world.manager, reason="Misuse.")
    outbox.outbox.clear()
    with committing():
        request = _ask(world, world.granted)
    assert (request.status, _tos()) == ("submitted", [world.reviewer.email])
    assert not selectors.current_grants(world.granted).exists()


def test_an_open_dataset_is_not_a_managers_own_door(world: World) -> None:
    Dataset.objects.update(access="open")
    world.dataset.refresh_from_db()
    manager = world.people.manager()
    services.sign(user=manager, agreement=world.agreement, typed_name=manager.name, institution="University")
    assert _ask(world, manager).status == "submitted"
    assert not AccessGrant.objects.filter(user=manager).exists()


def test_renewals_do_not_pile_up(world: World) -> None:
    Dataset.objects.update(access="open", grant_days=90)
    world.dataset.refresh_from_db()
    last = timezone.now() + timedelta(days=60)
    for end, allowed in ((last + timedelta(minutes=5), False), (last, True)):
        AccessGrant.objects.filter(pk=world.grant.pk).update(expires_at=end)
        world.grant.refresh_from_db()
        renewal = {"groups": [world.group], "achieved": "A paper."}
        if not allowed:
            with pytest.raises(AccountsError, match="last 60 days"):
                _ask(world, world.granted, renews=world.grant, **renewal)
    new = _ask(world, world.granted, renews=world.grant, **renewal).grant
    with pytest.raises(AccountsError, match="last 60 days"):
        _ask(world, world.granted, renews=new, **renewal)


def test_messages_and_words_have_limits(world: World, committing: Commit) -> None:
    request, user = _ask(world, world.granted), world.granted
    with pytest.raises(AccountsError, match="at most"):
        services.write_message(request=request, author=user, text="x" * (MAX_TEXT + 1))
    for words in ("purpose", "achieved"):
        with pytest.raises(AccountsError, match="at most"):
            _draft(world, world.expired, **{words: "x" * (MAX_TEXT + 1)})
    for _ in range(DAILY_MESSAGES):
        services.write_message(request=request, author=user, text="x" * MAX_TEXT)
    with committing(), pytest.raises(AccountsError, match="today"):
        services.write_message(request=request, author=user, text="One more.")
    assert _tos() == []
    services.write_message(request=request, author=world.reviewer, text="The other side may.")
    request.messages.update(at=timezone.now() - timedelta(days=1))
    services.write_message(request=request, author=user, text="On the next day.")


def test_asking_and_withdrawing_in_a_loop_ends(world: World, committing: Commit) -> None:
    user = world.granted
    for _ in range(DAILY_REQUESTS):
        services.withdraw_request(request=_ask(world, user), user=user)
    with committing(), pytest.raises(AccountsError, match="in 24 hours"):
        _ask(world, user)
    assert _tos() == []
    _ask(world, world.expired)
    AccessRequest.objects.filter(user=user).update(submitted_at=timezone.now() - timedelta(days=1))
    _ask(world, user)


@pytest.mark.parametrize("left", [10, -10])
def test_a_renewal_takes_the_place_of_its_grant_without_a_gap(world: World, left: int) -> None:
    user, old = world.granted, world.grant
    AccessGrant.objects.filter(pk=old.pk).update(expires_at=timezone.now() + timedelta(days=left))
    old.refresh_from_db()
    with pytest.raises(AccountsError, match="done so far"):
        _ask(world, user, renews=old, groups=[world.group])
    with pytest.raises(NotAllowedError):
        _ask(world, world.expired, renews=old)
    request = _ask(world, user, renews=old, groups=[world.group], achieved="A paper.")
    assert selectors.current_grants(user).exists() == (left > 0)
    new = services.decide(request=request, manager=world.reviewer, granted=True, days=100)
    assert new is not None
    old.refresh_from_db()
    assert old.ended_by == "renewed"
    assert list(selectors.current_grants(user)) == [new]
    assert new.created_at == old.revoked_at
    # The time that was left is not lost, the time that was over does not count.
    assert new.expires_at - new.created_at > timedelta(days=99 + max(left, 0))
    assert new.expires_at - new.created_at <= timedelta(days=100 + max(left, 0))
    if left > 0:
        for at in (new.created_at - timedelta(microseconds=1), new.created_at):
            assert selectors.current_grants(user, at=at).count() == 1
    with pytest.raises(AccountsError, match="renewed"):
        _ask(world, user, renews=old, achieved="Again.")


def test_what_was_revoked_is_not_renewed(world: World) -> None:
    request = _ask(world, world.granted, renews=world.grant, groups=[world.group], achieved="A paper.")
    services.revoke(grant=world.grant, manager=world.manager, reason="Over.")
    # Who decides may still grant: it is a new grant then, and it begins now.
    grant = services.decide(request=request, manager=world.reviewer, granted=True, days=5)
    assert grant is not None
    world.grant.refresh_from_db()
    assert (world.grant.ended_by, grant.expires_at - grant.created_at) == ("revoked", timedelta(days=5))
    with pytest.raises(AccountsError, match="renewed"):
        _ask(world, world.granted, renews=world.grant, achieved="A paper.")


def test_closing_takes_back_requests_and_ends_grants(world: World) -> None:
    _ask(world, world.granted)
    assert services.withdraw_requests(user=world.granted) == 1
    assert services.withdraw_requests(user=world.granted) == 0
    assert services.end_grants(user=world.granted, ended_by=AccessGrant.End.CLOSED, actor=world.granted) == 1
    assert services.end_grants(user=world.granted, ended_by=AccessGrant.End.CLOSED) == 0
    assert not selectors.current_grants(world.granted).exists()
    assert Event.objects.get(action="grant.ended").data["ended_by"] == "closed"
    assert services.end_grants(user=world.expired, ended_by=AccessGrant.End.CLOSED) == 0


def test_templates_are_the_managers_and_reviewers_choose_from_them(world: World) -> None:
    words = {"use": "refuse", "title": "Vague", "text": "Say more."}
    template = services.save_reason(manager=world.manager, **words)
    other = Dataset.objects.create(slug="other", title="Other", agreement=world.agreement)
    services.save_reason(manager=world.manager, dataset_id=other.pk, **words)
    assert list(selectors.reason_templates(world.dataset.pk)) == [template]
    services.save_reason(manager=world.manager, template=template, **{**words, "text": "Say much more."})
    assert selectors.reason_templates(world.dataset.pk).get().text == "Say much more."
    with pytest.raises(NotAllowedError):
        services.save_reason(manager=world.reviewer, **words)
    with pytest.raises(NotAllowedError):
        services.delete_reason(manager=world.reviewer, template=template)
    for wrong in ({"use": "no"}, {"title": " "}, {"text": ""}):
        with pytest.raises(AccountsError):
            services.save_reason(manager=world.manager, **{**words, **wrong})
    services.delete_reason(manager=world.manager, template=template)
    assert ReasonTemplate.objects.count() == 1
