"""Phantoms: repeatable, varied, readable as radiographs, and full of invented identifiers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imaging.deid import deidentify
from imaging.formats import Format, inspect
from imaging.phantoms import FakePerson, draw, write_dicom, write_jpeg, write_png, write_tiff

SMALL = (400, 368)


def test_repeatable_and_varied() -> None:
    assert np.array_equal(draw(1, size=SMALL), draw(1, size=SMALL))
    assert not np.array_equal(draw(1, size=SMALL), draw(2, size=SMALL))


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (12, np.uint16)])
def test_depth(bits: int, kind: type) -> None:
    pixels = draw(4, size=SMALL, bits=bits)  # type: ignore[arg-type]
    assert (pixels.shape, pixels.dtype) == (SMALL, kind)
    assert (1 << bits) * 0.9 < pixels.max() < 1 << bits


def test_lungs_are_darker_than_what_lies_between_them() -> None:
    for seed in range(6):
        pixels = draw(seed, size=SMALL).astype(float)
        height, width = SMALL
        rows = slice(int(0.3 * height), int(0.5 * height))
        middle = pixels[rows, int(0.47 * width) : int(0.53 * width)].mean()
        for side in (0.28, 0.72):
            lung = pixels[rows, int((side - 0.04) * width) : int((side + 0.04) * width)].mean()
            assert lung < 0.65 * middle


def test_disease_shows() -> None:
    for disease in ("pneumonia", "covid"):
        sick, well = (draw(3, disease=which, size=SMALL).astype(int) for which in (disease, "normal"))  # type: ignore[arg-type]
        assert ((sick - well) > 15).mean() > 0.005


def test_the_word_is_burnt_in() -> None:
    corner = draw(5)[-70:, -240:]
    assert (corner > 240).sum() > 500


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="unknown disease"):
        draw(1, disease="flu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("write", "kind"),
    [(write_dicom, Format.DICOM), (write_jpeg, Format.JPEG), (write_png, Format.PNG), (write_tiff, Format.TIFF)],
)
def test_identifiers_are_planted_and_go(tmp_path: Path, write, kind: Format) -> None:  # type: ignore[no-untyped-def]
    person = FakePerson.invent(7, "M")
    assert person == FakePerson.invent(7, "M")
    source, target = tmp_path / "in", tmp_path / "out"
    write(source, draw(7, size=SMALL), person)
    assert inspect(source).format is kind
    family = person.name.split("^")[0].encode("ascii", "ignore")[:6]
    planted = (person.number.encode(), family)
    assert all(secret in source.read_bytes() for secret in planted)
    deidentify(source, target, key=b"k" * 32, key_id="k", hospital=1, patient="ab" * 32)
    assert not any(secret in target.read_bytes() for secret in planted)


def test_dicom_says_who_and_what(tmp_path: Path) -> None:
    person = FakePerson.invent(8, "F")
    write_dicom(tmp_path / "in.dcm", draw(8, size=SMALL, bits=12), person, view="AP")
    found = inspect(tmp_path / "in.dcm")
    assert (found.sex, found.view, found.bits, found.patient_id) == ("F", "AP", 12, person.number)
    assert found.age is not None


def test_png_of_a_phantom_is_grey(tmp_path: Path) -> None:
    write_png(tmp_path / "in.png", draw(9, size=SMALL), FakePerson.invent(9))
    assert Image.open(tmp_path / "in.png").mode == "L"
