import pytest

from audit.models import Event
from datasets import selectors, services
from datasets.archives import names
from datasets.models import Archive, Radiograph, Release, ReleaseItem
from tests.datasets.library import Library


def test_a_release_freezes_every_accepted_image(library: Library) -> None:
    kept, gone = library.add(1), library.add(2)
    Radiograph.objects.filter(pk=gone.pk).update(status=Radiograph.Status.WITHDRAWN)
    release = library.order()
    item = release.items.get()
    assert (item.radiograph, item.filename, item.metadata["class"]) == (kept, kept.filename, "NORMAL")
    assert [file["name"] for file in item.files["radiographs"]] == ["Anonymous_7_1_1.png"]
    assert [file["name"] for file in item.files["lung_regions"]] == ["Anonymous_7_1_1.png", "Anonymous_7_1_1_mask.png"]
    assert item.files["lung_masks"][0]["sha256"] == kept.masks.get().sha256
    event = Event.objects.get(action="release.created")
    assert (event.data["images"], event.data["added"], event.actor_id) == (1, 1, library.manager.pk)


def test_what_changes_later_does_not_change_a_release(library: Library) -> None:
    radiograph = library.add(1)
    release = library.order()
    Radiograph.objects.filter(pk=radiograph.pk).update(sex="M", age=20)
    library.dataset.origin, library.dataset.citation = "OTHER", "Somebody else"
    library.dataset.save()
    release.refresh_from_db()
    metadata = release.items.get().metadata
    assert (metadata["sex"], metadata["age"], metadata["origin"]) == ("F", 61, "POLCOVID")
    assert release.about["citation"] == "Example et al., 2026"


def test_items_come_in_the_order_of_hospital_patient_and_class(library: Library) -> None:
    other = library.people.hospital(number=10)
    library.add(1, hospital=other)
    for _ in range(10):
        library.add(2)
    release = library.order()
    frozen = list(release.items.order_by("pk").values_list("filename", flat=True))
    assert frozen == [*(f"Anonymous_7_{number}_2.png" for number in range(1, 11)), "Anonymous_10_1_1.png"]


def test_archives_are_ordered_per_group_and_content(library: Library) -> None:
    library.add(1)
    library.add(3, region=None, region_mask=None)
    found = set(library.order().archives.values_list("filename", "items", "group__label"))
    assert found == {
        ("polcovid-1.0-NORMAL-radiographs.zip", 1, "NORMAL"),
        ("polcovid-1.0-NORMAL-lung_regions.zip", 1, "NORMAL"),
        ("polcovid-1.0-NORMAL-lung_masks.zip", 1, "NORMAL"),
        ("polcovid-1.0-NORMAL.csv", 1, "NORMAL"),
        ("polcovid-1.0-COVID-19-radiographs.zip", 1, "COVID-19"),
        ("polcovid-1.0-COVID-19-lung_masks.zip", 1, "COVID-19"),
        ("polcovid-1.0-COVID-19.csv", 1, "COVID-19"),
        ("polcovid-1.0-images.xlsx", 2, None),
        ("polcovid-1.0-deidentification.csv", 2, None),
        ("polcovid-1.0-quality.csv", 2, None),
        *((f"polcovid-1.0-{name}", 2, None) for name in ("images.parquet", *names.TEXTS, *names.SUMS)),
    }


def test_a_label_that_no_file_name_can_carry_gets_its_class_id(library: Library) -> None:
    groups = [(1, "Zdrowi / łagodni", "N"), (2, "Zdrowi : łagodni", "P")]
    services.update_dataset(manager=library.manager, dataset=library.dataset, groups=groups)
    library.add(1)
    library.add(2)
    tables = (
        library.order()
        .archives.filter(filename__endswith=".csv", content="metadata")
        .values_list("filename", flat=True)
    )
    assert set(tables) == {"polcovid-1.0-1_Zdrowi_agodni.csv", "polcovid-1.0-2_Zdrowi_agodni.csv"}


def test_without_images_there_is_no_release(library: Library) -> None:
    with pytest.raises(services.PublishRefused, match="no image"):
        library.order()
    assert not Release.objects.exists()


def test_nothing_new_is_refused(library: Library) -> None:
    library.add()
    library.publish()
    with pytest.raises(services.PublishRefused, match="nothing new"):
        library.order("1.1")
    assert Release.objects.count() == 1
    assert ReleaseItem.objects.count() == 1


@pytest.mark.parametrize("version", ["1.0", "0.9", "1", "v2", "1.1.1", ""])
def test_a_version_must_be_greater_and_well_formed(library: Library, version: str) -> None:
    library.add()
    library.publish("1.0")
    library.add()
    with pytest.raises(services.PublishRefused):
        library.order(version)


def test_a_change_log_is_asked_for(library: Library) -> None:
    library.add()
    with pytest.raises(services.PublishRefused, match="what changed"):
        services.publish_release(manager=library.manager, dataset=library.dataset, version="1.0", changes=" ")


def test_one_release_at_a_time(library: Library) -> None:
    library.add()
    first = library.order()
    library.add()
    with pytest.raises(services.PublishRefused, match="being built"):
        library.order("1.1")
    # One that failed holds nothing up.
    Archive.objects.filter(pk=first.archives.all()[0].pk).update(status=Archive.Status.FAILED)
    assert library.order("1.1").version == "1.1"


def test_the_preview_tells_the_difference(library: Library) -> None:
    stays, changes, leaves = library.add(1), library.add(1), library.add(2)
    assert selectors.preview(library.dataset).version == "1.0"
    library.publish()
    assert selectors.preview(library.dataset).difference.is_empty
    library.add(3, "new")
    preview = selectors.preview(library.dataset)
    assert (preview.version, preview.difference.added) == ("1.1", 1)
    Radiograph.objects.filter(pk=changes.pk).update(quality="Bad")
    Radiograph.objects.filter(pk=leaves.pk).update(status=Radiograph.Status.WITHDRAWN)
    preview = selectors.preview(library.dataset)
    difference = preview.difference
    assert (difference.added, difference.changed, difference.removed, difference.kept) == (1, 1, 1, 1)
    assert preview.version == "2.0"
    assert (preview.figures.images, preview.figures.patients, preview.figures.hospitals) == (3, 3, 1)
    assert [count for _group, count in preview.groups] == [2, 0, 1]
    assert preview.last is not None
    assert stays.filename in preview.last.items.values_list("filename", flat=True)


def test_groups_in_use_stay(library: Library) -> None:
    library.add(1)
    with pytest.raises(services.DatasetError, match="NORMAL"):
        services.update_dataset(manager=library.manager, dataset=library.dataset, groups=[(2, "PNEUMONIA", "P")])
    # Labels may change places, and a group without images may go.
    groups = [(1, "PNEUMONIA", "P"), (2, "NORMAL", "N")]
    services.update_dataset(manager=library.manager, dataset=library.dataset, groups=groups, title="New title")
    assert list(library.dataset.groups.values_list("class_id", "label")) == [(1, "PNEUMONIA"), (2, "NORMAL")]
    assert Event.objects.get(action="dataset.changed").data["fields"] == ["title"]


@pytest.mark.parametrize(
    "groups", [[], [(1, "A", ""), (1, "B", "")], [(1, "A", ""), (2, "A", "")], [(1, "=A1", "")], [(1, " ", "")]]
)
def test_groups_must_be_told_apart(library: Library, groups: list[services.Group]) -> None:
    with pytest.raises(services.DatasetError):
        services.update_dataset(manager=library.manager, dataset=library.dataset, groups=groups)


def test_an_origin_that_spreadsheets_would_compute_is_refused(library: Library) -> None:
    with pytest.raises(services.DatasetError, match="formula"):
        services.update_dataset(manager=library.manager, dataset=library.dataset, origin="=1+1")
