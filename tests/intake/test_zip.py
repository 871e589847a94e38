"""ZIP files: what is taken out, what is refused and said, and that nobody's ZIP does harm."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from audit.models import Event
from intake import names, originals, quarantine, services, words
from intake.models import Stage, StageRun, UploadedFile
from intake.quarantine import SEGMENT, Damaged
from intake.services import unpacking, zips
from tests.intake.conftest import all_bytes
from tests.world import World, png

Send = Callable[..., UploadedFile]
Entry = tuple[str | zipfile.ZipInfo, bytes]


def _zip(*entries: Entry, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return target.getvalue()


def _picture(number: int) -> bytes:
    """A small PNG; no two numbers give the same bytes."""
    return png((120, 100 + number), grey=number % 200)


def _unpacked(file: UploadedFile, steps: int = 1) -> UploadedFile:
    for number in range(steps):
        services.run_stage(file.pk, f"task {number}")
    return UploadedFile.objects.get(pk=file.pk)


def _contents(file: UploadedFile) -> list[str]:
    return [names.reveal(row.sealed_name) for row in file.contents.order_by("received_at", "pk")]


def _refused(file: UploadedFile) -> dict[str, str]:
    return {names.reveal(entry.sealed_name): entry.code for entry in file.refused_entries.all()}


def test_every_radiograph_becomes_a_file_of_the_batch(
    send: Send, world: World, dicom: bytes, jpeg: bytes, django_capture_on_commit_callbacks: Any
) -> None:
    content = _zip(("march/a.dcm", dicom), ("march/b.jpg", jpeg), ("march/", b""))
    with django_capture_on_commit_callbacks(execute=True):
        file = _unpacked(send(content, "march.zip", demographics={"smoke": "no"}, patient_key="4711"))
    file.refresh_from_db()
    assert (file.stage, file.reason_code) == (Stage.UNPACKED, "")
    assert not quarantine.exists(file.pk)
    assert _contents(file) == ["march/a.dcm", "march/b.jpg"]
    for row in file.contents.all():
        assert (row.stage, row.batch, row.group, row.smoke) == (Stage.INSPECT, world.batch, world.group, "no")
        assert (row.patient_key_hash, row.patient_key_id) == (file.patient_key_hash, file.patient_key_id)
        assert file.patient_key_hash
        assert Event.objects.filter(action="file.received", object_id=str(row.pk)).exists()
    first = file.contents.order_by("received_at").first()
    assert first is not None
    with originals.opened(first.pk, first.sha256) as original:
        assert original.read() == dicom
    assert _unpacked(first).stage == Stage.DEIDENTIFY
    assert file.runs.get().result["taken"] == 2


def test_nothing_of_a_zip_lies_open_on_a_disk(send: Send, var: Any, dicom: bytes, world: World) -> None:
    mark = b"KOWALSKI^JAN"
    assert _unpacked(send(_zip(("KOWALSKI^JAN.dcm", dicom), ("KOWALSKI^JAN.txt", mark * 50)))).stage == Stage.UNPACKED
    assert mark not in all_bytes(var)
    assert "KOWALSKI" not in str(list(UploadedFile.objects.values())) + str(list(StageRun.objects.values()))


def _link() -> Entry:
    info = zipfile.ZipInfo("link.png")
    info.create_system, info.external_attr = 3, (0o120777 << 16)
    return info, b"/etc/passwd"


def _flagged(name: str, flag: int) -> bytes:
    """A ZIP whose entries all have this flag in both headers."""
    content = bytearray(_zip((name, _picture(1))))
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(magic) + place
        content[at : at + 2] = struct.pack("<H", flag)
    return bytes(content)


def test_what_cannot_be_taken_is_listed_with_its_reason(send: Send, world: World, client: Client) -> None:
    content = _zip(
        ("good.png", _picture(1)),
        ("../up.png", _picture(2)),
        ("/etc/absolute.png", _picture(3)),
        ("C:\\Windows\\drive.png", _picture(4)),
        ("a\\..\\..\\b.png", _picture(5)),
        ("folder\\windows.png", _picture(6)),
        ("inner.zip", _zip(("x.png", _picture(7)))),
        ("inner.7z", b"7z\xbc\xaf\x27\x1c" + bytes(200)),
        ("inner.rar", b"Rar!\x1a\x07\x01\x00" + bytes(200)),
        ("bomb.png", bytes(20_000_000)),
        ("empty.png", b""),
        ("viewer.exe", b"MZ" + bytes(300)),
        ("again.png", _picture(1)),
        _link(),
    )
    file = _unpacked(send(content))
    assert file.stage == Stage.UNPACKED
    assert _contents(file) == ["good.png", "folder/windows.png"]
    refused = {
        "../up.png": "path",
        "/etc/absolute.png": "path",
        "C:/Windows/drive.png": "path",
        "a/../../b.png": "path",
        "inner.zip": "nested",
        "inner.7z": "nested",
        "inner.rar": "nested",
        "bomb.png": "bomb",
        "empty.png": "empty",
        "viewer.exe": "not_an_image",
        "again.png": "duplicate",
        "link.png": "link",
    }
    assert _refused(file) == refused
    client.force_login(world.hospital_user)
    page = unescape(client.get(reverse("intake:file", args=[file.pk])).content.decode())
    assert "viewer.exe" in page
    for code in set(refused.values()):
        assert str(words.ENTRIES[code]) in page


def test_what_operating_systems_leave_is_passed_over_and_said(send: Send, world: World, client: Client) -> None:
    content = _zip(
        ("a.png", _picture(1)),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0" + bytes(300)),
        (".DS_Store", bytes(300)),
        ("__MACOSX/._a.png", bytes(300)),
        ("DICOMDIR", bytes(128) + b"DICM"),
    )
    file = _unpacked(send(content))
    assert (file.stage, _contents(file), _refused(file)) == (Stage.UNPACKED, ["a.png"], {})
    client.force_login(world.hospital_user)
    page = client.get(reverse("intake:file", args=[file.pk])).content.decode()
    assert "3 files of operating systems" in page
    assert "DICOMDIR" in page


@pytest.mark.parametrize("flag", [0x1, 0x41, 0x2001])
def test_a_password_is_said(send: Send, flag: int) -> None:
    file = _unpacked(send(_flagged("secret.png", flag)))
    assert _refused(file) == {"secret.png": "encrypted"}
    assert (file.stage, file.reason_code) == (Stage.SET_ASIDE, "zip_nothing")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_reserve_memory_are_not_tried(send: Send, method: int) -> None:
    assert _refused(_unpacked(send(_zip(("a.png", _picture(1)), method=method)))) == {"a.png": "method"}


def _lying(size: int) -> bytes:
    """An entry that unpacks to 8 MB and declares `size`, with the right CRC-32 of what it declares."""
    plain = bytes(8_000_000)
    content = bytearray(_zip(("a.png", plain)))
    for magic, place in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = content.index(magic) + place
        packed = struct.unpack_from("<I", content, at + 4)[0]
        content[at : at + 12] = struct.pack("<III", zlib.crc32(plain), packed, size)
    return bytes(content)


@pytest.mark.parametrize("size", [1_000, 900_000])
def test_a_size_that_lies_unpacks_to_no_more_than_it_says(send: Send, size: int) -> None:
    file = _unpacked(send(_lying(size)))
    assert set(_refused(file).values()) <= {"damaged", "not_an_image"}
    assert file.contents.count() == 0


def _overlapping(names: int) -> bytes:
    """Fifield's idea at its plainest: every entry of the directory names the same bytes."""
    whole = _zip(("a.png", _picture(1)))
    at = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    directory = whole[at:end] * names
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, names, names, len(directory), at, 0)
    return whole[:at] + directory + tail


def _many(count: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}", b"")
    return target.getvalue()


def _huge_directory() -> bytes:
    return b"PK\x03\x04" + bytes(3_000_000) + struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 9, 9, 3_000_000, 4, 0)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (_overlapping(2), "zip_overlapping"),
        (_overlapping(50), "zip_overlapping"),
        (_many(51), "zip_many"),
        (_huge_directory(), "zip_many"),
        (_zip(), "zip_empty"),
        (_zip(("a.png", bytes(6_000_000))), "zip_large"),
        (_zip(("a.png", _picture(1)))[:-30], "zip_damaged"),
        (b"PK\x03\x04" + b"never a zip" * 50, "zip_damaged"),
        (_zip(("readme.txt", b"hello" * 100)), "zip_nothing"),
    ],
)
def test_a_zip_that_is_not_unpacked_is_set_aside_with_its_reason(
    send: Send, settings: LazySettings, content: bytes, code: str
) -> None:
    settings.CXR_MAX_ZIP_FILES, settings.CXR_MAX_UNPACKED_BYTES = 50, 5_000_000
    file = _unpacked(send(content))
    assert (file.stage, file.reason_code) == (Stage.SET_ASIDE, code)
    assert words.reason(file)
    assert quarantine.exists(file.pk)
    assert file.contents.count() == 0


def test_a_hundred_thousand_entries_are_refused_at_once(send: Send) -> None:
    file = _unpacked(send(_many(100_000)))
    assert (file.stage, file.reason_code) == (Stage.SET_ASIDE, "zip_many")


def test_an_entry_above_the_limit_of_a_file(send: Send, settings: LazySettings) -> None:
    settings.CXR_MAX_FILE_BYTES = 3000
    noise = random.Random(7).randbytes(5000)
    file = _unpacked(send(_zip(("small.png", _picture(1)), ("big.png", noise))))
    assert _refused(file) == {"big.png": "too_large"}


def test_zip64(send: Send) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive, archive.open("a.png", "w", force_zip64=True) as entry:
        entry.write(_picture(1))
    assert _contents(_unpacked(send(target.getvalue()))) == ["a.png"]


@pytest.mark.parametrize(
    ("stored", "flag", "shown"),
    [
        ("płuca.png".encode(), 0x800, "płuca.png"),
        ("płuca.png".encode(), 0, "płuca.png"),
        ("für.png".encode("cp437"), 0, "für.png"),
    ],
)
def test_names_in_the_code_pages_of_the_world(send: Send, stored: bytes, flag: int, shown: str) -> None:
    placeholder = "x" * len(stored)
    content = bytearray(_flagged(placeholder, flag))
    assert _contents(_unpacked(send(bytes(content).replace(placeholder.encode(), stored)))) == [shown]


class Killed(BaseException):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("after", ["sealed", "received"])
def test_a_worker_killed_in_the_middle_takes_nothing_twice(
    send: Send, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    file = send(_zip(*((f"{number}.png", _picture(number)) for number in range(6)), ("no.txt", b"x" * 300)))
    real, calls = unpacking.receive_file, []

    def receive(**arguments: Any) -> UploadedFile:
        calls.append(1)
        if len(calls) == 3 and after == "sealed":
            raise Killed
        row = real(**arguments)
        if len(calls) == 3:
            raise Killed
        return row

    monkeypatch.setattr(unpacking, "receive_file", receive)
    with pytest.raises(Killed):
        services.run_stage(file.pk, "task")
    assert file.contents.count() == 2
    services.run_stage(file.pk, "task")  # the broker gives it out again
    done = UploadedFile.objects.get(pk=file.pk)
    assert (done.stage, done.facts["zip"]["taken"]) == (Stage.UNPACKED, 6)
    assert sorted(_contents(done)) == [f"{number}.png" for number in range(6)]
    assert _refused(done) == {"no.txt": "not_an_image"}


def test_a_big_zip_goes_in_steps_and_others_have_their_turn(
    send: Send, monkeypatch: pytest.MonkeyPatch, broker: Any, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(unpacking, "STEP_SECONDS", 0)
    file = send(_zip(*((f"{number}.png", _picture(number)) for number in range(3))))
    with django_capture_on_commit_callbacks(execute=True):
        assert _unpacked(file).stage == Stage.INSPECT
    assert file.contents.count() == 1
    assert ("intake.tasks.run_stage", [str(file.pk)]) in broker()
    done = _unpacked(file, steps=2)
    assert (done.stage, _contents(done)) == (Stage.UNPACKED, ["0.png", "1.png", "2.png"])
    assert done.attempts == 0


def test_a_zip_withdrawn_in_the_middle_stops(send: Send, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    file = send(_zip(*((f"{number}.png", _picture(number)) for number in range(3))))
    real = unpacking.receive_file

    def receive(**arguments: Any) -> UploadedFile:
        row = real(**arguments)
        monkeypatch.setattr(unpacking._Step, "_seal", lambda *_: services.withdraw(file, world.hospital_user) and seal)
        return row

    seal = quarantine.seal(io.BytesIO(_picture(1)))
    monkeypatch.setattr(unpacking, "receive_file", receive)
    assert _unpacked(file).stage == Stage.WITHDRAWN
    assert file.contents.count() == 1
    assert not quarantine.exists(seal.id)


def test_without_room_it_waits_and_then_goes_on(send: Send, settings: LazySettings, world: World) -> None:
    file = send(_zip(*((f"{number}.png", _picture(number)) for number in range(3))))
    settings.CXR_MAX_FILES_PER_BATCH = world.batch.files.count() + 1
    waiting = _unpacked(file)
    assert (waiting.stage, waiting.reason_code, _contents(waiting)) == (Stage.SET_ASIDE, "zip_no_room", ["0.png"])
    settings.CXR_MAX_FILES_PER_BATCH += 5
    services.retry(waiting, world.curator)
    assert _contents(_unpacked(waiting)) == ["0.png", "1.png", "2.png"]


def test_the_same_zip_in_another_wrapping_takes_nothing_twice(send: Send) -> None:
    assert _unpacked(send(_zip(("a.png", _picture(1))))).stage == Stage.UNPACKED
    file = _unpacked(send(_zip(("b.png", _picture(1)))))
    assert (file.stage, _refused(file)) == (Stage.UNPACKED, {"b.png": "duplicate"})
    entry = file.refused_entries.get()
    assert entry.earlier is not None
    assert names.reveal(entry.earlier.sealed_name) == "a.png"


def test_zips_are_no_images_where_they_are_not_taken(send: Send, settings: LazySettings) -> None:
    file = send(_zip(("a.png", _picture(1))))
    settings.CXR_ALLOWED_TYPES = ["dicom"]
    assert _unpacked(file).reason_code == "not_an_image"


def test_an_original_is_read_in_place(db: None) -> None:
    content = bytes(range(256)) * (SEGMENT // 256) * 2 + b"end"
    sealed = quarantine.seal(io.BytesIO(content))
    with originals.opened(sealed.id, sealed.sha256, most=SEGMENT) as original:
        assert (original.size, original.head) == (len(content), content[: quarantine.HEAD])
        for offset, whence, size in ((SEGMENT - 3, 0, 7), (-3, 2, 100), (5, 0, 1), (len(content) + 9, 0, 4)):
            place = original.seek(offset, whence)
            assert original.read(size) == content[place : place + size]
        original.seek(0)
        with pytest.raises(originals.TooMuchAtOnce):
            original.read()
    with pytest.raises(Damaged), originals.opened(sealed.id, "0" * 64):
        pass


def test_a_zip_in_a_zip_is_not_even_opened_when_it_is_the_quine(send: Send) -> None:
    """Whatever an archive unpacks to, itself included, nothing is unpacked twice over."""
    inner = _zip(("x", b"y" * 500))
    file = _unpacked(send(_zip(("r.zip", inner))))
    assert _refused(file) == {"r.zip": "nested"}
    assert zips.ZipRefused("zip_nothing").code == file.reason_code


def test_the_same_zip_again_brings_back_what_was_withdrawn(send: Send, world: World) -> None:
    content = _zip(("a.png", _picture(1)), ("b.png", _picture(2)))
    first = _unpacked(send(content))
    for file in first.contents.all():
        if names.reveal(file.sealed_name) == "a.png":
            services.withdraw(file, world.hospital_user)
    again = _unpacked(send(content))
    assert (again.stage, _contents(again), _refused(again)) == (Stage.UNPACKED, ["a.png"], {"b.png": "duplicate"})
