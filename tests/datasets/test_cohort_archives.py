"""Archives of cohorts: who orders and gets them, what is in them, and when they go."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import own_data
from accounts.models import User
from accounts.services import close_account
from audit.models import Event
from datasets import selectors, services
from datasets.errors import DatasetError
from datasets.models import Archive, Cohort, CohortOrder, Download, Radiograph, Release
from datasets.policies import downloadable, may_download
from datasets.selectors.holding import holders
from datasets.selectors.usage import usage
from datasets.services import order_cohort, save_cohort
from datasets.services.building import destroy_gone, places
from datasets.services.cohort_archives import sweep_cohorts
from datasets.services.withdrawing import finish_withdrawal, withdraw_images
from tests.datasets.holders import grant
from tests.datasets.library import Library, content


@pytest.fixture
def images(library: Library) -> list[Radiograph]:
    """Two that fit, of two groups, and one that does not."""
    return [library.add(class_id, demographics={"sex": sex}) for class_id, sex in ((1, "F"), (2, "F"), (1, "M"))]


@pytest.fixture
def release(library: Library, images: list[Radiograph]) -> Release:
    return library.publish()


@pytest.fixture
def keeper(library: Library) -> User:
    """Has access to everything, as one needs to keep cohorts."""
    user = library.people.researcher()
    grant(user, library.dataset)
    return user


@pytest.fixture
def cohort(release: Release, keeper: User) -> Cohort:
    return save_cohort(user=keeper, release=release, filters={"sex": ["F"]})


@pytest.fixture
def colleague(library: Library) -> User:
    """Has access to everything, too."""
    user = library.people.researcher()
    grant(user, library.dataset)
    return user


def order(cohort: Cohort, user: User, what: str = "radiographs") -> Archive:
    """Ordered and, as the worker would, built."""
    archive = order_cohort(user=user, cohort=cohort, content=what)
    services.build_archive(archive.pk, f"task-{archive.pk}")
    archive.refresh_from_db()
    return archive


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def names(archive: Archive) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content(archive))).namelist()


def test_it_is_ordered_built_and_downloaded(library: Library, cohort: Cohort, images: list[Radiograph]) -> None:
    person = library.people.researcher()
    grant(person, library.dataset, 1, 2)
    client, page = signed_in(person), reverse("datasets:cohort", args=[cohort.identifier])
    assert "Order the archive of radiographs" in client.get(page).content.decode()
    assert client.post(f"{page}/order", {"content": "radiographs"})["Location"] == f"{page}#get"
    archive = Archive.objects.get(cohort=cohort)
    assert "are written" in client.get(page).content.decode()
    services.build_archive(archive.pk, "t")
    archive.refresh_from_db()
    assert (archive.status, archive.items, archive.filename) == ("ready", 2, f"{cohort.identifier}-radiographs.zip")
    stored = [name for name in names(archive) if name.startswith("radiographs/")]
    assert stored == [f"radiographs/{image.filename}" for image in images[:2]]
    with zipfile.ZipFile(io.BytesIO(content(archive))) as file:
        assert cohort.identifier in file.read("README.txt").decode()
        table = file.read("metadata.csv").decode()
    assert images[0].filename in table
    assert images[2].filename not in table
    address = reverse("datasets:download", args=[archive.pk])
    assert address in client.get(page).content.decode()
    answer = client.get(address)
    assert b"".join(answer) == content(archive)
    assert Download.objects.get().archive == archive
    assert set(Event.objects.filter(action__startswith="cohort.").values_list("action", flat=True)) == {
        "cohort.saved", "cohort.ordered",
    }  # fmt: skip
    for other in (Client(), signed_in(library.people.researcher())):
        assert archive.filename not in other.get(page).content.decode()
    assert address not in client.get(reverse("datasets:release", args=["polcovid", "1.0"])).content.decode()


def test_it_is_no_file_of_the_release(cohort: Cohort, release: Release, keeper: User) -> None:
    before = [row.archive for row in selectors.file_rows(keeper, release)]
    sums = content(release.archives.get(filename__endswith="SHA256SUMS"))
    archive = order_cohort(user=keeper, cohort=cohort, content="radiographs")
    assert [row.archive for row in selectors.file_rows(keeper, release)] == before
    assert archive not in release.archives.all()
    services.build_archive(archive.pk, "t")
    assert content(release.archives.get(filename__endswith="SHA256SUMS")) == sums
    assert Event.objects.filter(action="release.published").count() == 1


def test_every_group_and_the_content_are_needed(library: Library, release: Release, keeper: User) -> None:
    """Also groups of which it has no image: that it has none tells of them."""
    cohort = save_cohort(user=keeper, release=release, filters={"class_id": [1]})
    archive = order(cohort, keeper)
    some, without = library.people.researcher(), library.people.researcher()
    given = grant(some, library.dataset, 1, 2)
    assert order_cohort(user=some, cohort=cohort, content="radiographs") == archive
    assert may_download(some, archive).allowed
    assert archive in downloadable(some)
    given.groups.set(library.dataset.groups.filter(class_id=1))
    masks = grant(without, library.dataset)
    masks.contents = ["masks"]
    masks.save()
    page = reverse("datasets:cohort", args=[cohort.identifier])
    address = reverse("api:cohort_archives", args=[cohort.identifier])
    for person, code in ((some, "other_group"), (without, "other_content")):
        assert may_download(person, archive).codes == (code,)
        assert archive not in downloadable(person)
        with pytest.raises(DatasetError, match="access"):
            order_cohort(user=person, cohort=cohort, content="radiographs")
        client = signed_in(person)
        assert client.post(f"{page}/order", {"content": "radiographs"}).status_code == 403
        assert archive.filename not in client.get(page).content.decode()
        program = APIClient()
        program.force_authenticate(person)
        refused = program.post(address, {"content": "radiographs"})
        assert (refused.status_code, refused.json()["reasons"][0]["code"]) == (403, code)
    download = reverse("datasets:download", args=[archive.pk])
    assert signed_in(some).get(download).status_code == 403, "ordered, and the grant ended since"
    assert signed_in(without).get(download).status_code == 404, "it never was this person's"
    assert Event.objects.filter(action="download.refused").count() == 1


def test_nobody_sees_what_another_ordered(cohort: Cohort, keeper: User, colleague: User) -> None:
    archive = order(cohort, keeper)
    client, page = signed_in(colleague), reverse("datasets:cohort", args=[cohort.identifier])
    assert archive.filename not in client.get(page).content.decode()
    program = APIClient()
    program.force_authenticate(colleague)
    assert program.get(reverse("api:cohort_archives", args=[cohort.identifier])).json() == []
    ways = [("datasets:download", client), ("api:archive_download", program)]
    assert [some.get(reverse(way, args=[archive.pk])).status_code for way, some in ways] == [404, 404]
    client.post(f"{page}/order", {"content": "radiographs"})
    assert archive.filename in client.get(page).content.decode(), "the same file, at once"
    assert [some.get(reverse(way, args=[archive.pk])).status_code for way, some in ways] == [200, 200]
    assert Archive.objects.filter(cohort=cohort).count() == 1
    assert list(archive.order.people.order_by("pk")) == [keeper, colleague]
    assert Event.objects.filter(action="cohort.ordered").count() == 2


def test_ordered_twice_it_is_one_order(cohort: Cohort, keeper: User) -> None:
    client, page = signed_in(keeper), reverse("datasets:cohort_order", args=[cohort.identifier])
    for _again in range(2):
        assert client.post(page, {"content": "lung_masks"}).status_code == 302
    assert Archive.objects.filter(cohort=cohort).count() == 1
    assert Event.objects.filter(action="cohort.ordered").count() == 1


def test_a_killed_worker_is_followed_by_another(cohort: Cohort, keeper: User) -> None:
    """What it wrote goes; what is handed out is whole."""
    archive = order_cohort(user=keeper, cohort=cohort, content="radiographs")
    archive.status, archive.attempts, archive.claimed_by, archive.claimed_until = (
        "building",
        1,
        "killed",
        timezone.now(),
    )
    archive.save()
    (left,) = places(archive)
    storages["archives"].save(left, ContentFile(b"half"))
    services.build_archive(archive.pk, "another")
    archive.refresh_from_db()
    assert (archive.status, archive.attempts) == ("ready", 2)
    assert len([name for name in names(archive) if name.startswith("radiographs/")]) == 2
    assert not storages["archives"].exists(left)
    built = Event.objects.get(action="archive.built", object_id=str(archive.pk))
    assert built.data["sha256"] == archive.sha256


def test_a_closed_account_takes_its_orders_along(cohort: Cohort, keeper: User, colleague: User) -> None:
    """But for what somebody else ordered, too."""
    shared, own = order(cohort, keeper), order(cohort, keeper, "lung_masks")
    half = order_cohort(user=keeper, cohort=cohort, content="lung_regions")
    order_cohort(user=colleague, cohort=cohort, content="radiographs")
    path = str(own.file.name)
    with own_data.export(keeper) as file, zipfile.ZipFile(file) as exported:
        rows = json.loads(exported.read("cohort_orders.json"))
    assert {(row["cohort"], row["file"], row["status"]) for row in rows} == {
        (cohort.identifier, shared.filename, "ready"),
        (cohort.identifier, own.filename, "ready"),
        (cohort.identifier, half.filename, "pending"),
    }
    close_account(user=keeper)
    services.build_archive(half.pk, "t")
    states = dict(Archive.objects.filter(cohort=cohort).values_list("pk", "status"))
    assert states == {shared.pk: "ready", own.pk: "removed", half.pk: "removed"}
    assert list(shared.order.people.all()) == [colleague]
    destroy_gone()
    assert not storages["archives"].exists(path)
    assert may_download(colleague, shared).allowed
    close_account(user=colleague)
    shared.refresh_from_db()
    assert shared.status == "removed"


def test_a_download_is_recorded_and_counted(cohort: Cohort, keeper: User, release: Release) -> None:
    archive = order(cohort, keeper)
    address = reverse("datasets:download", args=[archive.pk])
    answer = signed_in(keeper).get(address, headers={"Range": "bytes=10-19"})
    assert (answer.status_code, b"".join(answer)) == (206, content(archive)[10:20])
    started, finished = Event.objects.filter(action__startswith="download.").order_by("number")
    assert (started.object_id, started.data["first_byte"], started.data["last_byte"]) == (str(archive.pk), 10, 19)
    assert finished.data["bytes_sent"] == 10
    assert usage(release.dataset).bytes == 10
    assert selectors.counts(release.dataset).downloads == 1


def test_programs_order_it(library: Library, cohort: Cohort) -> None:
    person = library.people.researcher()
    grant(person, library.dataset, 1, 2)
    client = APIClient()
    client.force_authenticate(person)
    address = reverse("api:cohort_archives", args=[cohort.identifier])
    assert client.get(address).json() == []
    answer = client.post(address, {"content": "lung_masks"})
    assert (answer.status_code, answer.json()["status"], answer.json()["url"]) == (202, "pending", None)
    services.build_archive(answer.json()["id"], "t")
    (ready,) = client.get(address).json()
    assert (ready["id"], ready["items"]) == (answer.json()["id"], 2)
    assert client.get(ready["url"]).status_code == 200
    assert client.post(address, {"content": "lung_masks"}).json()["id"] == ready["id"], "it is there"
    assert client.post(address, {"content": "metadata"}).status_code == 400
    assert client.get(reverse("api:cohort", args=[cohort.identifier])).json()["citation"].endswith(cohort.identifier)
    stranger = APIClient()
    stranger.force_authenticate(library.people.researcher())
    assert (stranger.get(address).status_code, stranger.post(address, {"content": "lung_masks"}).status_code) == (
        403, 403,
    )  # fmt: skip


def test_its_limits(cohort: Cohort, release: Release, keeper: User, colleague: User, settings: LazySettings) -> None:
    settings.CXR_COHORT_MAX_BYTES = 10
    with pytest.raises(DatasetError, match="more than"):
        order_cohort(user=keeper, cohort=cohort, content="radiographs")
    page = reverse("datasets:cohort_order", args=[cohort.identifier])
    said = signed_in(keeper).post(page, {"content": "radiographs"}, follow=True).content.decode()
    assert "more than 0\xa0MB" in said or "more than 0 MB" in said
    settings.CXR_COHORT_MAX_BYTES = 10**6
    settings.CXR_COHORT_KEEP_FREE_BYTES = 2**60
    with pytest.raises(DatasetError, match="no room"):
        order_cohort(user=keeper, cohort=cohort, content="radiographs")
    settings.CXR_COHORT_KEEP_FREE_BYTES = 0
    with pytest.raises(DatasetError, match="Choose"):
        order_cohort(user=keeper, cohort=cohort, content="metadata")
    for what in ("radiographs", "lung_masks", "lung_regions", "radiographs"):
        order_cohort(user=keeper, cohort=cohort, content=what)
    other = save_cohort(user=keeper, release=release, filters={"sex": ["M"]})
    with pytest.raises(DatasetError, match="3 archives"):
        order_cohort(user=keeper, cohort=other, content="radiographs")
    shared = order_cohort(user=colleague, cohort=other, content="radiographs")
    assert shared.status == "pending"
    with pytest.raises(DatasetError, match="3 archives"):
        order_cohort(user=keeper, cohort=other, content="radiographs")
    services.build_archive(shared.pk, "t")
    assert order_cohort(user=keeper, cohort=other, content="radiographs") == shared, "nobody has to build it"
    services.build_archive(CohortOrder.objects.filter(by=keeper).earliest("at").pk, "t")
    assert order_cohort(user=keeper, cohort=other, content="lung_masks").status == "pending"


def test_there_is_none_where_nothing_is_told_of_patients(cohort: Cohort, release: Release, keeper: User) -> None:
    release.about = {**release.about, "labels_only": True}
    release.save()
    with pytest.raises(DatasetError):
        order_cohort(user=keeper, cohort=cohort, content="radiographs")
    program = APIClient()
    program.force_authenticate(keeper)
    address = reverse("api:cohort_archives", args=[cohort.identifier])
    answers = program.get(address), program.post(address, {"content": "radiographs"})
    assert [answer.status_code for answer in answers] == [404, 404]


def test_a_withdrawn_image_takes_the_archives_that_hold_it(
    library: Library, cohort: Cohort, release: Release, keeper: User, images: list[Radiograph]
) -> None:
    reader, later = library.people.researcher(), library.people.researcher()
    given, _ = grant(reader, library.dataset), grant(later, library.dataset)
    others = save_cohort(user=keeper, release=release, filters={"sex": ["M"]})
    archive, kept = order(cohort, reader), order(others, reader)
    path = str(archive.file.name)
    half = order_cohort(user=reader, cohort=cohort, content="lung_masks")
    Download.objects.create(user=reader, archive=archive, grant=given, last_byte=9, bytes_sent=10)
    withdrawal = withdraw_images(manager=library.manager, images=[images[0]], reason="consent")
    states = dict(Archive.objects.filter(cohort__isnull=False).values_list("pk", "status"))
    assert states == {archive.pk: "withdrawn", half.pk: "withdrawn", kept.pk: "ready"}
    archive.refresh_from_db()
    assert may_download(reader, archive).codes == ("withdrawn",)
    services.build_archive(half.pk, "t")
    half.refresh_from_db()
    assert (half.status, bool(half.file)) == ("withdrawn", False)
    # Ordered anew it is without the image, and who downloads that has nothing of it.
    anew = order(cohort, later)
    assert anew.pk != archive.pk
    assert [name for name in names(anew) if images[0].filename in name] == []
    assert [name for name in names(anew) if images[1].filename in name] != []
    Download.objects.create(user=later, archive=anew, grant=given, last_byte=9, bytes_sent=10)
    finish_withdrawal(withdrawal.pk)
    assert holders(withdrawal) == {reader.pk}
    assert not storages["archives"].exists(path)
    anew.refresh_from_db()
    assert anew.status == "ready"
    withdraw_images(manager=library.manager, images=[images[1]], reason="consent")
    anew.refresh_from_db()
    assert anew.status == "withdrawn"
    with pytest.raises(DatasetError, match="No image"):
        order_cohort(user=later, cohort=cohort, content="radiographs")


def test_the_same_bytes_again_and_again(library: Library, cohort: Cohort, settings: LazySettings) -> None:
    """Removed when nobody downloads it; ordered anew it is the same file."""
    person = library.people.researcher()
    given = grant(person, library.dataset)
    archive, used = order(cohort, person), order(cohort, person, "lung_masks")
    data, path = content(archive), str(archive.file.name)
    assert sweep_cohorts() == 0
    old = timezone.now() - timedelta(days=settings.CXR_COHORT_DAYS, minutes=1)
    CohortOrder.objects.update(at=old)
    Download.objects.create(user=person, archive=archive, grant=given, last_byte=9, at=old)
    Download.objects.create(user=person, archive=used, grant=given, last_byte=9)
    assert sweep_cohorts() == 1
    archive.refresh_from_db()
    used.refresh_from_db()
    assert (archive.status, bool(archive.file), used.status) == ("removed", False, "ready")
    assert not storages["archives"].exists(path)
    assert Event.objects.get(action="cohort.removed").data["cohort"] == cohort.pk
    assert may_download(person, archive).codes == ("removed",)
    assert archive not in downloadable(person)
    anew = order(cohort, person)
    assert anew.pk != archive.pk
    assert content(anew) == data


def test_a_removed_one_is_still_known_to_have_held_the_image(
    library: Library, cohort: Cohort, images: list[Radiograph]
) -> None:
    person = library.people.researcher()
    given = grant(person, library.dataset)
    archive = order(cohort, person)
    Archive.objects.filter(pk=archive.pk).update(status="removed")
    Download.objects.create(user=person, archive=archive, grant=given, last_byte=9, bytes_sent=10)
    withdrawal = withdraw_images(manager=library.manager, images=[images[0]], reason="consent")
    archive.refresh_from_db()
    assert archive.status == "removed"
    assert holders(withdrawal) == {person.pk}
