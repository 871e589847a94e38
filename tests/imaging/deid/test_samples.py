"""The files that come with pydicom and pydicom-data: de-identified, or refused with a reason."""

import importlib.util
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest

from imaging.deid import deidentify, pseudonym
from imaging.formats import Format, Refused, decode, sniff

from .corpus import KEY

PATIENT = pseudonym(KEY, "1", "QPAT-770131", "SZPITAL-QX")


def samples() -> list[Path]:
    """What lies on the disk: nothing is downloaded."""
    folders = [Path(pydicom.data.__file__).parent]
    extra = importlib.util.find_spec("data_store")  # the module of pydicom-data
    assert extra is not None
    folders += [Path(place) / "data" for place in extra.submodule_search_locations or ()]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in files if path.suffix not in (".py", ".pyc", ".json", ".sh", ".md")]


SAMPLES = samples()


def identity(path: Path) -> dict[str, str]:
    """Text and UIDs of at least 8 characters, at every depth -> the attribute that they stand in."""
    found = {}

    def collect(dataset: pydicom.Dataset) -> None:
        for element in dataset:
            if element.VR == "SQ":
                for item in element.value:
                    collect(item)
            elif element.VR in ("UI", "PN", "LO", "SH", "UC", "LT", "ST", "UT") and element.value:
                values = element.value if isinstance(element.value, pydicom.multival.MultiValue) else [element.value]
                found.update({str(value): element.keyword for value in values if len(str(value)) >= 8})

    collect(pydicom.dcmread(path, stop_before_pixels=True))
    return {
        value: keyword
        for value, keyword in found.items()
        if not value.startswith("1.2.840.10008") and keyword not in _VOCABULARY
    }


# What stays when the vocabulary knows it.
_VOCABULARY = {"Manufacturer", "ManufacturerModelName", "CodeMeaning", "CodeValue"}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path | str]:
    """Source -> what was written, or the code of the refusal. Anything else that is raised fails the tests."""
    folder = tmp_path_factory.mktemp("samples")
    outcomes: dict[Path, Path | str] = {}
    for number, source in enumerate(SAMPLES):
        target = folder / str(number)
        try:
            deidentify(source, target, key=KEY, key_id="test", hospital=1, patient=PATIENT)
            outcomes[source] = target
        except Refused as refused:
            outcomes[source] = refused.code
    return outcomes


def written(outcomes: dict[Path, Path | str]) -> list[tuple[Path, Path]]:
    return [(source, target) for source, target in outcomes.items() if isinstance(target, Path)]


def test_enough_is_there(outcomes: dict[Path, Path | str]) -> None:
    assert len(outcomes) > 180
    assert len(written(outcomes)) >= 15
    codes = {target for target in outcomes.values() if isinstance(target, str)}
    assert len(codes) >= 8
    assert codes <= Refused.MESSAGES.keys()


def test_the_pixels_are_the_same(outcomes: dict[Path, Path | str]) -> None:
    for source, target in written(outcomes):
        if sniff(target) is Format.DICOM:
            before, after = pydicom.dcmread(source), pydicom.dcmread(target)
            same = before.PixelData == after.PixelData
            assert same or np.array_equal(before.pixel_array, after.pixel_array), source.name
        else:
            assert np.array_equal(decode(source), decode(target)), source.name


def test_nothing_that_identifies_is_left(outcomes: dict[Path, Path | str]) -> None:
    count = 0
    for source, target in written(outcomes):
        if sniff(source) is Format.DICOM:
            values, data = identity(source), target.read_bytes().upper()
            count += len(values)
            assert {name for value, name in values.items() if value.encode().upper() in data} == set(), source.name
    assert count > 200
