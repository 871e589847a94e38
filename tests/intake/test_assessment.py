"""What the quality check leaves on a file, where it puts the file in the queue, and what the hospital reads of it."""

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from numpy.typing import NDArray
from PIL import Image

from datasets.models import QualityDistribution
from imaging import phantoms
from imaging.outliers import Distribution
from intake import services, words
from intake.models import WORK_STAGES, Priority, Stage, UploadedFile

Send = Callable[..., UploadedFile]


def _through(file: UploadedFile) -> UploadedFile:
    for _ in WORK_STAGES:
        services.run_stage(str(file.pk), "task")
    file.refresh_from_db()
    return file


def _png(pixels: NDArray[Any]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture(scope="module")
def chest() -> NDArray[Any]:
    """Drawn, 8 bit, its lungs over 300 px."""
    return phantoms.draw(8, disease="normal", sex="M", size=(560, 520))


def test_what_the_pixels_tell_reaches_the_hospital(send: Send, chest: NDArray[Any]) -> None:
    file = _through(send(_png(255 - chest), "image.png"))
    assert (file.stage, file.priority) == (Stage.CURATE, Priority.QUALITY)
    found = file.assessment
    assert (found["quality"], found["usable"], found["turned"]) == ("Bad", False, 0)
    assert found["reasons"][0] == "inverted"
    assert 0.6 <= found["findings"]["inverted"] <= 1
    assert set(found["findings"]) == set(found["reasons"])
    assert found["view"] in words.VIEWS
    client = Client()
    client.force_login(file.batch.user, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("intake:file", args=[file.pk])).content.decode()
    told = client.get(reverse("api:file", args=[file.pk])).json()["quality_reasons"]
    expected = r"The grey scale looks inverted\. Ask for the image with air dark\. \(certainty \d+ %\)"
    assert re.fullmatch(expected, told[0])
    assert told[0] in page


def test_an_outlier_comes_before_ordinary_images_and_is_not_written_down(send: Send, chest: NDArray[Any]) -> None:
    ordinary = _through(send(_png(chest), "image.png"))
    assert ordinary.assessment["quality"] == "Good", ordinary.assessment["reasons"]
    assert ordinary.priority == Priority.ORDINARY
    # Now everything that is accepted has better lungs.
    counts = Distribution.of(0.97 + step / 2000 for step in range(40)).as_dict()
    QualityDistribution.objects.create(dataset=ordinary.batch.dataset, counts=counts)
    UploadedFile.objects.filter(pk=ordinary.pk).update(stage=Stage.ASSESS)
    again = _through(ordinary)
    assert again.priority == Priority.QUALITY
    assert (again.assessment["quality"], again.assessment["reasons"]) == ("Good", [])
