"""Training, validation and test: by patient, for good."""

from collections import Counter

import pytest

from datasets import selectors, services, sets
from datasets.models import Radiograph
from datasets.services.freezing import give_sets
from tests.datasets.library import Library


def fill(library: Library, patients: int, start: int = 0) -> None:
    other = library.people.hospital(number=8) if start == 0 else library.people.hospital(number=9)
    for number in range(start, start + patients):
        for hospital in (library.hospital, other):
            library.add(1 + number % 2, f"k{number}", hospital, region=None, region_mask=None, mask=None)
            if number % 3 == 0:
                library.add(1, f"k{number}", hospital, region=None, region_mask=None, mask=None)


def by_patient(library: Library) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for patient, name in Radiograph.objects.values_list("patient", "set"):
        found.setdefault(patient, set()).add(name)
    return found


def test_a_patient_is_in_one_set_and_every_hospital_and_class_is_shared_out(library: Library) -> None:
    fill(library, 20)
    library.publish()
    given = by_patient(library)
    assert all(len(names) == 1 for names in given.values())
    for hospital in (7, 8):
        for class_id in (1, 2):
            rows = Radiograph.objects.filter(patient__hospital__number=hospital, group__class_id=class_id)
            counts = Counter(rows.values_list("set", flat=True))
            assert 0.6 <= counts["train"] / counts.total() <= 0.95, (hospital, class_id, counts)
            assert set(counts) == {"train", "test"}
    assert set(library.dataset.releases.get().items.values_list("metadata__set", flat=True)) == {"train", "test"}


def test_who_has_a_set_keeps_it(library: Library) -> None:
    fill(library, 12)
    first = library.publish()
    before = by_patient(library)
    fill(library, 12, start=12)
    known = Radiograph.objects.filter(set="test").first()
    assert known is not None
    library.add(2, "", set="validation", region=None, region_mask=None, mask=None)
    services.publish_release(
        manager=library.manager, dataset=library.dataset, version="1.1", changes="More.", test_percent=50
    )
    after = by_patient(library)
    assert {patient: after[patient] for patient in before} == before
    assert {"validation"} in after.values(), "an import said so"
    assert first.items.count() < Radiograph.objects.count()


def test_the_same_collection_gives_the_same_sets(library: Library) -> None:
    fill(library, 12)
    give_sets(library.dataset)
    once = by_patient(library)
    Radiograph.objects.update(set="")
    give_sets(library.dataset)
    assert by_patient(library) == once


def test_without_shares_there_are_no_sets(library: Library) -> None:
    library.add()
    library.dataset.test_percent = 0
    assert list(sets.planned(library.dataset)) == []
    release = services.publish_release(
        manager=library.manager, dataset=library.dataset, version="1.0", changes="x", test_percent=0
    )
    assert release.items.get().metadata["set"] is None


@pytest.mark.parametrize(("validation", "test"), [(50, 41), (-1, 20)])
def test_shares_that_leave_nothing_for_training_are_refused(library: Library, validation: int, test: int) -> None:
    library.add()
    with pytest.raises(services.PublishRefused, match="90 per cent"):
        services.publish_release(
            manager=library.manager,
            dataset=library.dataset,
            version="1.0",
            changes="x",
            validation_percent=validation,
            test_percent=test,
        )


def test_the_preview_counts_the_sets_that_publishing_gives(library: Library) -> None:
    fill(library, 10)
    preview = selectors.preview(library.dataset)
    names = [name.value for name in preview.sets]
    planned = {row.part.pk: {name.value: count for name, count in row.by_set} for row in preview.rows if row.images}
    library.publish()
    for group in library.dataset.groups.all():
        counts = Counter(Radiograph.objects.filter(group=group).values_list("set", flat=True))
        assert planned.get(group.pk, {}) == {name: counts[name] for name in names} or not counts
    again = selectors.preview(library.dataset)
    assert again.difference.is_empty
    assert preview.size == sum(Radiograph.objects.values_list("size", flat=True))
