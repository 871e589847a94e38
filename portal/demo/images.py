"""The files that the demo hospitals send: phantoms that the program draws, and real chest radiographs from the
package pydicom-data."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file

from imaging.phantoms import Disease, FakePerson, draw, write_dicom, write_jpeg, write_png, write_tiff

IMAGES_PER_GROUP_AND_HOSPITAL = 6
# The same real computed radiograph (MONOCHROME1) in three transfer syntaxes.
REAL = ("RG1_UNCR.dcm", "RG1_J2KR.dcm", "RG1_J2KI.dcm")
_DISEASES: tuple[Disease, ...] = get_args(Disease)


# Whose name stands in the picture, too, as old scanners print it: to be found and painted over.
WITH_NAME = (0, 5)


@dataclass(frozen=True)
class DemoFile:
    path: Path
    hospital: int
    class_id: int
    patient_key: str
    sex: Literal["F", "M", ""]
    age: int | None
    smoke: str
    packyears: float | None


def _write(path: Path, kind: str, pixels: object, person: FakePerson, seed: int) -> Path:
    if kind == "dcm":
        write_dicom(path.with_suffix(".dcm"), pixels, person, seed=seed)  # type: ignore[arg-type]
    else:
        {"jpg": write_jpeg, "png": write_png, "tif": write_tiff}[kind](path.with_suffix(f".{kind}"), pixels, person)  # type: ignore[arg-type]
    return path.with_suffix(f".{kind}")


def _burn_in(pixels: Any, person: FakePerson) -> Any:
    """The picture with the invented person's name, number and day in its upper left corner."""
    height, width = pixels.shape
    page = Image.new("L", (width, height))
    words = f"{person.name.replace('^', ' ')}\n{person.number}  {person.seen:%d.%m.%Y}"
    place = (width // 40, height // 40)
    ImageDraw.Draw(page).multiline_text(place, words, fill=255, font=ImageFont.load_default(height // 40))
    return np.where(np.asarray(page) > 127, pixels.max(), pixels)


def draw_all(folder: Path) -> Iterator[DemoFile]:
    """Writes the phantoms into `folder` one after the other; the same files at every call."""
    for hospital in (1, 2, 3):
        for class_id, disease in enumerate(_DISEASES, start=1):
            for number in range(IMAGES_PER_GROUP_AND_HOSPITAL):
                seed = hospital * 1000 + class_id * 100 + number
                dice = random.Random(seed)  # noqa: S311 (the same demo everywhere; nothing secret)
                sex: Literal["F", "M"] = dice.choice(("F", "M"))
                kind = ("dcm", "dcm", "jpg", "dcm", "png", "tif")[number]
                person = FakePerson.invent(seed, sex)
                # One of six is too small, so that the quality check finds something.
                size = (420, 386) if kind == "tif" else (1000, 920)
                pixels = draw(seed, disease=disease, sex=sex, bits=12 if kind == "dcm" else 8, size=size)
                if number in WITH_NAME:
                    pixels = _burn_in(pixels, person)
                smoke = dice.choice(("yes", "no", "no", "former", ""))
                yield DemoFile(
                    path=_write(folder / f"{person.name.replace('^', '_')}_{seed}", kind, pixels, person, seed),
                    hospital=hospital,
                    class_id=class_id,
                    patient_key=person.number,
                    sex=sex,
                    age=dice.randrange(21, 92) if dice.random() > 0.1 else None,
                    smoke=smoke,
                    packyears=dice.randrange(2, 90) / 2 if smoke in ("yes", "former") else None,
                )


def real_files() -> Iterator[DemoFile]:
    """The real radiographs, one for each hospital; nothing is known of the patient but what the header says."""
    for hospital, name in enumerate(REAL, start=1):
        path = get_testdata_file(name)
        if path is None:
            raise FileNotFoundError(f"{name} is missing: the package pydicom-data should carry it")
        yield DemoFile(Path(str(path)), hospital, 1, "", "", None, "", None)
