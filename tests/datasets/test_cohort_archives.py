"""Archives of cohorts: who orders and gets them, what is in them, and when they go."""

import io
import zipfile
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from audit.models import Event
from datasets import selectors, services
from datasets.errors import DatasetError
from datasets.models import Archive, Cohort, CohortOrder, Download, Radiograph, Release
from datasets.policies import downloadable, may_download
from datasets.selectors.holding import holders
from datasets.services import order_cohort, save_cohort
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
    assert client.post(f"{page}/order", {"content": "radiographs"})["Location"] == page
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


def test_it_is_no_file_of_the_release(library: Library, cohort: Cohort, release: Release) -> None:
    before = [row.archive for row in selectors.file_rows(library.manager, release)]
    sums = content(release.archives.get(filename__endswith="SHA256SUMS"))
    archive = order_cohort(user=library.manager, cohort=cohort, content="radiographs")
    assert [row.archive for row in selectors.file_rows(library.manager, release)] == before
    assert archive not in release.archives.all()
    services.build_archive(archive.pk, "t")
    assert content(release.archives.get(filename__endswith="SHA256SUMS")) == sums
    assert Event.objects.filter(action="release.published").count() == 1


def test_every_group_and_the_content_are_needed(library: Library, cohort: Cohort) -> None:
    some, without = library.people.researcher(), library.people.researcher()
    grant(some, library.dataset, 1)
    given = grant(without, library.dataset)
    given.contents = ["masks"]
    given.save()
    archive = order(cohort, library.manager)
    for person, code in ((some, "other_group"), (without, "other_content")):
        assert may_download(person, archive).codes == (code,)
        assert archive not in downloadable(person)
        page = reverse("datasets:cohort_order", args=[cohort.identifier])
        assert signed_in(person).post(page, {"content": "radiographs"}).status_code == 403
        assert signed_in(person).get(reverse("datasets:download", args=[archive.pk])).status_code == 403
    grant(some, library.dataset, 2)
    assert may_download(some, archive).allowed
    assert archive in downloadable(some)


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
    stranger = APIClient()
    stranger.force_authenticate(library.people.researcher())
    assert (stranger.get(address).status_code, stranger.post(address, {"content": "lung_masks"}).status_code) == (
        403, 403,
    )  # fmt: skip


def test_its_limits(library: Library, cohort: Cohort, release: Release, keeper: User, settings: LazySettings) -> None:
    person = library.people.researcher()
    settings.CXR_COHORT_MAX_BYTES = 10
    with pytest.raises(DatasetError, match="more than"):
        order_cohort(user=person, cohort=cohort, content="radiographs")
    settings.CXR_COHORT_MAX_BYTES = 10**6
    with pytest.raises(DatasetError, match="Choose"):
        order_cohort(user=person, cohort=cohort, content="metadata")
    for what in ("radiographs", "lung_masks", "lung_regions", "radiographs"):
        order_cohort(user=person, cohort=cohort, content=what)
    other = save_cohort(user=keeper, release=release, filters={"sex": ["M"]})
    with pytest.raises(DatasetError, match="3 archives"):
        order_cohort(user=person, cohort=other, content="radiographs")
    assert order_cohort(user=library.manager, cohort=other, content="radiographs").status == "pending"
    services.build_archive(CohortOrder.objects.filter(by=person).earliest("at").pk, "t")
    assert order_cohort(user=person, cohort=other, content="lung_masks").status == "pending"


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
