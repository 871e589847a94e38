"""Text in the picture on its way through the pipeline: found, painted, undone by a curator, painted by hand."""

import io
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.apps import apps
from django.core.files.storage import storages
from django.utils import timezone
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from curation import services as curation
from imaging import phantoms
from imaging.deid.boxes import TextBox
from imaging.deid.text import Text
from imaging.formats import stored
from intake import candidates, services
from intake.models import WORK_STAGES, Priority, Stage, StageRun, UploadedFile
from intake.services import stages
from intake.services.enhancing import enhanced
from tests.intake.test_pipeline import WorkerKilled
from tests.world import World

Send = Callable[..., UploadedFile]
FIND = "imaging.deid.text.find_text"
NAME = TextBox(30, 20, 120, 24, score=0.9)
SIDE = TextBox(330, 20, 20, 24, painted=False, score=0.9, marker="L")
DRAWN = {"left": 200, "top": 300, "width": 50, "height": 30}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The detector finds these boxes, wherever they are; at first a name and a marker."""

    def say(*boxes: TextBox, doubtful: bool = False) -> None:
        monkeypatch.setattr(FIND, lambda pixels: Text(boxes, doubtful=doubtful, version="test"))

    say(NAME, SIDE)
    return say


def _run(file: UploadedFile, *, task: str = "task") -> UploadedFile:
    """On from where it is until nothing is left to do."""
    for _ in WORK_STAGES:
        services.run_stage(str(file.pk), task)
    file.refresh_from_db()
    return file


def _pixels(file: UploadedFile, tmp_path: Path) -> NDArray[np.integer[Any]]:
    path = tmp_path / "fetched"
    path.unlink(missing_ok=True)
    return stored(candidates.fetch(file.pk, stages.image_name(file), path)).copy()


def _original(content: bytes, tmp_path: Path) -> NDArray[np.integer[Any]]:
    path = tmp_path / "original"
    path.write_bytes(content)
    return stored(path)


def _cut(pixels: NDArray[Any], box: TextBox) -> NDArray[Any]:
    return pixels[box.top : box.top + box.height, box.left : box.left + box.width]


def _is_painted(pixels: NDArray[Any], box: TextBox) -> bool:
    """One even tone where there was a picture with its noise."""
    return float(_cut(pixels, box).std()) == 0


def test_what_was_found_is_painted_and_on_the_row(send: Send, dicom: bytes, found: Any, tmp_path: Path) -> None:
    file = _run(send(dicom))
    assert file.stage == Stage.CURATE
    assert file.deid_report["text"] == [NAME.as_dict(), SIDE.as_dict()]
    assert (file.deid_report["text_version"], file.deid_report["doubtful"]) == ("test", False)
    assert (file.text_boxes, file.priority == Priority.TEXT) == (None, False)
    pixels, original = _pixels(file, tmp_path), _original(dicom, tmp_path)
    assert _is_painted(pixels, NAME)
    assert (_cut(pixels, SIDE) == _cut(original, SIDE)).all()
    run = StageRun.objects.get(file=file, stage=Stage.DEIDENTIFY)
    assert (run.result["boxes"], run.result["painted"]) == (2, 1)


def test_the_curators_picture_is_the_painted_one(send: Send, dicom: bytes, found: Any) -> None:
    file = _run(send(dicom))
    with candidates.open_file(file.pk, "preview.png") as content:
        assert _is_painted(np.asarray(Image.open(content)), NAME)


def test_doubtful_files_come_first(send: Send, dicom: bytes, jpeg: bytes, found: Any) -> None:
    found()
    ordinary = _run(send(dicom))
    found(doubtful=True)
    doubtful = _run(send(jpeg))
    assert (doubtful.priority, doubtful.deid_report["needs_person"]) == (Priority.TEXT, True)
    assert ordinary.priority != Priority.TEXT


def test_painted_undone_and_drawn_by_a_curator(
    send: Send, dicom: bytes, found: Any, world: World, tmp_path: Path
) -> None:
    """Twice, each time from the original: what was undone is as it was, to the bit."""
    file, original = _run(send(dicom)), _original(dicom, tmp_path)
    drawn = TextBox.from_dict(DRAWN)
    curation.repaint(file, world.curator, [{**NAME.as_dict(), "painted": False}, SIDE.as_dict(), DRAWN])
    _run(file)
    assert (file.stage, file.priority) == (Stage.CURATE, Priority.TEXT)
    pixels = _pixels(file, tmp_path)
    assert (_cut(pixels, NAME) == _cut(original, NAME)).all()
    assert _is_painted(pixels, drawn)
    assert [(box["painted"], box["origin"]) for box in file.deid_report["text"]] == [
        (False, "detector"),
        (False, "detector"),
        (True, "person"),
    ]
    assert file.deid_report["text_version"] == "test"
    curation.repaint(file, world.curator, [NAME.as_dict(), {**SIDE.as_dict(), "painted": True}])
    _run(file)
    pixels = _pixels(file, tmp_path)
    assert _is_painted(pixels, NAME)
    assert _is_painted(pixels, SIDE)
    assert (_cut(pixels, drawn) == _cut(original, drawn)).all()
    assert len(file.deid_report["text"]) == 2


def test_a_killed_worker_forgets_no_rectangle(
    send: Send, dicom: bytes, found: Any, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _run(send(dicom))
    curation.repaint(file, world.curator, [DRAWN])
    with monkeypatch.context() as patch:

        def killed(*args: Any, **kwargs: Any) -> None:
            raise WorkerKilled

        patch.setattr(stages, "remove_identity", killed)
        with pytest.raises(WorkerKilled):
            services.run_stage(str(file.pk), "again")
    _run(file, task="again")
    assert file.stage == Stage.CURATE
    assert _is_painted(_pixels(file, tmp_path), TextBox.from_dict(DRAWN))
    statuses = list(file.runs.filter(stage=Stage.DEIDENTIFY).order_by("pk").values_list("status", flat=True))
    assert statuses == ["done", "lost", "done"]


def test_a_late_worker_cannot_bring_the_unpainted_picture_back(
    send: Send, dicom: bytes, found: Any, world: World, tmp_path: Path
) -> None:
    """Its lease ran out and somebody else was done; then it wrote its bytes after all."""
    file = _run(send(dicom))
    late = tmp_path / "late"
    late.write_bytes(b"another picture")
    candidates.store(file.pk, stages.image_name(file), late)
    with pytest.raises(curation.CurationError, match="damaged"):
        curation.accept(file, world.curator, "Good", no_text_seen=True)
    UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.SEGMENT)
    assert _run(file).reason_code == "damaged"
    services.retry(file, world.curator)
    assert _run(file).stage == Stage.CURATE
    assert _is_painted(_pixels(file, tmp_path), NAME)


def test_a_painted_jpeg_leaves_no_unpainted_one_behind(
    send: Send, jpeg: bytes, found: Any, world: World, tmp_path: Path
) -> None:
    found()
    file = _run(send(jpeg))
    assert "image.jpg" in storages["candidates"].listdir(str(file.pk))[1]
    curation.repaint(file, world.curator, [DRAWN])
    _run(file)
    names = storages["candidates"].listdir(str(file.pk))[1]
    assert [name for name in names if name.startswith("image.")] == ["image.png"]
    assert _is_painted(_pixels(file, tmp_path), TextBox.from_dict(DRAWN))
    curation.repaint(file, world.curator, [{**DRAWN, "painted": False}])
    _run(file)
    assert (_pixels(file, tmp_path) == _original(jpeg, tmp_path)).all()


def test_another_patient_changes_no_box(send: Send, dicom: bytes, found: Any, world: World, tmp_path: Path) -> None:
    file = _run(send(dicom))
    curation.repaint(file, world.curator, [DRAWN])
    _run(file)
    services.update_file(file, user=world.hospital_user, group=world.group, demographics={}, patient_key="another")
    _run(file)
    assert file.stage == Stage.CURATE
    assert _is_painted(_pixels(file, tmp_path), TextBox.from_dict(DRAWN))


def test_the_original_is_there_until_the_verdict_and_no_longer(
    send: Send, dicom: bytes, found: Any, world: World, django_capture_on_commit_callbacks: Any
) -> None:
    file = _run(send(dicom))
    curation.repaint(file, world.curator, [DRAWN])
    _run(file)
    services.purge()
    curation.repaint(file, world.curator, [NAME.as_dict()])
    _run(file)
    with django_capture_on_commit_callbacks(execute=True):
        curation.accept(file, world.curator, "Good", no_text_seen=True)
    assert file.pk not in list(candidates.folders())
    file.refresh_from_db()
    assert file.purged_at is not None


def test_files_from_before_the_search_for_text_go_through_it(send: Send, world: World) -> None:
    send_back = import_module("intake.migrations.0003_look_for_text").send_back
    old, purged = world.files[Stage.CURATE], world.files[Stage.ASSESS]
    UploadedFile.objects.filter(pk=purged.pk).update(purged_at=timezone.now())
    new = send(b"bytes")
    UploadedFile.objects.filter(pk=new.pk).update(stage=Stage.CURATE, deid_report={"text": []})
    send_back(apps, None)
    for file, stage in ((old, Stage.DEIDENTIFY), (purged, Stage.ASSESS), (new, Stage.CURATE)):
        assert UploadedFile.objects.get(pk=file.pk).stage == stage
    assert UploadedFile.objects.get(pk=world.files[Stage.ACCEPTED].pk).stage == Stage.ACCEPTED


def _with_faint_print(levels: int) -> tuple[NDArray[np.integer[Any]], NDArray[np.bool_]]:
    """A 12 bit film with a name, `levels` brighter than the even ground beside the neck, and where its ink is."""
    film = phantoms.draw(3, size=(1000, 920), bits=12).astype(np.int32)
    page = Image.new("L", film.shape[::-1])
    ImageDraw.Draw(page).text((40, 30), "KOWALSKI JAN", fill=255, font=ImageFont.load_default(28))
    ink = np.asarray(page) > 128
    return film + levels * ink, ink


def test_faint_print_shows_at_the_full_range() -> None:
    film, ink = _with_faint_print(40)  # one per cent of the range
    shown = enhanced(film, 1600)
    ground = ~ink[20:70, 30:260]
    contrast = shown[20:70, 30:260][~ground].mean() - shown[20:70, 30:260][ground].mean()
    assert contrast > 0.1
    assert (shown.shape, shown.dtype) == (film.shape, np.float32)
    assert 0 <= shown.min() < shown.max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_every_depth_has_a_full_range(dtype: Any) -> None:
    ramp = np.linspace(np.iinfo(dtype).min, np.iinfo(dtype).max, 3000 * 40).reshape(3000, 40).astype(dtype)
    shown = enhanced(ramp, 1500)
    assert shown.shape == (1500, 20)
    assert float(shown[-50:].mean()) > float(shown[:50].mean())
    np.testing.assert_allclose(enhanced(ramp, 1500, inverted=True), 1 - shown)


def test_the_file_on_disk_is_the_one_of_the_report(send: Send, dicom: bytes, found: Any) -> None:
    file = _run(send(dicom))
    with candidates.open_file(file.pk, "preview_enhanced.png") as content:
        assert Image.open(io.BytesIO(content.read())).mode == "L"
    assert set(file.assessment["previews"]) == {"preview.png", "preview_enhanced.png"}
