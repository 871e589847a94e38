"""The real work on real files: what the stages leave behind, and that nothing identifying gets out of quarantine."""

import io
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import storages
from PIL import Image

from audit.models import Event
from imaging import quality
from intake import candidates, services, words
from intake.models import WORK_STAGES, Stage, StageRun, UploadedFile
from tests.intake.conftest import PHI, all_bytes

Send = Callable[..., UploadedFile]


def _through(file: UploadedFile) -> UploadedFile:
    for _ in WORK_STAGES:
        services.run_stage(str(file.pk), "task")
    file.refresh_from_db()
    return file


def _picture(file: UploadedFile, name: str) -> Image.Image:
    with candidates.open_file(file.pk, name) as content:
        return Image.open(io.BytesIO(content.read()))


def test_a_dicom_image_arrives_before_the_curator(send: Send, dicom: bytes) -> None:
    file = _through(send(dicom))
    assert file.stage == Stage.CURATE
    assert (file.facts["format"], file.facts["width"], file.facts["height"]) == ("dicom", 380, 400)
    assert file.sex == "F"
    assert file.age is not None
    _, names = storages["candidates"].listdir(str(file.pk))
    assert set(names) >= {"image.dcm", "preview.png", "preview_enhanced.png", "mask.png"}
    assert _picture(file, "mask.png").size == (380, 400)
    assert _picture(file, "mask.png").mode == "1"
    for name in ("preview.png", "preview_enhanced.png"):
        assert (_picture(file, name).mode, _picture(file, name).size) == ("L", (380, 400))
    if "region_sha256" in file.assessment:
        assert _picture(file, "region.png").size == _picture(file, "region_mask.png").size == (512, 512)
        assert file.assessment["transform"]
    assert file.assessment["quality"] in ("Good", "Bad")
    assert {entry["attribute"] for entry in file.deid_report["removed"]} >= {"PatientAddress", "InstitutionName"}


def test_nothing_identifying_gets_out_of_quarantine(
    send: Send, dicom: bytes, var: Path, broker: Any, caplog: Any, django_capture_on_commit_callbacks: Any
) -> None:
    """Not into files, logs, task arguments, the audit trail or the rows."""
    caplog.set_level(logging.DEBUG)
    with django_capture_on_commit_callbacks(execute=True):
        file = _through(send(dicom, "jan_kowalski_1950.dcm", patient_key="FAKE-KEY-77"))
    assert file.stage == Stage.CURATE
    lying = all_bytes(var)
    texts = {
        "logs": caplog.text,
        "tasks": str(broker()),
        "audit": str(list(Event.objects.values())),
        "files": str(list(UploadedFile.objects.values())),
        "runs": str(list(StageRun.objects.values())),
    }
    for secret in (*PHI, "FAKE-KEY-77"):
        assert secret.encode() not in lying, secret
        for where, text in texts.items():
            assert secret not in text, (secret, where)
    assert not list((var / "var" / "work").iterdir())


def test_the_hospitals_word_stands_and_the_header_fills_gaps(send: Send, dicom: bytes) -> None:
    file = send(dicom, demographics={"sex": "M"})
    services.run_stage(file.pk, "task")
    file.refresh_from_db()
    assert (file.sex, file.facts["sex"]) == ("M", "F")
    assert file.age == file.facts["age"]
    assert len(words.contradictions(file)) == 1


def test_stages_that_run_twice_leave_the_same(send: Send, dicom: bytes) -> None:
    file = _through(send(dicom))
    before = (file.deid_report, file.segmentation, file.assessment, all_bytes(Path(_folder(file))))
    UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.DEIDENTIFY)
    for _ in range(3):
        services.run_stage(str(file.pk), "again")
    file.refresh_from_db()
    assert file.stage == Stage.CURATE
    assert (file.deid_report, file.segmentation, file.assessment, all_bytes(Path(_folder(file)))) == before


def _folder(file: UploadedFile) -> str:
    return storages["candidates"].path(str(file.pk))


def test_a_picture_without_lungs_is_bad_and_still_gets_to_the_curator(
    send: Send, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imaging import lungs

    def nothing(pixels: np.ndarray[Any, Any]) -> SimpleNamespace:
        return SimpleNamespace(mask=np.zeros(pixels.shape, bool), confidence=0.0, model_version="test")

    monkeypatch.setattr(lungs, "segment", nothing)
    file = _through(send(jpeg, "image.jpg"))
    assert (file.stage, file.assessment["quality"]) == (Stage.CURATE, "Bad")
    assert "region_sha256" not in file.assessment
    assert words.quality_reasons(file.assessment)


def test_every_reason_of_the_quality_check_has_its_words() -> None:
    assert set(words.QUALITY_REASONS) == {*quality.REASONS, *quality.FINDINGS, "outlier"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"%PDF-1.7 no picture" * 5, "not_an_image"),
        (b"PK\x03\x04" + b"x" * 500, "zip_damaged"),
        (b"<svg onload=alert(1)>" * 20, "not_an_image"),
        (b"\xff\xd8\xff\xe0" + b"x" * 500, None),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 500, None),
        (b"\x00" * 128 + b"DICM" + b"\xff" * 500, None),
    ],
)
def test_hostile_files_are_set_aside_with_a_reason(send: Send, content: bytes, code: str | None) -> None:
    file = send(content, "renamed.dcm")
    services.run_stage(file.pk, "task")
    file.refresh_from_db()
    assert file.stage == Stage.SET_ASIDE
    assert file.reason_code == (code or file.reason_code) != "internal_error"
    assert words.reason(file)


def test_a_truncated_image_is_set_aside(send: Send, dicom: bytes, jpeg: bytes) -> None:
    for content in (dicom[: len(dicom) // 2], jpeg[: len(jpeg) // 2]):
        file = send(content)
        services.run_stage(file.pk, "task")
        file.refresh_from_db()
        assert file.stage == Stage.SET_ASIDE
        assert words.reason(file)


def test_the_format_is_told_by_content_not_by_name(send: Send, jpeg: bytes) -> None:
    file = send(jpeg, "image.dcm")
    services.run_stage(file.pk, "task")
    services.run_stage(file.pk, "task")
    file.refresh_from_db()
    assert file.facts["format"] == "jpeg"
    # What was painted is a PNG: compressing it once more would change the rest of the picture.
    assert file.deid_report["output"]["name"] in ("image.jpg", "image.png")


def test_a_declared_text_in_the_picture_is_for_a_person(send: Send, dicom: bytes) -> None:
    file = send(dicom.replace(b"\x28\x00\x01\x03CS\x02\x00NO", b"\x28\x00\x01\x03CS\x04\x00YES "))
    services.run_stage(file.pk, "task")
    services.run_stage(file.pk, "task")
    file.refresh_from_db()
    assert file.facts["burned_in"] is True
    assert file.deid_report["needs_person"] is True
