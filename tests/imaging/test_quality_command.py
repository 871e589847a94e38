"""`python -m imaging.quality` writes one record per file, also for what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file

from imaging.formats import decode
from imaging.quality import FINDINGS, REASONS, TOLERABLE, assess
from imaging.quality.__main__ import _mark_outliers, main

KEYS = {
    "file", "usable", "quality", "reasons", "findings", "score", "view", "turned", "lung_height_px", "lung_width_px",
}  # fmt: skip


def save(pixels: NDArray[np.float32], path: Path) -> None:
    Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("in")
    real = Path(str(get_testdata_file("RG1_UNCR.dcm")))
    chest = decode(real)[::2, ::2]
    (folder / "sub").mkdir()
    (folder / "sub" / "chest.dcm").write_bytes(real.read_bytes())
    save(1 - chest, folder / "inverted.png")
    save(np.rot90(chest, -1), folder / "turned.png")
    save(chest[round(0.35 * chest.shape[0]) :], folder / "cut.png")
    save(np.pad(chest, 200, constant_values=0.9), folder / "framed.png")
    Image.fromarray(skimage.data.camera()).save(folder / "photo.jpg")
    (folder / "ct.dcm").write_bytes(Path(str(get_testdata_file("CT_small.dcm"))).read_bytes())
    (folder / "notes.txt").write_text("no image")
    target = folder / "records.json"
    assert main([str(folder), "--json", str(target), "--jobs", "2"]) == 1
    found = json.loads(target.read_text())
    assert [set(record) for record in found] == [KEYS] * 8
    return {record["file"]: record for record in found}


def test_a_good_radiograph(records: dict[str, Any]) -> None:
    chest = records["sub/chest.dcm"]
    assert (chest["usable"], chest["quality"], chest["reasons"]) == (True, "Good", [])
    assert (chest["view"], chest["turned"]) == ("frontal", 0)
    assert chest["score"] > 0.7
    assert min(chest["lung_height_px"], chest["lung_width_px"]) > 900


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("inverted.png", "inverted"),
        ("turned.png", "rotated"),
        ("cut.png", "cut"),
        ("framed.png", "framed"),
        ("photo.jpg", "not_chest"),
        ("ct.dcm", "unsupported_sop_class"),
        ("notes.txt", "not_an_image"),
    ],
)
def test_what_is_not_usable_and_why(records: dict[str, Any], name: str, reason: str) -> None:
    record = records[name]
    assert (record["usable"], record["quality"]) == (False, "Bad")
    assert reason in record["reasons"]
    assert set(record["findings"]) <= set(record["reasons"])
    assert all(0 <= sure <= 1 for sure in record["findings"].values())


def test_the_turn_is_named(records: dict[str, Any]) -> None:
    assert records["turned.png"]["turned"] == 90


def test_a_small_chest_is_bad_and_yet_usable(tmp_path: Path) -> None:
    small = decode(Path(str(get_testdata_file("RG1_UNCR.dcm"))))[::6, ::6]
    save(small, tmp_path / "small.png")
    assert main([str(tmp_path / "small.png"), "--json", str(tmp_path / "out.json")]) == 0
    (record,) = json.loads((tmp_path / "out.json").read_text())
    assert (record["file"], record["quality"], record["reasons"]) == ("small.png", "Bad", ["resolution"])
    assert record["usable"]


def test_the_worst_shape_of_many_is_an_outlier() -> None:
    scores = [0.8 + 0.002 * number for number in range(30)]
    records: list[dict[str, Any]] = [
        {"usable": True, "quality": "Good", "reasons": [], "score": score} for score in [0.55, *scores]
    ]
    records.append({"usable": False, "quality": "Bad", "reasons": ["no_lungs"], "score": 0.0})
    _mark_outliers(records)
    assert [record["reasons"] for record in records] == [["outlier"], *[[]] * 30, ["no_lungs"]]
    assert records[0]["quality"] == "Bad"


def test_wrong_use(tmp_path: Path) -> None:
    target = str(tmp_path / "out.json")
    assert main([str(tmp_path / "nowhere"), "--json", target]) == 2
    assert main([str(tmp_path), "--json", target]) == 2
    save(np.eye(200, dtype=np.float32), tmp_path / "a.png")
    assert main([str(tmp_path), "--json", str(tmp_path / "no" / "out.json")]) == 2
    assert main([str(tmp_path), "--json", target, "--jobs", "0"]) == 2
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path)])


def test_pixels_and_mask_belong_together() -> None:
    with pytest.raises(ValueError, match="shape"):
        assess(np.ones((9, 9), bool), 1.0, np.zeros((9, 8), np.float32))


def test_every_finding_has_words() -> None:
    assert not FINDINGS.keys() & REASONS.keys()
    assert FINDINGS.keys() | REASONS.keys() >= TOLERABLE
    assert all(words.endswith((".", "?")) for words in (FINDINGS | REASONS).values())
