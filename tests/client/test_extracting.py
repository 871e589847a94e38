"""`cxr download --extract` on ZIP files that no portal would build."""

import hashlib
import shutil
import stat
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cxr.extracting import Damaged, extract
from cxr.holding import Holding

IMAGE = b"an image" * 1000
SUM = f"{hashlib.sha256(IMAGE).hexdigest()}  radiographs/a.png\n"


@pytest.fixture
def holding(tmp_path: Path) -> Holding:
    (tmp_path / "data").mkdir()
    return Holding(tmp_path / "data")


def zipped(tmp_path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes | str], **options: Any) -> Path:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", **options) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return path


def everything(_name: str) -> bool:
    return True


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def refused(path: Path, holding: Holding, words: str) -> None:
    with pytest.raises(Damaged, match=words):
        extract(path, holding, everything)
    assert files(holding.folder.parent) == {"x.zip"}, "nothing was written anywhere"


def test_an_image_comes_out(tmp_path: Path, holding: Holding) -> None:
    path = zipped(tmp_path, ("README.txt", "words"), ("SHA256SUMS", SUM), ("radiographs/a.png", IMAGE))
    assert extract(path, holding, everything) == 1
    assert (holding.folder / "radiographs" / "a.png").read_bytes() == IMAGE
    assert files(holding.folder) == {"radiographs/a.png", ".cxr/manifest.json"}


@pytest.mark.parametrize("name", ["../evil.png", "radiographs/../../evil.png", "/tmp/evil.png", "a/..\\..\\evil.png"])
def test_a_name_that_leads_out(tmp_path: Path, holding: Holding, name: str) -> None:
    refused(zipped(tmp_path, ("radiographs/a.png", IMAGE), (name, b"evil")), holding, "leads out")


def test_a_link_is_a_file_that_leads_nowhere(tmp_path: Path, holding: Holding) -> None:
    link = zipfile.ZipInfo("radiographs/link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    extract(zipped(tmp_path, (link, b"../../.."), ("radiographs/a.png", IMAGE)), holding, everything)
    assert not (holding.folder / "radiographs" / "link").is_symlink()


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path, holding: Holding) -> None:
    (tmp_path / "elsewhere").mkdir()
    (holding.folder / "radiographs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Damaged, match="leads out"):
        extract(zipped(tmp_path, ("radiographs/a.png", IMAGE)), holding, everything)
    assert files(tmp_path / "elsewhere") == set()


def test_a_bomb(tmp_path: Path, holding: Holding) -> None:
    bomb = ("radiographs/a.png", b"\0" * 1_000_000)
    refused(zipped(tmp_path, bomb, compression=zipfile.ZIP_DEFLATED), holding, "packed")


def test_entries_that_share_their_bytes(tmp_path: Path, holding: Holding) -> None:
    """A bomb without packing: the list at the end names the same bytes again and again."""
    path = zipped(
        tmp_path, *((f"radiographs/{number}.png", IMAGE[: 8000 if number == 0 else 1]) for number in range(9))
    )
    data = bytearray(path.read_bytes())
    place = data.find(b"PK\x01\x02")
    while place >= 0:  # each entry is the first one's 8000 bytes
        data[place + 20 : place + 28] = struct.pack("<II", 8000, 8000)
        place = data.find(b"PK\x01\x02", place + 4)
    path.write_bytes(data)
    refused(path, holding, "larger than it is")


def test_other_bytes_than_the_zip_says(tmp_path: Path, holding: Holding) -> None:
    refused(zipped(tmp_path, ("SHA256SUMS", SUM), ("radiographs/a.png", b"other")), holding, "another SHA-256")


def test_no_room(tmp_path: Path, holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=len(IMAGE) - 1))
    with pytest.raises(OSError, match="no room"):
        extract(zipped(tmp_path, ("radiographs/a.png", IMAGE)), holding, everything)
    assert files(holding.folder) == set()
