"""`python -m imaging.lungs` writes a mask for every radiograph of a folder and names what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from imaging.formats import decode
from imaging.lungs import segment
from imaging.lungs.__main__ import main, mask_names
from imaging.lungs.regions import put_back
from imaging.phantoms import draw


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A landscape JPEG, a 16 bit PNG of the same name, a DICOM file in a folder, and a file that is no image."""
    given = tmp_path / "in"
    (given / "hospital").mkdir(parents=True)
    chest = draw(1, size=(600, 560))
    Image.fromarray(np.pad(chest, ((0, 0), (150, 150)))).save(given / "one.jpg", quality=95)
    Image.fromarray(chest.astype(np.uint16) * 16).save(given / "one.png")
    (given / "hospital" / "1.2.840.7").write_bytes(Path(str(get_testdata_file("RG1_UNCR.dcm"))).read_bytes())
    (given / "notes.txt").write_text("no image")
    return given


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image


def test_a_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, regions = tmp_path / "out", tmp_path / "regions"
    assert main([str(folder), str(out), "--regions", str(regions)]) == 1
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert written == ["hospital/1.2.840.7.png", "one.png", "one.png.png"]
    said = capsys.readouterr()
    assert "notes.txt: This is no DICOM" in said.err
    assert "3 masks written, 1 files refused" in said.out

    for name, source in (("hospital/1.2.840.7.png", "hospital/1.2.840.7"), ("one.png", "one.jpg")):
        mask, pixels = opened(out / name), decode(folder / source)
        assert mask.mode == "1"
        assert (np.asarray(mask) == segment(pixels).mask).all()
        region, region_mask = opened(regions / "image" / name), opened(regions / "mask" / name)
        assert (region.mode, region.size, region_mask.mode, region_mask.size) == ("L", (512, 512), "1", (512, 512))
        transform = json.loads((regions / "transform" / name).with_suffix(".json").read_text())
        back = put_back(np.asarray(region_mask), transform)
        assert (back == np.asarray(mask)).mean() > 0.995


def test_one_file_two_processes_and_the_other_convention(folder: Path, tmp_path: Path) -> None:
    assert main([str(folder / "one.jpg"), str(tmp_path / "single")]) == 0
    assert main([str(folder), str(tmp_path / "field"), "--convention", "field", "--jobs", "2"]) == 1
    full, field = opened(tmp_path / "single" / "one.png"), opened(tmp_path / "field" / "one.png")
    assert np.asarray(field).sum() < np.asarray(full).sum()


def test_a_picture_without_lungs_gets_an_empty_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    black = np.zeros((300, 300), np.uint8)
    black[290:, :5] = 255
    Image.fromarray(black).save(tmp_path / "black.png")
    assert main([str(tmp_path / "black.png"), str(tmp_path / "out"), "--regions", str(tmp_path / "regions")]) == 0
    assert not np.asarray(opened(tmp_path / "out" / "black.png")).any()
    assert not (tmp_path / "regions" / "image" / "black.png").exists()
    assert "no lungs found" in capsys.readouterr().err


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_inverted_and_turned_pictures_get_the_mask_of_the_upright_one(tmp_path: Path, turns: int) -> None:
    pixels = decode(Path(str(get_testdata_file("RG1_UNCR.dcm"))))[::3, ::3]
    truth = segment(pixels).mask
    spoiled = np.rint(np.rot90(1 - pixels, -turns) * 255).astype(np.uint8)
    Image.fromarray(np.ascontiguousarray(spoiled)).save(tmp_path / "spoiled.png")
    assert main([str(tmp_path / "spoiled.png"), str(tmp_path / "out")]) == 0
    found = np.rot90(np.asarray(opened(tmp_path / "out" / "spoiled.png")), turns)
    assert found.shape == truth.shape
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.97


def test_masks_written_below_the_images_are_no_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(draw(1, size=(400, 400))).save(tmp_path / "a.png")
    for _ in range(2):
        assert main([str(tmp_path), str(tmp_path / "masks")]) == 0
        assert "1 masks written" in capsys.readouterr().out


def test_wrong_use(folder: Path, tmp_path: Path) -> None:
    before = (folder / "one.png").read_bytes()
    assert main([str(tmp_path / "nowhere"), str(tmp_path / "out")]) == 2
    assert main([str(folder), str(folder)]) == 2
    assert main([str(folder / "one.png"), str(folder)]) == 2
    assert main([str(folder), str(tmp_path / "out"), "--jobs", "0"]) == 2
    assert (folder / "one.png").read_bytes() == before
    (tmp_path / "empty").mkdir()
    assert main([str(tmp_path / "empty"), str(tmp_path / "out")]) == 2
    with pytest.raises(SystemExit, match="2"):
        main([str(folder), str(tmp_path / "out"), "--convention", "both"])


def test_every_mask_has_a_name_of_its_own() -> None:
    given = ["a.dcm", "a.jpg", "a.jpg.png", "a.png", "b/a.dcm", "1.2.3", "1.2.4"]
    names = [str(name) for name in mask_names([Path(path) for path in given])]
    assert names == ["a.png", "a.jpg.png", "a.jpg.png.png", "a.png.png", "b/a.png", "1.2.3.png", "1.2.4.png"]
