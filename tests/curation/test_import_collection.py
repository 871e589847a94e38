import io
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from curation.management.commands import import_collection
from datasets.models import Radiograph
from datasets.services.findings import set_findings
from imaging import phantoms
from intake import services
from intake.models import WORK_STAGES, Stage, UploadedFile
from tests.world import World

HEADINGS = "filename,mask,label3,patient,split,sex,age\n"


@pytest.fixture
def collection(world: World, tmp_path: Path) -> Path:
    """Two usable rows among those that must not get in."""
    folder = tmp_path / "collection"
    (folder / "images").mkdir(parents=True)
    person = phantoms.FakePerson.invent(1, "F")
    for number in (1, 2):
        pixels = phantoms.draw(number, size=(320, 300))
        phantoms.write_png(folder / "images" / f"{number}.png", pixels, person)
    (tmp_path / "secret.png").write_bytes(b"outside")
    (folder / "images" / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "index.csv").write_text(
        HEADINGS
        + "images/1.png,,Normal,p1,train,F,61\n"
        + "images/2.png,,PNEUMONIA,p1,validation,,95.0\n"
        + "images/1.png,,Influenza,p2,train,M,\n"
        + "../secret.png,,Normal,p3,train,M,\n"
        + f"{tmp_path}/secret.png,,Normal,p3,train,M,\n"
        + "images/link.png,,Normal,p3,train,M,\n"
        + "images/absent.png,,Normal,p3,train,M,\n"
        + ",,Normal,p3,train,M,\n"
    )
    return folder


def _run(folder: Path, world: World, **options: Any) -> str:
    out = io.StringIO()
    arguments = {"dataset": "example", "hospital": world.hospital.number, **options}
    call_command("import_collection", str(folder), stdout=out, stderr=out, **arguments)
    return out.getvalue()


def _imported(world: World) -> Any:
    return UploadedFile.objects.exclude(batch=world.batch)


def test_what_fits_is_taken_and_the_rest_is_counted(collection: Path, world: World) -> None:
    said = _run(collection, world)
    assert "2 taken" in said
    assert "5 without a file" in said
    assert "1 with an unknown label" in said
    first, second = _imported(world).order_by("received_at")
    assert (first.group, first.sex, first.age, first.set) == (world.group, "F", 61, "train")
    assert (second.group, second.sex, second.age, second.set) == (world.other_group, "", 90, "validation")
    assert first.patient_key_hash == second.patient_key_hash != ""
    assert first.batch.user == world.hospital_user


def test_it_can_be_started_again(collection: Path, world: World) -> None:
    assert "1 taken" in _run(collection, world, limit=1)
    said = _run(collection, world)
    assert "1 there already" in said
    assert _imported(world).count() == 2
    assert _imported(world).values("batch").distinct().count() == 1


def test_an_accepted_collection_is_judged_in_the_curators_name(
    collection: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(seconds: float) -> None:
        """The worker, in the pauses of the one who waits."""
        for file in UploadedFile.objects.filter(stage__in=WORK_STAGES):
            services.run_stage(file.pk, f"task {threading.get_ident()}")

    monkeypatch.setattr(import_collection.time, "sleep", work)
    world.batch.files.filter(stage__in=WORK_STAGES).delete()
    said = _run(collection, world, user=world.curator.email, accept=True)
    assert "the workers are done" in said
    assert "2 accepted" in said
    assert set(_imported(world).values_list("stage", flat=True)) == {Stage.ACCEPTED}
    # Nobody here has looked at the pictures, and nothing says so.
    assert not any(file.radiograph.deid_report["checked"] for file in _imported(world))
    radiographs = Radiograph.objects.filter(upload__in=_imported(world))
    assert {radiograph.accepted_by for radiograph in radiographs} == {world.curator}
    assert len({radiograph.patient for radiograph in radiographs}) == 1


def test_findings_come_along_and_unknown_ones_keep_a_row_out(
    collection: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (collection / "index.csv").write_text(
        HEADINGS.replace("age", "age,findings")
        + "images/1.png,,Normal,p1,train,F,61,EFFUSION;MASS\n"
        + "images/2.png,,PNEUMONIA,p1,validation,,,FLU\n"
    )
    set_findings(manager=world.manager, dataset=world.dataset, findings=[("EFFUSION", "Effusion"), ("MASS", "A mass")])

    def work(seconds: float) -> None:
        for file in UploadedFile.objects.filter(stage__in=WORK_STAGES):
            services.run_stage(file.pk, f"task {threading.get_ident()}")

    monkeypatch.setattr(import_collection.time, "sleep", work)
    world.batch.files.filter(stage__in=WORK_STAGES).delete()
    said = _run(collection, world, user=world.curator.email, accept=True)
    assert "1 with an unknown finding" in said
    radiograph = Radiograph.objects.get(upload__in=_imported(world))
    assert set(radiograph.findings.values_list("code", flat=True)) == {"EFFUSION", "MASS"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dataset": "nothing"}, "no dataset"),
        ({"hospital": 99}, "no hospital"),
        ({"user": "nobody@example.org"}, "--user"),
        ({"accept": True}, "curator"),
    ],
)
def test_what_is_missing_is_said(collection: Path, world: World, options: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        _run(collection, world, **options)


def test_a_folder_without_a_good_index(collection: Path, world: World) -> None:
    (collection / "index.csv").write_text("filename\n")
    with pytest.raises(CommandError, match="lacks the columns label3"):
        _run(collection, world)
    (collection / "index.csv").unlink()
    with pytest.raises(CommandError, match=r"no index\.csv"):
        _run(collection, world)
