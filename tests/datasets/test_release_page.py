"""The page of a release: files by group, versions, notices, tombstones; reports and deprecation."""

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from audit.models import Event
from datasets import selectors, services
from datasets.models import Archive, ImageReport, Radiograph, Release
from datasets.services.deprecating import deprecate, undeprecate
from datasets.services.reporting import DAILY, close_report, report_image
from datasets.services.withdrawing import withdraw_images
from tests.datasets.holders import grant
from tests.datasets.library import Library
from tests.datasets.test_pages import log_in, page
from tests.datasets.test_withdrawal import build, mails, withdraw

__all__ = ["mails"]


def words(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_files_stand_by_group_and_the_parts_are_numbered(client: Client, library: Library, settings: Any) -> None:
    settings.CXR_PART_BYTES = 1
    for class_id in (1, 1, 2):
        library.add(class_id)
    library.publish()
    text = page(client, "datasets:release", "polcovid", "1.0")
    summaries = [words(one) for one in re.findall(r"<summary>(.*?)</summary>", text, re.DOTALL)]
    assert [one.split()[0] for one in summaries if " files," in one] == ["NORMAL", "PNEUMONIA", "The"]
    assert "part 1 of 2" in words(text)


def test_queries_do_not_grow_with_the_archives(client: Client, library: Library) -> None:
    library.add(1)
    release = library.publish()
    reader = library.people.researcher()
    grant(reader, library.dataset)
    log_in(client, reader)

    def count() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert "Make commands" in page(client, "datasets:release", "polcovid", "1.0")
        return len(queries)

    count()
    before = count()
    pattern = release.archives.filter(content="radiographs").get()
    Archive.objects.bulk_create(
        Archive(
            release=release,
            group=pattern.group,
            content="radiographs",
            part=number,
            parts=500,
            filename=f"polcovid-1.0-NORMAL-radiographs-part{number:03}of500.zip",
            file=pattern.file.name,
            size=pattern.size,
            md5=pattern.md5,
            sha256=pattern.sha256,
            status="ready",
        )
        for number in range(2, 502)
    )
    assert count() == before
    assert "510 files" not in page(client, "datasets:release", "polcovid", "1.0").split("<details")[0]


def test_views_and_downloads_are_told(client: Client, library: Library) -> None:
    library.add()
    library.publish()
    page(client, "datasets:release", "polcovid", "1.0")
    text = words(page(client, "datasets:detail", "polcovid"))
    assert re.search(r"Views \d+", text)
    assert re.search(r"Downloads 0", text)


def test_an_old_version_shows_its_tombstone_and_what_replaced_it(client: Client, library: Library) -> None:
    gone = library.add(1)
    library.add(1)
    library.publish()
    withdraw(library, gone, reason="identity")
    build(Release.objects.get(version="1.0.1"))
    text = page(client, "datasets:release", "polcovid", "1.0")
    assert "Replaced by version 1.0.1" in text
    assert "Identity found 1" in words(text)
    assert library.manager.name not in text
    assert "withdrawn" in words(text)
    latest = page(client, "datasets:detail", "polcovid")
    assert "1 image withdrawn: identity found." in latest
    assert gone.filename not in latest
    assert "Replaced by" not in page(client, "datasets:release", "polcovid", "1.0.1")


def test_the_names_of_withdrawn_images_are_for_those_who_may_have_copies(client: Client, library: Library) -> None:
    gone = library.add(1)
    library.add(1)
    library.publish()
    holder = library.people.researcher()
    grant(holder, library.dataset, 2)
    withdraw(library, gone, reason="identity")
    assert gone.filename not in page(client, "datasets:release", "polcovid", "1.0")
    for user, named in ((library.people.researcher(), False), (holder, True), (library.manager, True)):
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        assert (gone.filename in page(client, "datasets:release", "polcovid", "1.0")) is named


def test_the_old_version_counts_as_its_patch_does(client: Client, library: Library) -> None:
    """The difference would be the row of the person who withdrew, told to everybody."""
    gone = library.add(1, demographics={"sex": "M", "age": 33, "smoke": "yes", "smoke_packyears": 7})
    library.add(1)
    library.add(2, demographics={"sex": "F", "age": 70})
    old = library.publish()

    def told(release: Release) -> tuple[Any, ...]:
        release = Release.objects.get(pk=release.pk)
        figures = selectors.figures([release])[release.pk]
        return figures, selectors.group_counts(release.dataset, release), selectors.statistics(release)

    before = told(old)
    assert before[0].images == 3
    withdraw(library, gone)
    after = told(old)
    assert [count for _group, count in after[1]] == [1, 1, 0]
    assert after[0].images == 2
    assert after[2].hospitals.total == 2
    new = Release.objects.get(version="1.0.1")
    build(new)
    assert told(new) == after
    for radiograph in Radiograph.objects.exclude(status=Radiograph.Status.WITHDRAWN):
        withdraw(library, radiograph)
    assert told(old)[0].images == 0
    page(client, "datasets:release", "polcovid", "1.0")
    page(client, "datasets:statistics", "polcovid", "1.0")


def test_a_withdrawn_file_says_so_to_programs(library: Library) -> None:
    gone = library.add(1)
    library.add(1)
    release = library.publish()
    reader = library.people.researcher()
    grant(reader, library.dataset)
    withdraw(library, gone)
    client = APIClient()
    client.force_authenticate(reader)
    files = client.get(reverse("api:release", args=["polcovid", "1.0"])).json()["files"]
    missing = {file["filename"]: file["missing"] for file in files}
    assert missing["polcovid-1.0-NORMAL-radiographs.zip"] == ["withdrawn"]
    archive = release.archives.get(filename="polcovid-1.0-NORMAL-radiographs.zip")
    refused = client.get(reverse("api:archive_download", args=[archive.pk]))
    assert (refused.status_code, refused.json()["reasons"][0]["code"]) == (403, "withdrawn")


def test_a_version_is_deprecated_with_a_notice_and_stays(client: Client, library: Library) -> None:
    library.add(1)
    first = library.publish()
    with pytest.raises(services.DatasetError, match="latest"):
        deprecate(manager=library.manager, release=first, notice="Old.")
    library.add(2)
    library.publish("1.1")
    with pytest.raises(services.DatasetError, match="why"):
        deprecate(manager=library.manager, release=first, notice=" ")
    deprecate(manager=library.manager, release=first, notice="The masks were shifted.")
    for text in (page(client, "datasets:release", "polcovid", "1.0"), page(client, "datasets:detail", "polcovid")):
        assert "The masks were shifted." in text
    api = APIClient().get(reverse("api:release", args=["polcovid", "1.0"])).json()
    assert api["deprecation_notice"] == "The masks were shifted."
    assert api["deprecated_at"]
    assert set(first.archives.values_list("status", flat=True)) == {"ready"}
    assert Event.objects.filter(action="release.deprecated", actor_id=library.manager.pk).count() == 1
    undeprecate(manager=library.manager, release=first)
    assert "The masks were shifted." not in page(client, "datasets:release", "polcovid", "1.0")


def test_data_managers_deprecate_from_the_page_of_the_release(client: Client, library: Library) -> None:
    library.add(1)
    first = library.publish()
    library.add(2)
    latest = library.publish("1.1")
    log_in(client, library.manager)
    address = reverse("datasets:deprecate", args=[first.pk])
    assert address in page(client, "datasets:manage_release", first.pk)
    assert "deprecate" not in page(client, "datasets:manage_release", latest.pk)
    client.post(address, {"notice": "Old."})
    first.refresh_from_db()
    assert first.deprecation_notice == "Old."
    client.post(address, {"undo": "1"})
    first.refresh_from_db()
    assert first.deprecated_at is None


@pytest.fixture
def reader(library: Library) -> Any:
    """Somebody with access to the one released image."""
    library.add(1)
    library.add(2)
    library.publish()
    user = library.people.researcher()
    grant(user, library.dataset, 1)
    return user


NAME = "Anonymous_7_1_1.png"


def test_a_report_reaches_the_managers_and_the_answer_the_reporter(
    client: Client, library: Library, reader: Any, mails: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    log_in(client, reader)
    address = reverse("datasets:report", args=["polcovid"])
    assert address in page(client, "datasets:detail", "polcovid")
    with django_capture_on_commit_callbacks(execute=True):
        response = client.post(address, {"filename": f" {NAME} ", "category": "identity", "text": "Top left corner."})
    assert response.status_code == 302
    report = ImageReport.objects.get()
    assert (report.filename, report.reporter, report.category) == (NAME, reader, "identity")
    assert [message.to for message in mails] == [[library.manager.email]]
    assert "Top left corner." not in mails[0].body
    event = Event.objects.get(action="image.reported")
    assert "Top left" not in str(event.data)
    log_in(client, library.manager)
    assert NAME in page(client, "datasets:reports")
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("datasets:manage_report", args=[report.pk]), {"answer": "It is a marker."})
    assert mails[1].to == [reader.email]
    assert "It is a marker." in mails[1].body
    with pytest.raises(services.DatasetError, match="already"):
        close_report(manager=library.manager, report=report, answer="Again.")


def test_a_withdrawal_starts_from_a_report_and_answers_it(client: Client, library: Library, reader: Any) -> None:
    report = report_image(user=reader, dataset=library.dataset, filename=NAME, category="identity", text="A name.")
    log_in(client, library.manager)
    address = reverse("datasets:withdraw", args=["radiograph", report.item.radiograph_id])
    assert f"{address}?report={report.pk}" in page(client, "datasets:manage_report", report.pk)
    text = client.get(f"{address}?report={report.pk}").content.decode()
    assert "A name." in text
    assert re.search(r'value="identity"[^>]*checked', text)
    assert "can no longer be downloaded" in text
    response = client.post(f"{address}?report={report.pk}", {"reason": "identity"})
    assert response.status_code == 200  # not without the tick
    response = client.post(f"{address}?report={report.pk}", {"reason": "identity", "sure": "on"})
    report.refresh_from_db()
    withdrawal = report.withdrawals.get()
    assert response["Location"] == reverse("datasets:withdrawal", args=[withdrawal.pk])
    assert (report.status, report.answer) == ("closed", "The image was withdrawn.")
    assert NAME in page(client, "datasets:withdrawal", withdrawal.pk)
    found = client.get(reverse("datasets:withdrawals"), {"q": "anonymous_7_1"}).content.decode()
    assert "see what came of it" in found


def test_the_patients_other_images_can_go_with_it(client: Client, library: Library) -> None:
    one, two, other = library.add(1, "patient"), library.add(2, "patient"), library.add(1)
    library.publish()
    log_in(client, library.manager)
    address = reverse("datasets:withdraw", args=["radiograph", one.pk])
    text = client.get(address).content.decode()
    assert two.filename in text
    assert other.filename not in text
    client.post(address, {"reason": "consent", "sure": "on", "others": [str(two.pk)]})
    assert set(library.dataset.tombstones.values_list("filename", flat=True)) == {one.filename, two.filename}
    response = client.post(address, {"reason": "consent", "sure": "on", "others": [str(other.pk)]})
    assert response.status_code == 200
    assert library.dataset.tombstones.count() == 2


def test_what_cannot_be_reported(library: Library, reader: Any) -> None:
    dataset = library.dataset

    def report(user: Any = reader, filename: str = NAME, category: str = "other", text: str = "Dark.") -> ImageReport:
        return report_image(user=user, dataset=dataset, filename=filename, category=category, text=text)

    for refused, message in (
        ({"user": library.people.researcher()}, "access"),
        ({"filename": "Anonymous_9_9_9.png"}, "No published version"),
        ({"text": " "}, "what is wrong"),
        ({"category": "whim"}, "what is wrong"),
    ):
        with pytest.raises(services.DatasetError, match=message):
            report(**refused)
    report()
    with pytest.raises(services.DatasetError, match="already"):
        report()
    assert report(user=library.curator).reporter == library.curator
    withdraw_images(manager=library.manager, images=[library.dataset.radiographs.get(filename=NAME)], reason="other")
    with pytest.raises(services.DatasetError, match="No published version"):
        report(category="quality")


def test_only_so_many_reports_a_day(library: Library, reader: Any) -> None:
    item = library.dataset.releases.get().items.first()
    ImageReport.objects.bulk_create(
        ImageReport(
            dataset=library.dataset, item=item, filename=f"{n}.png", category="other", text="x", reporter=reader
        )
        for n in range(DAILY)
    )
    with pytest.raises(services.DatasetError, match="20"):
        report_image(user=reader, dataset=library.dataset, filename=NAME, category="other", text="Dark.")
