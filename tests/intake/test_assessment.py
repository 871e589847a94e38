"""What the quality check leaves on a file, where it puts the file in the queue, and what the hospital reads of it."""

import io
import re
from collections.abc import Callable

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from datasets.models import QualityDistribution
from imaging.outliers import Distribution
from intake import services, words
from intake.models import WORK_STAGES, Priority, Stage, UploadedFile

Send = Callable[..., UploadedFile]


def _through(file: UploadedFile) -> UploadedFile:
    for _ in WORK_STAGES:
        services.run_stage(str(file.pk), "task")
    file.refresh_from_db()
    return file


@pytest.fixture
def inverted(jpeg: bytes) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as image:
        picture = Image.fromarray(255 - np.asarray(image.convert("L")))
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def test_what_the_pixels_tell_reaches_the_hospital(send: Send, inverted: bytes) -> None:
    file = _through(send(inverted, "image.png"))
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
    assert re.fullmatch(r"The grey scale looks inverted\. Ask for the image with air dark\. \(\d+ % sure\)", told[0])
    assert told[0] in page


def test_an_outlier_comes_before_ordinary_images_and_is_not_written_down(send: Send, jpeg: bytes) -> None:
    ordinary = _through(send(jpeg, "image.jpg"))
    assert ordinary.assessment["quality"] == "Good", ordinary.assessment["reasons"]
    assert ordinary.priority == Priority.ORDINARY
    # Now everything that is accepted has better lungs.
    counts = Distribution.of(0.97 + step / 2000 for step in range(40)).as_dict()
    QualityDistribution.objects.create(dataset=ordinary.batch.dataset, counts=counts)
    UploadedFile.objects.filter(pk=ordinary.pk).update(stage=Stage.ASSESS)
    again = _through(ordinary)
    assert again.priority == Priority.QUALITY
    assert (again.assessment["quality"], again.assessment["reasons"]) == ("Good", [])
