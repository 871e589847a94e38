import hashlib
import io
import os
import struct
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages

from intake import keys, quarantine
from intake.quarantine import SEGMENT, Damaged

MARK = b"Jan Kowalski 1950-01-01 "


def _content(size: int) -> bytes:
    return (MARK * (size // len(MARK) + 1))[:size]


def _blob(file_id: uuid.UUID) -> Path:
    return Path(storages["quarantine"].path(str(file_id)))


def _segments(blob: bytes) -> list[bytes]:
    found = []
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        found.append(blob[: 4 + length])
        blob = blob[4 + length :]
    return found


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT + 7])
def test_what_is_sealed_in_pieces_opens_whole(size: int, tmp_path: Path) -> None:
    content, sealer = _content(size), quarantine.Sealer()
    for start in range(0, size, 65_536):
        sealer.write(content[start : start + 65_536])
    sealed = sealer.finish()
    assert (sealed.size, sealed.sha256) == (size, hashlib.sha256(content).hexdigest())
    blob = _blob(sealed.id)
    assert MARK not in blob.read_bytes()
    assert blob.stat().st_mode & 0o777 == 0o600
    assert len(_segments(blob.read_bytes())) == -(-size // SEGMENT)
    quarantine.open_original(sealed.id, sealed.sha256, tmp_path / "original")
    assert (tmp_path / "original").read_bytes() == content
    assert (tmp_path / "original").stat().st_mode & 0o777 == 0o600


def test_sealing_needs_no_secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise FileNotFoundError("the web process has no such file")

    monkeypatch.setattr(keys, "identity", absent)
    assert quarantine.seal(io.BytesIO(b"x")).size == 1


def _cut_in_segment(blob: bytes) -> bytes:
    return blob[:-10]


def _cut_in_length(blob: bytes) -> bytes:
    return blob + b"\x00\x00"


def _flipped(blob: bytes) -> bytes:
    return blob[:-1] + bytes([blob[-1] ^ 1])


def _without_last_segment(blob: bytes) -> bytes:
    return b"".join(_segments(blob)[:-1])


def _swapped(blob: bytes) -> bytes:
    return b"".join(reversed(_segments(blob)))


def _huge_length(blob: bytes) -> bytes:
    return b"\xff\xff\xff\xff" + blob[4:]


@pytest.mark.parametrize(
    "damage", [_cut_in_segment, _cut_in_length, _flipped, _without_last_segment, _swapped, _huge_length]
)
def test_damage_is_noticed(damage: Any, tmp_path: Path) -> None:
    sealed = quarantine.seal(io.BytesIO(_content(2 * SEGMENT) + b"end"))
    _blob(sealed.id).write_bytes(damage(_blob(sealed.id).read_bytes()))
    with pytest.raises(Damaged):
        quarantine.open_original(sealed.id, sealed.sha256, tmp_path / "original")


def test_a_missing_blob_is_damage(tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        quarantine.open_original(uuid.uuid4(), "0" * 64, tmp_path / "original")


def test_a_source_that_breaks_leaves_nothing() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError("the line was cut")
            return super().read(size)

    with pytest.raises(OSError, match="cut"):
        quarantine.seal(Broken(_content(2 * SEGMENT)))
    assert list(quarantine.blobs()) == []


def test_discarding_spares_what_a_row_took_over() -> None:
    kept, left = quarantine.seal(io.BytesIO(b"1")), quarantine.seal(io.BytesIO(b"2"))
    kept.kept = True
    kept.discard()
    left.discard()
    assert [blob_id for blob_id, _ in quarantine.blobs()] == [kept.id]


def test_the_workspace_is_private_and_goes_even_when_the_work_fails(var: Path) -> None:
    def fail() -> None:
        with quarantine.workspace(uuid.uuid4()) as work:
            seen.append((work, work.stat().st_mode & 0o777))
            (work / "original").write_bytes(MARK)
            raise ZeroDivisionError

    seen: list[tuple[Path, int]] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    [(work, mode)] = seen
    assert mode == 0o700
    assert not work.exists()


def test_only_dead_processes_workspaces_are_stale(var: Path) -> None:
    with quarantine.workspace(uuid.uuid4()) as alive:
        dead = alive.with_name("left-behind")
        dead.mkdir()
        (dead / "original").write_bytes(MARK)
        # A young one may belong to a process that has not locked it yet.
        assert quarantine.remove_stale_workspaces() == 0
        os.utime(dead, (0, 0))
        os.utime(alive, (0, 0))
        assert quarantine.remove_stale_workspaces() == 1
        assert alive.exists()
        assert not dead.exists()
