from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imaging.phantoms import FakePerson, draw, write_dicom, write_jpeg, write_png, write_tiff
from tests.e2e.installation import Installation


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium; it refuses its sandbox to root."""
    return {
        "executable_path": "/usr/bin/chromium",
        "args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"],
    }


@pytest.fixture
def portal() -> Iterator[Installation]:
    installation = Installation(workers=2)
    try:
        yield installation
    finally:
        print(installation.logs())  # noqa: T201 (pytest shows it when the test failed)
        installation.close()


@pytest.fixture
def radiographs(tmp_path: Path) -> list[Path]:
    """Six phantoms as a hospital would send them, in four formats, with invented people in header and file name."""
    paths = []
    for number, kind in enumerate(("dcm", "jpg", "png", "tif", "dcm", "dcm")):
        person = FakePerson.invent(number)
        path = tmp_path / f"{person.name.replace('^', '_')}_{number}.{kind}"
        pixels = draw(number, disease="normal" if number < 4 else "pneumonia", size=(700, 640))
        if kind == "dcm":
            write_dicom(path, pixels, person, seed=number)
        else:
            {"jpg": write_jpeg, "png": write_png, "tif": write_tiff}[kind](path, pixels, person)
        paths.append(path)
    return paths


@pytest.fixture
def identifiers() -> list[str]:
    """Everything that the phantoms' headers, tags and names say about their invented people."""
    people = [FakePerson.invent(number) for number in range(6)]
    words = [
        word
        for person in people
        for word in (*person.name.split("^"), person.number, person.hospital, person.physician.split("^")[1])
    ]
    return sorted({*words, *(f"{person.born:%Y%m%d}" for person in people)})
