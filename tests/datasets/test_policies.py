from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import AccessGrant, AccessRequest, Signature, User
from datasets.models import Archive, Dataset, DiagnosisGroup, Release
from datasets.policies import Code, downloadable, may_download
from tests.world import World


@pytest.fixture
def everything(world: World) -> Archive:
    """An archive that covers every group of the release."""
    return Archive.objects.create(
        release=world.release,
        group=None,
        content="metadata",
        filename="example-1.0-images.xlsx",
        file=world.archive.file.name,
        size=world.archive.size,
        sha256=world.archive.sha256,
        status="ready",
    )


def codes(user: Any, archive: Archive) -> tuple[str, ...]:
    return may_download(user, Archive.objects.get(pk=archive.pk)).codes


def sign(world: World, user: User, text_sha256: str | None = None) -> Signature:
    return Signature.objects.create(
        user=user,
        agreement=world.agreement,
        text_sha256=text_sha256 or world.agreement.sha256,
        typed_name=user.name,
        institution="Example University",
    )


def grant(world: World, user: User, *groups: DiagnosisGroup, days: float = 30, revoked: bool = False) -> AccessGrant:
    request = AccessRequest.objects.create(
        user=user, dataset=world.dataset, project="Lungs", purpose="To learn.", status="granted"
    )
    given = AccessGrant.objects.create(
        user=user,
        dataset=world.dataset,
        request=request,
        granted_by=world.manager,
        expires_at=timezone.now() + timedelta(days=days),
        revoked_at=timezone.now() if revoked else None,
    )
    given.groups.set(groups)
    return given


def test_a_grant_opens_its_group_and_no_other(world: World, everything: Archive) -> None:
    decision = may_download(world.granted, world.archive)
    assert (decision.allowed, decision.grant, decision.reasons) == (True, world.grant, ())
    assert codes(world.granted, world.other_archive) == (Code.OTHER_GROUP,)
    assert codes(world.granted, everything) == (Code.OTHER_GROUP,)
    assert set(downloadable(world.granted)) == {world.archive}


def test_what_covers_every_group_needs_every_group(world: World, everything: Archive) -> None:
    grant(world, world.granted, world.other_group)
    assert may_download(world.granted, everything).allowed
    assert set(downloadable(world.granted)) == {world.archive, world.other_archive, everything}


@pytest.mark.parametrize("role", ["manager", "curator", "hospital_user", "other_hospital_user"])
def test_a_role_gives_no_data(world: World, role: str) -> None:
    user = getattr(world, role)
    assert codes(user, world.archive) == (Code.SIGN_AGREEMENT, Code.ASK_FOR_ACCESS)
    assert not downloadable(user).exists()


def test_a_superuser_needs_a_grant_too(world: World) -> None:
    user = world.people.person(is_superuser=True, is_staff=True)
    assert not may_download(user, world.archive).allowed
    assert not downloadable(user).exists()


def test_the_visitor_and_the_closed_account_log_in_first(world: World) -> None:
    assert codes(AnonymousUser(), world.archive) == (Code.LOG_IN,)
    world.granted.is_active = False
    assert codes(world.granted, world.archive) == (Code.LOG_IN,)
    assert not downloadable(world.granted).exists()
    assert not downloadable(AnonymousUser()).exists()


def test_the_steps_come_in_their_order(world: World) -> None:
    user = world.people.researcher()
    EmailAddress.objects.filter(user=user).update(verified=False)
    assert codes(user, world.archive) == (Code.CONFIRM_EMAIL, Code.SIGN_AGREEMENT, Code.ASK_FOR_ACCESS)
    EmailAddress.objects.filter(user=user).update(verified=True)
    assert codes(user, world.archive) == (Code.SIGN_AGREEMENT, Code.ASK_FOR_ACCESS)
    sign(world, user)
    assert codes(user, world.archive) == (Code.ASK_FOR_ACCESS,)
    request = AccessRequest.objects.create(user=user, dataset=world.dataset, project="p", purpose="p")
    assert codes(user, world.archive) == (Code.REQUEST_PENDING,)
    request.status = "refused"
    request.save()
    given = grant(world, user, world.group, days=-1)
    assert codes(user, world.archive) == (Code.GRANT_EXPIRED,)
    given.revoked_at = timezone.now()
    given.save()
    assert codes(user, world.archive) == (Code.GRANT_REVOKED,)
    renewed = grant(world, user, world.group)
    assert codes(user, world.archive) == ()
    assert may_download(user, world.archive).grant == renewed


def test_a_signature_under_other_words_does_not_count(world: World) -> None:
    user = world.people.researcher()
    sign(world, user, "0" * 64)
    grant(world, user, world.group)
    assert codes(user, world.archive) == (Code.SIGN_AGREEMENT,)
    assert not downloadable(user).exists()


@pytest.mark.parametrize("change", ["pending", "building", "hidden"])
def test_what_is_not_published_is_nobodys(world: World, change: str) -> None:
    if change == "pending":
        Archive.objects.update(status=Archive.Status.PENDING)
    elif change == "building":
        Release.objects.update(status=Release.Status.BUILDING)
    else:
        Dataset.objects.update(is_public=False)
    assert codes(world.granted, world.archive) == (Code.NOT_READY,)
    assert not downloadable(world.granted).exists()


def test_an_archive_of_all_groups_of_a_release_without_groups_is_nobodys(world: World, everything: Archive) -> None:
    Archive.objects.exclude(pk=everything.pk).delete()
    assert codes(world.granted, everything) == (Code.NOT_READY,)
    assert not downloadable(world.granted).exists()


def test_every_reason_has_words_and_a_page(world: World) -> None:
    from datasets.policies import Reason

    for code in Code:
        reason = Reason(code, world.dataset)
        assert str(reason.words)
        assert str(reason.action)
        assert reason.url.startswith("/")


GRANTS = st.lists(
    st.fixed_dictionaries(
        {
            "groups": st.sets(st.integers(0, 1)),
            "days": st.sampled_from([-400, -1, 1, 365]),
            "revoked": st.booleans(),
            "dataset": st.integers(0, 1),
        }
    ),
    max_size=4,
)
HISTORY = st.fixed_dictionaries(
    {
        "grants": GRANTS,
        "signed": st.sets(st.integers(0, 1)),
        "right_text": st.booleans(),
        "confirmed": st.booleans(),
        "active": st.booleans(),
        "asked": st.booleans(),
        "public": st.booleans(),
        "release": st.sampled_from(["published", "published", "building"]),
        "archives": st.lists(st.sampled_from(["ready", "ready", "pending", "failed"]), min_size=6, max_size=6),
        "role": st.sampled_from(["", "is_curator", "is_data_manager", "is_superuser"]),
    }
)


@pytest.fixture
def two_datasets(world: World) -> list[Dataset]:
    """Both with two groups and a release of an archive per group and one of all; the agreements differ."""
    Archive.objects.all().delete()
    second = Dataset.objects.get(pk=world.dataset.pk)
    agreement = world.agreement
    agreement.pk, agreement.version = None, "2"
    agreement.save()
    second.pk, second.slug, second.agreement = None, "second", agreement
    second.save()
    for class_id in (1, 2):
        DiagnosisGroup.objects.create(dataset=second, class_id=class_id, label=f"GROUP {class_id}")
    Release.objects.create(dataset=second, version="1.0", changes="x", created_by=world.manager)
    datasets = list(Dataset.objects.order_by("pk"))
    for dataset in datasets:
        for number, group in enumerate([*dataset.groups.all(), None]):
            Archive.objects.create(
                release=dataset.releases.get(), group=group, content="metadata", filename=f"{number}"
            )
    return datasets


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY)
def test_the_two_forms_of_the_policy_agree(world: World, two_datasets: list[Dataset], history: dict[str, Any]) -> None:
    user = world.people.person(is_active=history["active"], **({history["role"]: True} if history["role"] else {}))
    EmailAddress.objects.filter(user=user).update(verified=history["confirmed"])
    Dataset.objects.update(is_public=history["public"])
    Release.objects.update(status=history["release"])
    archives = list(Archive.objects.select_related("release__dataset__agreement", "group").order_by("pk"))
    for archive, status in zip(archives, history["archives"], strict=True):
        Archive.objects.filter(pk=archive.pk).update(status=status)
    for number in history["signed"]:
        agreement = two_datasets[number].agreement
        Signature.objects.create(
            user=user,
            agreement=agreement,
            text_sha256=agreement.sha256 if history["right_text"] else "0" * 64,
            typed_name="x",
            institution="x",
        )
    for values in history["grants"]:
        dataset = two_datasets[values["dataset"]]
        request = AccessRequest.objects.create(user=user, dataset=dataset, project="p", purpose="p", status="granted")
        given_one = AccessGrant.objects.create(
            user=user,
            dataset=dataset,
            request=request,
            granted_by=world.manager,
            expires_at=timezone.now() + timedelta(days=values["days"]),
            revoked_at=timezone.now() if values["revoked"] else None,
        )
        given_one.groups.set([list(dataset.groups.all())[number] for number in values["groups"]])
    if history["asked"]:
        AccessRequest.objects.create(user=user, dataset=two_datasets[0], project="p", purpose="p")
    fresh = Archive.objects.select_related("release__dataset__agreement", "group")
    allowed = {archive.pk for archive in fresh if may_download(user, archive).allowed}
    assert set(downloadable(user).values_list("pk", flat=True)) == allowed
    for archive in fresh:
        decision = may_download(user, archive)
        assert decision.allowed == (not decision.reasons)
