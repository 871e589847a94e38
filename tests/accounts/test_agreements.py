"""Versions of agreements: published, replaced, compared, signed again, with receipts."""

import csv
import io
from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import receipts, selectors, services
from accounts.errors import AccountsError, AlreadyDoneError, NotAllowedError
from accounts.models import Agreement, Notice, Signature, User
from audit.models import Event
from tests.accounts.conftest import Commit
from tests.world import World

OLD = "You will not try to identify anybody."
NEW = "You will not try to identify anybody, nor help others to."


def _replace(world: World, days: int = 30, text: str = NEW, version: str = "2") -> Agreement:
    newest = Agreement.objects.filter(code="dua", replaced_by=None).get()
    return services.publish_agreement(
        manager=world.manager,
        code="dua",
        version=version,
        title="Data use agreement",
        text=text,
        replaces=newest,
        grace_days=days,
    )


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _sign(user: User, agreement: Agreement) -> Signature:
    return services.sign(user=user, agreement=agreement, typed_name=user.name, institution="University")


def test_a_new_version_takes_the_place_of_the_newest(world: World) -> None:
    second = _replace(world)
    world.dataset.refresh_from_db()
    assert world.dataset.agreement == second
    assert (second.replaces, second.code) == (world.agreement, "dua")
    assert timedelta(days=30) == (second.grace_until or timezone.now()) - second.created_at
    event = Event.objects.get(action="agreement.published")
    assert event.data == {
        "sha256": second.sha256,
        "replaces": world.agreement.pk,
        "grace_days": 30,
        "datasets": [world.dataset.pk],
    }
    # The signature of the first counts for now, and no longer than that.
    assert selectors.has_signed(world.granted, second)
    assert not selectors.has_signed(world.granted, second, timezone.now() + timedelta(days=31))
    third = _replace(world, text="Third.", version="3")
    assert third.replaces == second
    with pytest.raises(AlreadyDoneError, match="newer"):
        services.publish_agreement(
            manager=world.manager, code="dua", version="4", title="T", text="Fourth.", replaces=second
        )
    assert not Agreement.objects.filter(version="4").exists()


def test_what_cant_be_published(world: World) -> None:
    def publish(**changes: object) -> None:
        values = {"code": "new", "version": "1", "title": "New", "text": "Words.", **changes}
        services.publish_agreement(manager=world.manager, **values)  # type: ignore[arg-type]

    for change in (
        {"text": " \n"},
        {"text": "Hidden \u202e direction"},
        {"title": "Bell \x07"},
        {"text": "x" * 200_000},
        {"text": "> " * 60 + "x"},
        {"title": " "},
        {"version": ""},
        {"language": "xx"},
        {"text": world.agreement.text, "replaces": world.agreement},
        {"replaces": world.agreement, "grace_days": -1},
        {"replaces": world.agreement, "grace_days": 366},
    ):
        with pytest.raises(AccountsError):
            publish(**change)
    with pytest.raises(AlreadyDoneError, match="new version"):
        publish(code="dua", version="2")
    with pytest.raises(NotAllowedError):
        services.publish_agreement(manager=world.curator, code="x", version="1", title="X", text="X.")
    assert list(Agreement.objects.all()) == [world.agreement]


@pytest.mark.parametrize("change", [{"text": "Other."}, {"sha256": "0" * 64}, {"version": "9"}, {"title": "Other"}])
def test_the_database_itself_refuses_to_change_a_published_text(world: World, change: dict[str, str]) -> None:
    with pytest.raises(DatabaseError, match="does not change"), transaction.atomic():
        Agreement.objects.filter(pk=world.agreement.pk).update(**change)
    world.agreement.refresh_from_db()
    assert world.agreement.text == OLD
    # What is no part of what was signed stays open to the services.
    Agreement.objects.filter(pk=world.agreement.pk).update(grace_until=timezone.now())


def test_only_the_newest_version_is_signed(world: World) -> None:
    second = _replace(world)
    with pytest.raises(AccountsError, match="newer"):
        _sign(world.researcher, world.agreement)
    assert _sign(world.researcher, second).text_sha256 == second.sha256


def test_whoever_has_access_is_asked_once_to_sign_again(world: World, committing: Commit) -> None:
    closed = world.people.researcher()
    with committing():
        second = _replace(world)
    # `researcher` signed nothing, the grant of `expired` is over: nobody else is bothered.
    (letter,) = outbox.outbox
    assert letter.to == [world.granted.email]
    assert "Data use agreement" in letter.subject
    assert f"/agreements/{second.pk}/" in letter.body
    assert "counts until" in letter.body
    with committing():
        assert services.announce_agreements() == 0
    assert len(outbox.outbox) == 1
    assert not Notice.objects.filter(object_id=str(closed.pk)).exists()


def test_there_is_one_last_call_and_none_for_who_signed(world: World, committing: Commit) -> None:
    now = timezone.now()
    second = Agreement.objects.create(
        code="dua",
        version="2",
        title="Data use agreement",
        text=NEW,
        sha256=receipts.text_hash(NEW),
        replaces=world.agreement,
        created_at=now - timedelta(days=20),
        grace_until=now + timedelta(days=10),
    )
    world.dataset.agreement = second
    world.dataset.save()
    with committing():
        assert services.announce_agreements() == 1
        assert services.announce_agreements() == 0
    # A few days later.
    Agreement.objects.filter(pk=second.pk).update(grace_until=now + timedelta(days=5))
    with committing():
        assert services.announce_agreements() == 1
        assert services.announce_agreements() == 0
    assert [letter.to for letter in outbox.outbox] == [[world.granted.email]] * 2
    _sign(world.granted, second)
    Notice.objects.all().delete()
    assert services.announce_agreements() == 0


def test_the_signer_gets_a_receipt_by_mail_and_on_the_page(world: World, committing: Commit) -> None:
    user = world.researcher
    with committing():
        signature = _sign(user, world.agreement)
    (letter,) = outbox.outbox
    assert letter.to == [user.email]
    ((name, content, kind),) = letter.attachments
    assert (name, kind) == (f"receipt-{signature.pk}-dua-1.pdf", "application/pdf")
    page = _client(user).get(reverse("accounts:receipt", args=[signature.pk]))
    assert page.content == content == receipts.receipt_pdf(signature)
    assert page["Content-Type"] == "application/pdf"
    assert "no-store" in page["Cache-Control"]
    assert _client(world.granted).get(reverse("accounts:receipt", args=[signature.pk])).status_code == 404
    profile = _client(user).get(reverse("accounts:profile")).content.decode()
    assert reverse("accounts:receipt", args=[signature.pk]) in profile


def test_a_receipt_of_other_words_is_refused(world: World) -> None:
    signature = Signature.objects.get(user=world.granted)
    Signature.objects.filter(pk=signature.pk).update(text_sha256="0" * 64)
    answer = _client(world.granted).get(reverse("accounts:receipt", args=[signature.pk]), follow=True)
    assert "not the one that was signed" in answer.content.decode()


def test_every_version_can_be_read_by_everybody(world: World) -> None:
    second = _replace(world)
    for agreement in (world.agreement, second):
        pdf = Client().get(reverse("accounts:agreement_pdf", args=[agreement.pk]))
        assert pdf.content.startswith(b"%PDF-")
        page = Client().get(reverse("accounts:agreement", args=[agreement.pk])).content.decode()
        assert agreement.sha256 in page
        assert reverse("accounts:agreement_pdf", args=[agreement.pk]) in page
    first = Client().get(reverse("accounts:agreement", args=[world.agreement.pk])).content.decode()
    assert "took the place of this one" in first


def test_the_signer_of_an_old_version_sees_what_changed_and_until_when(world: World) -> None:
    second = _replace(world)
    third = _replace(world, text=NEW + "\n\nReport every finding.", version="3")
    page = _client(world.granted).get(reverse("accounts:agreement", args=[third.pk])).content.decode()
    assert "You signed version 1" in page
    assert "counts until" in page
    # Against what this person signed, not against the version in between.
    assert "What changed since version 1" in page
    assert '<ins><span class="visually-hidden">[added: </span>, nor help others to<' in page
    assert "Report every finding." in page
    Agreement.objects.filter(pk__in=[second.pk, third.pk]).update(grace_until=timezone.now() - timedelta(days=1))
    page = _client(world.granted).get(reverse("accounts:agreement", args=[third.pk])).content.decode()
    assert "no longer counts" in page
    # Somebody who signed nothing compares with the version before.
    page = _client(world.researcher).get(reverse("accounts:agreement", args=[third.pk])).content.decode()
    assert "What changed since version 2" in page


def test_a_manager_previews_then_publishes(world: World) -> None:
    client = _client(world.manager)
    url = reverse("accounts:agreement_replace", args=[world.agreement.pk])
    form = client.get(url).content.decode()
    assert OLD in form
    assert 'value="publish"' not in form
    values = {"title": "DUA", "version": "2", "language": "pl", "text": NEW + "\r\n\r\n<b>x</b>", "grace_days": 10}
    taken = client.post(url, {**values, "version": world.agreement.version, "action": "preview"})
    assert "This version exists already" in taken.content.decode()
    assert 'value="publish"' not in taken.content.decode()
    preview = client.post(url, {**values, "action": "preview"})
    text = preview.content.decode()
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert "<ins>" in text
    assert not Agreement.objects.filter(version="2").exists()
    # Words that nobody looked at are not published.
    previewed = preview.context["previewed"]
    hasty = client.post(url, {**values, "text": "Other words.", "previewed": previewed, "action": "publish"})
    assert "changed since the preview" in hasty.content.decode()
    assert not Agreement.objects.filter(version="2").exists()
    done = client.post(url, {**values, "previewed": previewed, "action": "publish"})
    second = Agreement.objects.get(version="2")
    assert done["Location"] == reverse("accounts:manage_agreement", args=[second.pk])
    assert (second.language, second.text, second.code) == ("pl", NEW + "\n\n<b>x</b>", "dua")
    # From the old page one is led on.
    assert client.get(url)["Location"] == reverse("accounts:manage_agreement", args=[second.pk])
    hidden = client.post(url.replace(f"/{world.agreement.pk}/", f"/{second.pk}/"), {**values, "text": "a\x00b"})
    assert hidden.context["form"].errors["text"]


def test_managers_see_who_signed(world: World) -> None:
    client = _client(world.manager)
    listed = client.get(reverse("accounts:manage_agreements")).content.decode()
    assert "in force" in listed
    page = client.get(reverse("accounts:manage_agreement", args=[world.agreement.pk])).content.decode()
    assert "2 signatures" in page
    assert world.granted.email in page
    Signature.objects.filter(user=world.granted).update(institution="=HYPERLINK(1)")
    answer = client.get(reverse("accounts:agreement_signatures", args=[world.agreement.pk]))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]
    assert {row["email"] for row in rows} == {world.granted.email, world.expired.email}
    assert {row["institution"] for row in rows} == {"'=HYPERLINK(1)", world.expired.institution}
    assert {row["text_sha256"] for row in rows} == {world.agreement.sha256}
    assert Event.objects.filter(action="agreement.signatures_exported", actor_id=world.manager.pk).count() == 1
