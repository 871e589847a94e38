from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from accounts.models import AccessGrant, AccessRequest, Agreement, Content, Signature, User
from accounts.services import end_grants
from datasets.models import Archive, Cohort, CohortOrder, Dataset, DiagnosisGroup, Release, SegmentationSource
from datasets.policies import CONTENT_OF, Code, downloadable, may_download, may_see_masks
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


def test_a_revoked_person_is_told_so_whatever_the_grant_opened(world: World) -> None:
    user = world.people.researcher()
    sign(world, user)
    given = grant(world, user, world.group, revoked=True)
    AccessGrant.objects.filter(pk=given.pk).update(contents=["masks"], ended_by=AccessGrant.End.REVOKED)
    assert codes(user, world.archive) == (Code.GRANT_REVOKED,)


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


def test_a_grant_of_a_collection_of_masks_opens_every_source_and_nothing_else(
    world: World, datasets: list[Dataset]
) -> None:
    collection, user = datasets[2], world.people.researcher()
    Archive.objects.update(status=Archive.Status.READY)
    Release.objects.update(status=Release.Status.PUBLISHED)
    archives = list(Archive.objects.filter(release__dataset=collection))
    agreement = collection.agreement
    Signature.objects.create(
        user=user, agreement=agreement, text_sha256=agreement.sha256, typed_name="x", institution="x"
    )
    assert codes(user, archives[0]) == (Code.ASK_FOR_ACCESS,)
    request = AccessRequest.objects.create(user=user, dataset=collection, project="p", purpose="p")
    assert codes(user, archives[0]) == (Code.REQUEST_PENDING,)
    given = AccessGrant.objects.create(
        user=user,
        dataset=collection,
        request=request,
        granted_by=world.manager,
        expires_at=timezone.now() + timedelta(days=3),
    )
    assert {archive.pk for archive in archives} == set(downloadable(user).values_list("pk", flat=True))
    assert may_see_masks(user, collection).grant == given
    AccessRequest.objects.update(status="granted")
    AccessGrant.objects.filter(pk=given.pk).update(revoked_at=timezone.now())
    assert codes(user, archives[0]) == (Code.GRANT_REVOKED,)
    assert not may_see_masks(user, collection).allowed


def test_every_content_of_archives_is_in_the_table() -> None:
    assert set(CONTENT_OF) == set(Archive.Content)


def test_a_grant_opens_the_contents_that_it_names(world: World) -> None:
    AccessGrant.objects.filter(pk=world.grant.pk).update(contents=["regions", "masks"])
    opened = {Content.REGIONS, Content.MASKS, None}
    for content, opened_by in CONTENT_OF.items():
        Archive.objects.filter(pk=world.archive.pk).update(content=content)
        expected = () if opened_by in opened else (Code.OTHER_CONTENT,)
        assert codes(world.granted, world.archive) == expected, content
        assert downloadable(world.granted).exists() == (not expected), content
    AccessGrant.objects.filter(pk=world.grant.pk).update(contents=[])
    assert codes(world.granted, world.archive) == ()  # tables come with any grant of the group
    Archive.objects.filter(pk=world.archive.pk).update(content="unheard of")
    assert codes(world.granted, world.archive) == (Code.NOT_READY,)
    assert not downloadable(world.granted).exists()


def test_a_dataset_may_ask_for_a_second_factor(world: World) -> None:
    Dataset.objects.update(requires_mfa=True)
    assert codes(world.granted, world.archive) == (Code.SET_UP_MFA,)
    assert not downloadable(world.granted).exists()
    Authenticator.objects.create(user=world.granted, type=Authenticator.Type.RECOVERY_CODES, data={})
    assert codes(world.granted, world.archive) == (Code.SET_UP_MFA,)
    Authenticator.objects.create(user=world.granted, type=Authenticator.Type.TOTP, data={})
    assert codes(world.granted, world.archive) == ()
    assert set(downloadable(world.granted)) == {world.archive}


def test_a_role_may_ask_for_a_second_factor(world: World, settings: LazySettings) -> None:
    settings.CXR_MFA_ROLES = ["curator"]
    assert codes(world.granted, world.archive) == ()
    User.objects.filter(pk=world.granted.pk).update(is_curator=True)
    world.granted.refresh_from_db()
    assert codes(world.granted, world.archive) == (Code.SET_UP_MFA,)
    assert not downloadable(world.granted).exists()


@pytest.mark.parametrize(
    ("ended_by", "code"),
    [("revoked", Code.GRANT_REVOKED), ("agreement", Code.GRANT_ENDED), ("closed", Code.ASK_FOR_ACCESS)],
)
def test_the_end_of_a_grant_names_the_next_step(world: World, ended_by: str, code: Code) -> None:
    end_grants(user=world.granted, ended_by=AccessGrant.End(ended_by))
    assert codes(world.granted, world.archive) == (code,)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("draft", Code.FINISH_REQUEST),
        ("submitted", Code.REQUEST_PENDING),
        ("more_information", Code.ANSWER_QUESTION),
        ("withdrawn", Code.GRANT_EXPIRED),
    ],
)
def test_an_unfinished_request_names_the_next_step(world: World, status: str, code: Code) -> None:
    AccessRequest.objects.create(user=world.expired, dataset=world.dataset, project="p", purpose="p", status=status)
    assert codes(world.expired, world.archive) == (code,)


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
            "dataset": st.integers(0, 2),
            "contents": st.sets(st.sampled_from(list(Content.values))),
        }
    ),
    max_size=4,
)
HISTORY = st.fixed_dictionaries(
    {
        "grants": GRANTS,
        "signed": st.sets(st.integers(0, 2)),
        "right_text": st.booleans(),
        "confirmed": st.booleans(),
        "active": st.booleans(),
        "asked": st.booleans(),
        "public": st.booleans(),
        "release": st.sampled_from(["published", "published", "building"]),
        "archives": st.lists(st.sampled_from(["ready", "ready", "pending", "failed"]), min_size=15, max_size=15),
        "contents": st.lists(st.sampled_from(list(Archive.Content.values)), min_size=15, max_size=15),
        "mfa": st.tuples(st.booleans(), st.booleans()),
        "role": st.sampled_from(["", "is_curator", "is_data_manager", "is_superuser"]),
    }
)


def cohort_archive(world: World, dataset: Dataset, name: str) -> Archive:
    release = dataset.releases.get()
    identifier = f"{dataset.slug}-{name}"
    cohort = Cohort.objects.create(
        release=release, identifier=identifier, filters={}, images=1, created_by=world.manager
    )
    archive = Archive.objects.create(release=release, cohort=cohort, content="radiographs", filename=identifier)
    CohortOrder.objects.create(archive=archive, by=world.manager)
    return archive


@pytest.fixture
def datasets(world: World) -> list[Dataset]:
    """Two with two groups each and a release of an archive per group and one of all, and a collection of masks with an
    archive per source and one of all; each with two of cohorts; the agreements differ."""
    Archive.objects.all().delete()
    for number, kind in enumerate(("radiographs", "segmentation"), start=2):
        dataset, agreement = Dataset.objects.get(pk=world.dataset.pk), Agreement.objects.get(pk=world.agreement.pk)
        agreement.pk, agreement.version = None, str(number)
        agreement.save()
        dataset.pk, dataset.slug, dataset.agreement, dataset.kind = None, f"dataset-{number}", agreement, kind
        dataset.save()
        Release.objects.create(dataset=dataset, version="1.0", changes="x", created_by=world.manager)
        for class_id in (1, 2):
            if kind == "radiographs":
                DiagnosisGroup.objects.create(dataset=dataset, class_id=class_id, label=f"GROUP {class_id}")
            else:
                SegmentationSource.objects.create(dataset=dataset, source_id=class_id, source=f"source {class_id}")
    found = list(Dataset.objects.order_by("pk"))
    for dataset in found:
        parts: list[dict[str, Any]] = [{"group": group} for group in dataset.groups.all()]
        parts += [{"source": source} for source in dataset.sources.all()]
        for number, part in enumerate([*parts, {}]):
            Archive.objects.create(release=dataset.releases.get(), content="metadata", filename=f"{number}", **part)
        for number, groups in enumerate((dataset.groups.all()[:1], dataset.groups.all())):
            cohort_archive(world, dataset, str(number)).order.groups.set(groups)
    return found


@profile(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORY)
def test_the_two_forms_of_the_policy_agree(world: World, datasets: list[Dataset], history: dict[str, Any]) -> None:
    user = world.people.person(is_active=history["active"], **({history["role"]: True} if history["role"] else {}))
    EmailAddress.objects.filter(user=user).update(verified=history["confirmed"])
    Dataset.objects.update(is_public=history["public"])
    Release.objects.update(status=history["release"])
    archives = list(Archive.objects.select_related("release__dataset__agreement", "group").order_by("pk"))
    for archive, status, content in zip(archives, history["archives"], history["contents"], strict=True):
        Archive.objects.filter(pk=archive.pk).update(status=status, content=content)
    needed, had = history["mfa"]
    Dataset.objects.update(requires_mfa=needed)
    if had:
        Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})
    for number in history["signed"]:
        agreement = datasets[number].agreement
        Signature.objects.create(
            user=user,
            agreement=agreement,
            text_sha256=agreement.sha256 if history["right_text"] else "0" * 64,
            typed_name="x",
            institution="x",
        )
    for values in history["grants"]:
        dataset = datasets[values["dataset"]]
        request = AccessRequest.objects.create(user=user, dataset=dataset, project="p", purpose="p", status="granted")
        given_one = AccessGrant.objects.create(
            user=user,
            dataset=dataset,
            request=request,
            granted_by=world.manager,
            contents=sorted(values["contents"]),
            expires_at=timezone.now() + timedelta(days=values["days"]),
            revoked_at=timezone.now() if values["revoked"] else None,
        )
        if not dataset.is_segmentation:
            given_one.groups.set([list(dataset.groups.all())[number] for number in values["groups"]])
    if history["asked"]:
        AccessRequest.objects.create(user=user, dataset=datasets[0], project="p", purpose="p")
    fresh = Archive.objects.select_related("release__dataset__agreement", "group")
    allowed = {archive.pk for archive in fresh if may_download(user, archive).allowed}
    assert set(downloadable(user).values_list("pk", flat=True)) == allowed
    for archive in fresh:
        decision = may_download(user, archive)
        assert decision.allowed == (not decision.reasons)
