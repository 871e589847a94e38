"""The pages about requests, as the researcher, the reviewer and the manager go through them without any script."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services
from accounts.models import AccessGrant, AccessRequest, Agreement, ReasonTemplate, User
from audit.models import Event
from datasets.models import Dataset
from tests.world import World


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _page(client: Client, url: str) -> str:
    answer = client.get(url, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def _post(client: Client, url: str, **values: object) -> str:
    return str(client.post(url, values, follow=True).content.decode())


@pytest.fixture
def asking(world: World) -> dict[str, object]:
    return {
        "groups": [world.group.pk, world.other_group.pk],
        "contents": ["originals", "masks"],
        "project": "Lungs",
        "purpose": "To learn.",
    }


def test_a_draft_can_be_kept_before_anything_else_is_done(world: World, asking: dict[str, object]) -> None:
    user = world.people.researcher()
    client, url = _client(user), reverse("datasets:request", args=["example"])
    page = _page(client, url)
    assert "Read and sign the agreement" in page
    assert "Send the request" not in page
    # Even a form that was sent in spite of that is kept as a draft only.
    assert "Your draft is kept" in _post(client, url, **asking)
    draft = AccessRequest.objects.get(user=user)
    assert (draft.status, draft.contents) == ("draft", ["masks", "originals"])
    services.sign(user=user, agreement=world.agreement, typed_name=user.name, institution="University")
    assert "Finish your request" in _page(client, reverse("accounts:profile"))
    page = _page(client, url)
    assert 'value="Lungs"' in page
    assert "Save without sending" in page
    refused = client.post(url, {**asking, "contents": []})
    assert "Choose what you need" in refused.content.decode()
    answer = client.post(url, {**asking, "project": "Ribs"})
    assert answer["Location"] == reverse("accounts:request", args=[draft.pk])
    draft.refresh_from_db()
    assert (draft.status, draft.project, draft.groups.count()) == ("submitted", "Ribs", 2)
    assert "See your request" in _page(client, url)


def test_a_number_that_no_row_can_have_is_refused(world: World, asking: dict[str, object]) -> None:
    answer = _post(
        _client(world.granted), reverse("datasets:request", args=["example"]), **asking | {"groups": "9" * 40}
    )
    assert "is not one of the available choices" in answer


def test_what_was_written_is_not_lost_when_it_can_not_be_sent(world: World, asking: dict[str, object]) -> None:
    client, url = _client(world.granted), reverse("datasets:request", args=["example"])
    refused = client.post(url, {**asking, "purpose": ""})
    assert "what you will use the images for" in refused.content.decode()
    assert 'value="Lungs"' in _page(client, url)
    assert client.post(url, asking).status_code == 302


def test_a_question_is_asked_and_answered(world: World) -> None:
    reviewer, researcher = _client(world.reviewer), _client(world.researcher)
    services.sign(
        user=world.researcher, agreement=world.agreement, typed_name=world.researcher.name, institution="University"
    )
    decide, mine = (reverse(name, args=[world.request.pk]) for name in ("accounts:manage_request", "accounts:request"))
    assert "Write a message first" in _post(reviewer, decide, decision="ask", groups=[world.group.pk])
    assert "went back with your question" in _post(reviewer, decide, decision="ask", reason="Who <b>works</b> on it?")
    page = _page(researcher, mine)
    assert "Who &lt;b&gt;works&lt;/b&gt; on it?" in page
    assert world.reviewer.name not in page
    assert "Answer a question" in _page(researcher, reverse("accounts:profile"))
    message = reverse("accounts:request_message", args=[world.request.pk])
    for words, said in (("", "Write a message first"), ("x" * 4001, "at most 4000"), ("a\0", "Null characters")):
        assert said in _post(researcher, message, text=words)
    assert "Your message is sent" in _post(researcher, message, text="I do.")
    assert "I do." in _page(reviewer, decide)
    assert 'name="decision"' not in _page(reviewer, decide)
    url = reverse("datasets:request", args=["example"])
    assert "Read the question" in _page(researcher, url)
    values = {"groups": [world.group.pk], "contents": ["masks"], "project": "Lungs", "purpose": "I do."}
    assert "Your request is sent" in _post(researcher, url, **values)
    assert 'name="decision"' in _page(reviewer, decide)


def test_a_reviewer_sees_who_asks_and_decides(world: World) -> None:
    client = _client(world.reviewer)
    url = reverse("accounts:manage_request", args=[world.request.pk])
    assert url in _page(client, reverse("accounts:manage_requests"))
    assert "Requests" in _page(client, reverse("home"))
    User.objects.filter(pk=world.researcher.pk).update(email="rita@gmail.com")
    page = _page(client, url)
    for fact in ("rita@gmail.com", "To learn.", "NORMAL", "not signed", "Poland", 'value="365"', "free-mail address"):
        assert fact in page
    assert "Give the reason for the refusal" in _post(client, url, decision="refuse", reason="")
    assert "at least one group" in _post(client, url, decision="grant", days="30", contents=["masks"])
    granted = {"decision": "grant", "days": "30", "groups": [world.group.pk], "contents": ["masks"]}
    assert "Access is granted." in _post(client, url, **granted)
    assert "in the meantime" in _post(client, url, decision="refuse", reason="Changed my mind.")
    grant = AccessGrant.objects.get(request=world.request)
    assert grant.contents == ["masks"]
    revoke = reverse("accounts:grant_revoke", args=[grant.pk])
    assert revoke not in _page(client, url)
    manager = _client(world.manager)
    assert revoke in _page(manager, url)
    assert "Give the reason for revoking" in _post(manager, revoke, reason="")
    assert "Null characters" in _post(manager, revoke, reason="a\0")
    assert "The grant is revoked" in _post(manager, revoke, reason="Over.")
    assert revoke not in _page(manager, url)
    page = _page(_client(world.researcher), reverse("accounts:request", args=[world.request.pk]))
    assert "revoked" in page
    assert "Over." in page


def test_a_template_fills_the_form_and_decides_nothing(world: World) -> None:
    manager = _client(world.manager)
    words = {"use": "refuse", "title": "Vague", "text": "Say more about the project."}
    assert "The template is saved" in _post(manager, reverse("accounts:reasons"), **words)
    template = ReasonTemplate.objects.get()
    client, url = _client(world.reviewer), reverse("accounts:manage_request", args=[world.request.pk])
    page = _post(client, url, use_template="1", template=template.pk, days="33", groups=[world.group.pk])
    assert "Say more about the project.</textarea>" in page
    assert 'value="33"' in page
    world.request.refresh_from_db()
    assert world.request.status == "submitted"
    assert "refused" in _post(client, url, decision="refuse", reason="Say more about the project, please.")
    edit = reverse("accounts:reason", args=[template.pk])
    assert "The template is saved" in _post(manager, edit, **{**words, "title": "Too vague"})
    assert "The template is gone" in _post(manager, edit, delete="1")
    assert not ReasonTemplate.objects.exists()
    world.request.refresh_from_db()
    assert world.request.reason == "Say more about the project, please."


def test_the_own_request_waits_for_somebody_else(world: World) -> None:
    for person in (world.manager, world.reviewer):
        AccessRequest.objects.filter(pk=world.request.pk).update(user=person)
        url = reverse("accounts:manage_request", args=[world.request.pk])
        client = _client(person)
        page = _page(client, url)
        assert "This is your own request" in page
        assert 'name="decision"' not in page
        client.post(url, {"decision": "grant", "groups": [world.group.pk], "contents": ["masks"]})
        world.request.refresh_from_db()
        assert world.request.status == "submitted"


def test_an_open_dataset_opens_at_once(world: World, asking: dict[str, object]) -> None:
    Dataset.objects.update(access="open")
    client, url = _client(world.expired), reverse("datasets:request", args=["example"])
    assert "as soon as you send the request" in _page(client, url)
    assert "Access is granted" in _post(client, url, **asking)
    assert client.get(reverse("datasets:download", args=[world.archive.pk])).status_code == 200


def test_a_renewal_is_one_page_and_a_few_sentences(world: World) -> None:
    AccessGrant.objects.filter(pk=world.grant.pk).update(expires_at=timezone.now() + timedelta(days=9))
    client = _client(world.granted)
    url = f"{reverse('datasets:request', args=['example'])}?renew={world.grant.pk}"
    assert f'href="{url}"' in _page(client, reverse("accounts:profile"))
    page = _page(client, url)
    assert "Renew your access" in page
    assert "To learn." in page
    values = {"groups": [world.group.pk], "contents": ["masks"], "project": "Lungs", "purpose": "To learn."}
    assert "what was done so far" in _post(client, url, **values)
    assert "Your request is sent" in _post(client, url, **values, achieved="A paper.")
    request = AccessRequest.objects.get(renews=world.grant)
    manage = reverse("accounts:manage_request", args=[request.pk])
    assert "A paper." in _page(_client(world.reviewer), manage)
    # Somebody else's grant is nothing to renew.
    other = _page(_client(world.expired), url)
    assert "Renew your access" not in other


def test_the_profile_tells_of_a_new_agreement_before_access_ends(world: World) -> None:
    new = Agreement.objects.create(
        code="dua",
        version="2",
        title="Data use agreement",
        text="Be kind.",
        sha256="1" * 64,
        replaces=world.agreement,
        grace_until=timezone.now() + timedelta(days=10),
    )
    Dataset.objects.update(agreement=new, requires_mfa=True)
    page = _page(_client(world.granted), reverse("accounts:profile"))
    assert "Sign the new version of the data use agreement" in page
    assert "Set up a second factor" in page
    for name, arguments in (("detail", ["example"]), ("release", ["example", "1.0"])):
        url = reverse(f"datasets:{name}", args=arguments)
        assert "Sign the new version" in _page(_client(world.granted), url)
        assert "Sign the new version" not in _page(_client(world.researcher), url)
    refused = _client(world.granted).get(reverse("datasets:download", args=[world.archive.pk]))
    assert refused.status_code == 403
    assert "second factor" in refused.content.decode()


def test_a_request_is_withdrawn_from_its_page(world: World) -> None:
    client = _client(world.researcher)
    url = reverse("accounts:request_withdraw", args=[world.request.pk])
    page = reverse("accounts:request", args=[world.request.pk])
    assert page in _page(client, reverse("accounts:profile"))
    assert url in _page(client, page)
    assert "The request is withdrawn" in _post(client, url)
    assert "nothing was changed" in _post(client, url)
    assert url not in _page(client, page)
    draft = _post(client, reverse("datasets:request", args=["example"]), project="Ribs", draft="1")
    asked = AccessRequest.objects.get(project="Ribs")
    url = reverse("accounts:request_withdraw", args=[asked.pk])
    assert url in draft, "thrown away from the form itself"
    assert "The draft is thrown away" in _post(client, url)
    assert Event.objects.get(action="request.withdrawn", object_id=str(asked.pk)).data["was"] == "draft"


def test_a_manager_sets_the_rules_and_the_reviewers(world: World) -> None:
    client, url = _client(world.manager), reverse("datasets:edit", args=["example"])
    assert world.reviewer.email in _page(client, url)
    values = {
        **dict.fromkeys(("origin", "title", "summary", "description", "licence", "citation"), "x"),
        "agreement": world.agreement.pk,
        "is_public": "on",
        "access": "open",
        "requires_mfa": "on",
        "grant_days": "90",
        "groups-TOTAL_FORMS": 2,
        "groups-INITIAL_FORMS": 0,
        "groups-0-class_id": 1,
        "groups-0-label": "NORMAL",
        "groups-1-class_id": 2,
        "groups-1-label": "PNEUMONIA",
    }
    assert "no open account" in _post(client, url, **values, reviewers="nobody@example.org")
    chosen = f"{world.curator.email.upper()}, {world.expired.email}\n"
    assert "Your changes are saved" in _post(client, url, **values, reviewers=chosen)
    world.dataset.refresh_from_db()
    assert (world.dataset.access, world.dataset.requires_mfa, world.dataset.grant_days) == ("open", True, 90)
    assert set(world.dataset.reviewers.all()) == {world.curator, world.expired}
    event = Event.objects.get(action="dataset.reviewers")
    assert event.data == {"added": sorted([world.curator.pk, world.expired.pk]), "removed": [world.reviewer.pk]}
    # Browsers end lines with CR LF: what nobody touched has not changed.
    Dataset.objects.filter(pk=world.dataset.pk).update(description="One line.\nAnother.")
    form = client.get(url).context["form"]
    same = {**values, "description": "One line.\r\nAnother.", "groups-INITIAL_FORMS": 2, "reviewers": ""}
    assert "Your changes are saved" in _post(client, url, **same)
    assert Event.objects.filter(action="dataset.changed").latest("number").data["fields"] == []
    assert [field.name for field in form if field.name in ("kind", "access") and not field.field.needed_later] == []
    assert _client(world.reviewer).get(reverse("accounts:manage_requests")).status_code == 403
