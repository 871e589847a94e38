import hashlib
import io
import threading

import pytest
from django.core.files.storage import storages
from django.db import connection, transaction

from audit.models import Event
from datasets import services
from datasets.models import Patient, Radiograph
from tests.datasets.library import Library, new_file
from tests.people import People


def stored(path: str) -> bytes:
    with storages["library"].open(path) as file:
        return file.read()


def test_the_name_carries_hospital_patient_and_class(library: Library) -> None:
    radiograph = library.add(2)
    assert radiograph.filename == "Anonymous_7_1_2.png"
    assert stored(radiograph.file.name).startswith(b"\x89PNG")
    assert radiograph.size == len(stored(radiograph.file.name))
    assert stored(radiograph.masks.get().file.name).startswith(b"\x89PNG")
    assert radiograph.region.transform == {"scale": 2}
    assert Event.objects.get(action="radiograph.added").object_id == str(radiograph.pk)


@pytest.mark.parametrize(("format", "extension"), [("dicom", "dcm"), ("jpeg", "jpg"), ("png", "png"), ("tiff", "tif")])
def test_the_extension_follows_the_format(library: Library, format: str, extension: str) -> None:
    assert library.add(format=format).filename == f"Anonymous_7_1_1.{extension}"


def test_the_same_key_is_the_same_patient(library: Library) -> None:
    names = [library.add(1, "a").filename, library.add(1, "b").filename, library.add(1, "a").filename]
    assert names == ["Anonymous_7_1_1.png", "Anonymous_7_2_1.png", "Anonymous_7_1_1_2.png"]


def test_the_second_image_of_another_class_has_no_number(library: Library) -> None:
    library.add(1, "a")
    assert library.add(3, "a").filename == "Anonymous_7_1_3.png"


def test_without_a_key_every_image_is_a_patient(library: Library) -> None:
    assert [library.add().patient.number for _ in range(3)] == [1, 2, 3]


def test_numbers_are_of_the_hospital(library: Library) -> None:
    other = library.people.hospital(number=9)
    library.add(1, "a")
    assert library.add(1, "a", hospital=other).filename == "Anonymous_9_1_1.png"


def test_a_withdrawn_image_keeps_its_name(library: Library) -> None:
    library.add(1, "a")
    Radiograph.objects.update(status=Radiograph.Status.WITHDRAWN)
    assert library.add(1, "a").filename == "Anonymous_7_1_1_2.png"


def test_other_bytes_than_announced_leave_nothing_behind(library: Library) -> None:
    wrong = services.NewFile(lambda: io.BytesIO(b"other bytes"), hashlib.sha256(b"these bytes").hexdigest())
    with pytest.raises(services.LibraryFault):
        library.add(region_mask=wrong)
    assert not Radiograph.objects.exists()
    assert not Patient.objects.exists()
    folders, files = storages["library"].listdir("polcovid")
    assert not files
    assert all(storages["library"].listdir(f"polcovid/{folder}")[1] == [] for folder in folders)


def test_a_rolled_back_try_does_not_disturb_the_next(library: Library) -> None:
    with transaction.atomic():
        library.add(1, "a", image=new_file(b"first"))
        transaction.set_rollback(True)
    assert not Radiograph.objects.exists()
    radiograph = library.add(1, "a", image=new_file(b"second"))
    assert radiograph.filename == "Anonymous_7_1_1.png"
    assert stored(radiograph.file.name) == b"second"


def test_a_group_of_another_dataset_is_a_mistake(library: Library) -> None:
    other = services.create_dataset(
        manager=library.manager,
        slug="other",
        origin="OTHER",
        title="Other",
        summary="s",
        description="d",
        licence="CC0",
        citation="c",
        agreement=library.agreement,
        groups=[(1, "NORMAL", "N")],
    )
    with pytest.raises(ValueError, match="another dataset"):
        library.add(group=other.groups.get())


@pytest.mark.django_db(transaction=True)
def test_two_curators_at_once_never_give_a_number_twice() -> None:
    library = Library(People())
    barrier, errors = threading.Barrier(2), []

    def accept(keys: list[str]) -> None:
        try:
            barrier.wait()
            for key in keys:
                library.add(1, key)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    # Both bring patient "x": it must be one, with two names.
    threads = [threading.Thread(target=accept, args=[[*own, "x"]]) for own in (["a", "b", ""], ["c", "d", ""])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(Patient.objects.values_list("number", flat=True)) == list(range(1, 8))
    assert Radiograph.objects.values("filename").distinct().count() == 8
    assert Radiograph.objects.filter(patient__key_hash="x").count() == 2
