"""What happens by itself: every mail once, whoever runs it and however often."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.conf import LazySettings
from django.core import mail as outbox
from django.db import connection
from django.utils import timezone

from accounts import mail, selectors, services
from accounts.models import AccessGrant, AccessRequest, Agreement, Notice, User
from accounts.services import reminders
from audit.models import Event
from tests.accounts.conftest import Commit
from tests.world import World, build_world


def _run(committing: Commit) -> list[tuple[str, str]]:
    """Whom `housekeeping` wrote what to: address and the template's mark in the subject."""
    outbox.outbox.clear()
    with committing():
        services.housekeeping()
    return sorted((message.to[0], message.subject.removeprefix("[CXR Commons] ")) for message in outbox.outbox)


def _move(world: World, days: float) -> None:
    """The grant of `granted` was given `days` earlier than it was."""
    span = timedelta(days=days)
    grant = AccessGrant.objects.get(pk=world.grant.pk)
    AccessGrant.objects.filter(pk=grant.pk).update(
        created_at=grant.created_at - span, expires_at=grant.expires_at - span
    )


@pytest.fixture
def quiet(world: World) -> World:
    """Nobody waits, nothing ended before; the grant lasts for a year from today."""
    AccessRequest.objects.filter(pk=world.request.pk).update(status="withdrawn")
    AccessGrant.objects.exclude(pk=world.grant.pk).update(expires_at=timezone.now() - timedelta(days=90))
    AccessGrant.objects.filter(pk=world.grant.pk).update(expires_at=timezone.now() + timedelta(days=365))
    return world


def test_researchers_are_told_before_and_when_a_grant_ends(quiet: World, committing: Commit) -> None:
    said = []
    for days in (300, 36, 1, 20, 1, 1, 6, 1, 60):
        _move(quiet, days)
        told = _run(committing)
        assert _run(committing) == []
        assert {address for address, _subject in told} <= {quiet.granted.email}
        said.append([subject.split("radiographs ")[1].split(" on ")[0] for _address, subject in told])
    assert said == [[], ["ends"], [], [], ["ends"], [], ["has expired"], [], []]
    assert Event.objects.filter(action="grant.expired").count() == 1


def test_of_several_reminders_that_are_due_one_is_sent(quiet: World, committing: Commit) -> None:
    _move(quiet, 362)
    assert len(_run(committing)) == 1
    assert Notice.objects.filter(kind__startswith="grant.ends").count() == 2


def test_a_short_grant_is_not_reminded_of_on_its_first_day(quiet: World, committing: Commit) -> None:
    AccessGrant.objects.filter(pk=quiet.grant.pk).update(expires_at=timezone.now() + timedelta(days=5))
    assert _run(committing) == []


@pytest.mark.parametrize("change", ["closed", "revoked", "outlasted"])
def test_nobody_is_told_of_what_does_not_matter(quiet: World, committing: Commit, change: str) -> None:
    _move(quiet, 340)
    if change == "closed":
        User.objects.filter(pk=quiet.granted.pk).update(is_active=False)
    elif change == "revoked":
        services.end_grants(user=quiet.granted, ended_by=AccessGrant.End.REVOKED)
    else:
        request = services.ask(
            user=quiet.granted, dataset=quiet.dataset, groups=[quiet.group], project="p", purpose="p"
        )
        services.decide(request=request, manager=quiet.manager, granted=True)
    assert _run(committing) == []


def test_reviewers_are_reminded_by_age_and_managers_at_last(
    quiet: World, committing: Commit, settings: LazySettings
) -> None:
    settings.CXR_REQUEST_REMINDER_DAYS = [3, 7]
    waiting = AccessRequest.objects.filter(pk=quiet.request.pk)
    said = []
    for age in (1, 4, 5, 8, 30):
        waiting.update(status="submitted", submitted_at=timezone.now() - timedelta(days=age))
        # The notice is bound to the moment of sending, which this test moves: keep it.
        Notice.objects.filter(object_type="accounts.accessrequest").update(
            object_id=f"{quiet.request.pk}:{waiting.get().submitted_at.timestamp():.0f}"  # type: ignore[union-attr]
        )
        said.append([address for address, _subject in _run(committing)])
        assert _run(committing) == []
    assert said == [[], [quiet.reviewer.email], [], sorted([quiet.reviewer.email, quiet.manager.email]), []]
    # Sent again after a question, it waits anew.
    waiting.update(submitted_at=timezone.now() - timedelta(days=4))
    assert [address for address, _subject in _run(committing)] == [quiet.reviewer.email]


def test_a_grant_ends_with_the_grace_of_a_new_agreement(quiet: World, committing: Commit) -> None:
    new = Agreement.objects.create(
        code="dua",
        version="2",
        title="New",
        text="Be kind.",
        sha256="1" * 64,
        replaces=quiet.agreement,
        grace_until=timezone.now() + timedelta(days=1),
    )
    quiet.dataset.agreement = new
    quiet.dataset.save()
    # Asked to sign, and kept until then.
    assert [address for address, _subject in _run(committing)] == [quiet.granted.email]
    assert selectors.current_grants(quiet.granted).exists()
    Agreement.objects.filter(pk=new.pk).update(grace_until=timezone.now())
    assert [address for address, _subject in _run(committing)] == [quiet.granted.email]
    assert AccessGrant.objects.get(pk=quiet.grant.pk).ended_by == "agreement"
    assert _run(committing) == []


def test_killed_between_two_people_it_goes_on_with_the_second(
    quiet: World, committing: Commit, monkeypatch: pytest.MonkeyPatch
) -> None:
    AccessGrant.objects.update(created_at=timezone.now() - timedelta(days=360))
    AccessGrant.objects.update(expires_at=timezone.now() + timedelta(days=5))
    send = mail.send

    def killed(*args: object, **kwargs: object) -> None:
        if Notice.objects.filter(object_type="accounts.accessgrant").values("object_id").distinct().count() == 2:
            raise SystemExit  # the second grant's notice is there, its mail is not
        send(*args, **kwargs)  # type: ignore[arg-type]

    with committing():
        monkeypatch.setattr(reminders.mail, "send", killed)
        with pytest.raises(SystemExit):
            services.housekeeping()
        monkeypatch.setattr(reminders.mail, "send", send)
    assert len(outbox.outbox) == 1
    assert len(_run(committing)) == 1
    assert _run(committing) == []


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_the_same_time_send_one_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    world = build_world()
    AccessRequest.objects.filter(pk=world.request.pk).update(status="withdrawn")
    AccessGrant.objects.filter(pk=world.grant.pk).update(created_at=timezone.now() - timedelta(days=300))
    AccessGrant.objects.exclude(pk=world.grant.pk).update(expires_at=timezone.now() - timedelta(days=90))
    sent: list[str] = []
    monkeypatch.setattr(reminders.mail, "send", lambda template, **objects: sent.append(template))
    together = Barrier(2)

    def run() -> None:
        together.wait()
        try:
            services.housekeeping()
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sent == ["grant_expiring"]
