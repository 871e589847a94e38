"""`cxr login`, `datasets`, `files`, `download`, `verify` against a portal as `manage.py serve` starts it."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cxr.catalogue import RemoteFile
from cxr.download import download
from cxr.fetching import Became, Fetcher
from cxr.holding import Holding
from cxr.portal import Portal

from tests.client.lines import Line
from tests.e2e.installation import Installation

ROOT = Path(__file__).resolve().parents[2]
SETUP = """
import json, os
from datetime import timedelta
from django.utils import timezone
from accounts.models import AccessGrant, AccessRequest, Signature
from accounts.services.tokens import issue_token
from datasets import cohorts
from datasets.models import Cohort
from tests.datasets.library import Library, new_file
from tests.people import People
people = People()
library = Library(people)
library.add(1, key="a", image=new_file(os.urandom(6_000_000)))
for age in (30, 61, 75):
    library.add(1, key=str(age), demographics={"sex": "M" if age == 30 else "F", "age": age})
library.add(2, key="b")
library.order("1.0")
person = people.researcher()
Signature.objects.create(user=person, agreement=library.agreement, text_sha256=library.agreement.sha256,
    typed_name=person.name, institution="x")
request = AccessRequest.objects.create(user=person, dataset=library.dataset, status="granted")
grant = AccessGrant.objects.create(user=person, dataset=library.dataset, request=request, granted_by=library.manager,
    expires_at=timezone.now() + timedelta(days=30))
grant.groups.set(library.dataset.groups.filter(class_id=1))
token = issue_token(user=person, name="t", scopes=["read", "download"], days=1)[1]
release, filters = library.dataset.releases.get(), {"age": [70, 90], "class_id": [1]}
# Kept by somebody who may have all images, once it is published.
cohort = Cohort.objects.create(identifier=cohorts.identifier(release, filters), release=release, filters=filters,
    images=1, created_by=library.manager)
print(json.dumps({"token": token, "email": person.email, "grant": grant.pk, "cohort": cohort.identifier}))
"""
CHANGE = """
from accounts.models import User
from datasets.models import Dataset, Radiograph
from datasets.services import publish_release
Radiograph.objects.filter(group__class_id=2).update(quality="Bad")
publish_release(manager=User.objects.filter(is_data_manager=True)[0], dataset=Dataset.objects.get(slug="polcovid"),
    version="2.0", changes="One image is bad.")
"""
READY = "SELECT count(*) FROM datasets_release WHERE status = 'published' AND version = '{}'"
SENT = "SELECT first_byte, last_byte FROM datasets_download ORDER BY id"


@dataclass
class Desk:
    """A researcher's machine."""

    portal: Installation
    home: Path
    token: str
    email: str
    grant: int
    cohort: str

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CXR_", "XDG_"))}
        mine = {
            "PYTHONPATH": f"{ROOT / 'client/src'}:{ROOT}",
            "XDG_CONFIG_HOME": str(self.home),
            "CXR_URL": self.portal.origin,
            "CXR_TOKEN": self.token,
        }
        pipes: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        given = {name: value for name, value in {**inherited, **mine, **environment}.items() if value}
        # What a shell starts in the background ignores Ctrl-C, and so would all that it starts.
        pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen([sys.executable, "-m", "cxr", *arguments], env=given, cwd=self.home, text=True, **pipes)

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=120)
        for secret in (self.token, "Traceback"):
            assert secret not in out + err, out + err
        return process.returncode, out, err

    def files(self) -> dict[str, dict[str, Any]]:
        status, out, _err = self.run("files", "polcovid@1.0", "--json")
        assert status == 0
        return {file["name"]: file for file in json.loads(out)}

    def big(self) -> dict[str, Any]:
        """The ZIP of radiographs: larger than all else together."""
        (file,) = [file for file in self.files().values() if file["content"] == "radiographs" and not file["missing"]]
        assert file["size"] > 6_000_000
        return file


@pytest.fixture(scope="module")
def portal() -> Iterator[Installation]:
    installation = Installation()
    try:
        yield installation
    finally:
        print(installation.logs())  # noqa: T201 (pytest shows it when a test failed)
        installation.close()


@pytest.fixture(scope="module")
def known(portal: Installation) -> dict[str, Any]:
    known = json.loads(portal.manage("shell", "--no-imports", "-c", SETUP).splitlines()[-1])
    _published(portal, "1.0")
    return dict(known)


def _published(portal: Installation, version: str) -> None:
    for _ in range(600):
        if portal.query(READY.format(version)) == [(1,)]:
            return
        threading.Event().wait(0.2)
    raise AssertionError(portal.logs())


@pytest.fixture
def desk(portal: Installation, known: dict[str, Any], tmp_path: Path) -> Desk:
    return Desk(portal, tmp_path, **known)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_everything_that_is_mine_and_again_nothing(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    status, out, err = desk.run("download", "polcovid", str(folder))
    assert status == 0, err
    files = desk.files()
    mine = {name for name, file in files.items() if not file["missing"]}
    assert mine
    assert mine != set(files)
    assert "are not yours" in err
    assert {path.name for path in folder.iterdir()} == mine | {".cxr"}
    assert all(sha256(folder / name) == files[name]["sha256"] for name in mine)
    assert f"{len(mine)} fetched" in out
    before = desk.portal.query(SENT)
    status, out, _err = desk.run("download", "polcovid@1.0", str(folder))
    assert (status, f"{len(mine)} there already" in out) == (0, True)
    # The record may be lost: what is there is read, not fetched.
    shutil.rmtree(folder / ".cxr")
    assert desk.run("download", "polcovid@1.0", str(folder))[0] == 0
    assert desk.portal.query(SENT) == before


def test_a_damaged_byte_is_found_and_mended(desk: Desk, tmp_path: Path) -> None:
    folder, big = tmp_path / "data", desk.big()
    options = ("--content", "radiographs", "--content", "lung_masks", "--extract")
    assert desk.run("download", "polcovid", str(folder), *options)[0] == 0
    image = next((folder / "radiographs").iterdir())
    status, out, _err = desk.run("verify", str(folder))
    assert (status, "files are well (polcovid@1.0)" in out) == (0, True)
    path = folder / big["name"]
    with path.open("r+b") as file:
        file.seek(big["size"] // 2)
        byte = file.read(1)
        file.seek(big["size"] // 2)
        file.write(bytes([byte[0] ^ 1]))
    os.truncate(image, image.stat().st_size - 1)
    (folder / "lung_masks").joinpath(image.name.replace(image.suffix, ".png")).unlink()
    status, out, err = desk.run("verify", str(folder))
    assert status == 1
    assert f"{big['name']} has other bytes" in err
    assert f"radiographs/{image.name} has another size" in err
    assert "is missing" in err
    assert desk.run("download", "polcovid", str(folder), *options)[0] == 0
    assert desk.run("verify", str(folder))[0] == 0
    assert sha256(path) == big["sha256"]


def test_killed_and_run_again_it_goes_on(desk: Desk, tmp_path: Path) -> None:
    folder, big = tmp_path / "data", desk.big()
    line = Line(desk.portal.port, lets=3_000_000, freezes=True)
    arguments = ("download", "polcovid@1.0", "--file", big["name"], str(folder))
    process = desk.start(*arguments, CXR_URL=line.url)
    assert line.stuck.wait(60)
    part = _begun(folder)
    process.kill()
    process.communicate()
    there = part.stat().st_size
    assert not (folder / big["name"]).exists(), "no half file has a name that counts"
    status, _out, err = desk.run(*arguments)
    assert status == 0, err
    assert sha256(folder / big["name"]) == big["sha256"]
    assert desk.portal.query(SENT)[-1] == (there, big["size"] - 1)
    assert not list(folder.glob("*.part"))


def _begun(folder: Path) -> Path:
    """The begun file, once much of it is written: what the line let through may still be on its way to the disk."""
    for _ in range(300):
        for part in folder.glob("*.part"):
            if part.stat().st_size > 1_000_000:
                return part
        threading.Event().wait(0.1)
    raise AssertionError("it did not happen")


def test_interrupted_by_a_person_it_says_how_to_go_on(desk: Desk, tmp_path: Path) -> None:
    line = Line(desk.portal.port, lets=3_000_000, freezes=True)
    process = desk.start("download", "polcovid@1.0", "--content", "radiographs", str(tmp_path / "d"), CXR_URL=line.url)
    assert line.stuck.wait(60)
    _begun(tmp_path / "d")
    process.send_signal(signal.SIGINT)
    line.close()
    try:
        _out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == 3
    assert "Run the same command again" in err
    assert list((tmp_path / "d").glob("*.part"))


def test_a_cut_line_and_a_busy_portal_are_waited_out(desk: Desk, tmp_path: Path) -> None:
    big = desk.big()
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    many = b"HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    line = Line(desk.portal.port, lets=3_000_000, answers=(busy, many, busy))
    folder = tmp_path / "data"
    status, _out, err = desk.run("download", "polcovid@1.0", "--file", big["name"], str(folder), CXR_URL=line.url)
    line.close()
    assert status == 0, err
    assert line.stuck.is_set()
    assert line.passed < big["size"] + 1_000_000, "it did not begin anew"
    assert sha256(folder / big["name"]) == big["sha256"]


def test_bytes_that_are_not_the_promised_ones_are_thrown_away(desk: Desk, tmp_path: Path) -> None:
    folder, big = tmp_path / "data", desk.big()
    folder.mkdir()
    (folder / f"{big['name']}.{big['sha256'][:12]}.part").write_bytes(b"x" * 1000)  # as by a disk that lies
    status, _out, err = desk.run("download", "polcovid@1.0", "--file", big["name"], str(folder))
    assert status == 0, err
    assert sha256(folder / big["name"]) == big["sha256"]
    assert desk.portal.query(SENT)[-2:] == [(1000, big["size"] - 1), (0, big["size"] - 1)]


def test_only_the_images_that_are_meant(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    where = ("--where", "sex=F and age>60", "--content", "radiographs", "--content", "lung_masks")
    status, out, err = desk.run("download", "polcovid@1.0", *where, str(folder))
    assert status == 0, err
    # A random picture of six megabytes, 61 and 75 are F and older than 60; 30 is not.
    assert "3 images match; 2 ZIP files" in out
    assert "6 files taken out" in out
    assert len(list((folder / "radiographs").iterdir())) == 3
    assert len(list((folder / "lung_masks").iterdir())) == 3
    with zipfile.ZipFile(folder / desk.big()["name"]) as archive:
        images = [name for name in archive.namelist() if name.startswith("radiographs/")]
        assert len(images) == 4
        for path in (folder / "radiographs").iterdir():
            assert path.read_bytes() == archive.read(f"radiographs/{path.name}")
    assert "left out: PNEUMONIA" in err
    # A cohort is such a condition, kept in the portal.
    status, out, err = desk.run("download", f"cohort:{desk.cohort}", str(folder), "--content", "lung_masks")
    assert (status, "1 images match" in out, "1 files taken out" in out) == (0, True, True), err
    status, _out, err = desk.run("download", "cohort:polcovid-1.0-c00000000", str(folder))
    assert (status, "There is no cohort:" in err) == (2, True)
    status, _out, err = desk.run("download", "polcovid@1.0", "--where", "colour=red", str(folder))
    assert (status, "one of the columns origin, filename" in err) == (2, True)


def test_login_keeps_the_token_for_its_owner_alone(desk: Desk) -> None:
    kept = desk.home / "cxr" / "login.json"
    status, _out, err = desk.run("login", desk.portal.origin, CXR_TOKEN="cxr_wrong")
    assert (status, kept.exists()) == (2, False), err
    status, out, _err = desk.run("login", desk.portal.origin)
    assert (status, desk.email in out) == (0, True)
    assert kept.stat().st_mode & 0o077 == 0
    status, out, _err = desk.run("files", "polcovid", CXR_URL="", CXR_TOKEN="")
    assert status == 0
    assert "\tyours" in out
    # It goes to that portal only: another one gets no token.
    line = Line(desk.portal.port)
    status, out, _err = desk.run("files", "polcovid", CXR_URL=line.url, CXR_TOKEN="")
    line.close()
    assert (status, "\tyours" in out, "log_in" in out) == (0, False, True)


def test_wrong_use(desk: Desk, tmp_path: Path) -> None:
    folder = str(tmp_path / "d")
    for arguments, words in (
        (("download", "nothing", folder), "There is no nothing"),
        (("download", "polcovid@9.9", folder), "There is no polcovid@9.9"),
        (("download", "polcovid", folder, "--group", "PNEUMONIA"), "None of these files is yours yet (other_group)"),
        (("download", "polcovid", folder, "--content", "magic"), "No file of polcovid@1.0 fits"),
        (("download", "polcovid", folder, "--url", "http://portal.example"), "must begin with https://"),
        (("verify", folder), "Nothing was downloaded"),
    ):
        status, _out, err = desk.run(*arguments)
        assert (status, words in err) == (2, True), (arguments, err)
    status, _out, err = desk.run("download", "polcovid", folder, CXR_URL="")
    assert (status, "cxr login" in err) == (2, True)
    status, out, _err = desk.run("datasets")
    assert (status, "polcovid@1.0\t5 images\tPOLCOVID radiographs" in out) == (0, True)


def test_without_room_nothing_is_fetched(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = desk.portal.query(SENT)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=6_000_000))
    variables = {"CXR_URL": desk.portal.origin, "CXR_TOKEN": desk.token, "XDG_CONFIG_HOME": str(desk.home)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert download(["polcovid@1.0", str(tmp_path / "data")]) == 3
    assert "There is no room: 6." in capsys.readouterr().err
    assert desk.portal.query(SENT) == before


def test_of_a_later_version_only_what_changed_is_fetched(desk: Desk, tmp_path: Path) -> None:
    folder, big = tmp_path / "data", desk.big()
    assert desk.run("download", "polcovid", str(folder))[0] == 0
    desk.portal.manage("shell", "--no-imports", "-c", CHANGE)
    _published(desk.portal, "2.0")
    before = len(desk.portal.query(SENT))
    status, out, err = desk.run("download", "polcovid", str(folder))
    assert status == 0, err
    assert "polcovid@2.0: " in out
    # The images and their table are of a group that has not changed; texts and checksums name the version.
    same = [path for path in folder.glob("polcovid-2.0-*") if path.stat().st_nlink == 2]
    assert {path.suffix for path in same} >= {".zip", ".csv"}
    assert f"{len(same)} the same as in another version" in out
    assert (folder / big["name"]).samefile(folder / big["name"].replace("-1.0-", "-2.0-"))
    sent = desk.portal.query(
        "SELECT content FROM datasets_archive a JOIN datasets_download d ON d.archive_id = a.id ORDER BY d.id"
    )[before:]
    assert {content for (content,) in sent} == {"about", "sums"}
    assert desk.run("verify", str(folder))[0] == 0


def test_a_grant_that_ends_under_way_ends_it_and_says_so(desk: Desk, tmp_path: Path) -> None:
    folder, big = tmp_path / "data", desk.big()
    line = Line(desk.portal.port, lets=3_000_000, freezes=True)
    arguments = ("download", "polcovid@1.0", "--file", big["name"], str(folder))
    process = desk.start(*arguments, CXR_URL=line.url)
    assert line.stuck.wait(60)
    _begun(folder)
    process.kill()
    process.communicate()
    line.close()
    change = "from accounts.models import AccessGrant; AccessGrant.objects.update(expires_at='2001-01-01T00:00Z')"
    desk.portal.manage("shell", "--no-imports", "-c", change)
    status, _out, err = desk.run(*arguments)
    assert status == 2
    assert "None of these files is yours" in err
    assert list(folder.glob("*.part")), "what has come is kept"
    # Where the list was read before the grant ended, the download itself says so.
    file = RemoteFile(big["id"], big["name"], "", "", big["size"], big["sha256"], ())
    portal = Portal(desk.portal.origin, desk.token, 5, 2)
    (outcome,) = Fetcher(portal, Holding(folder), 1, lambda _count: None).fetch([file])
    assert outcome.became is Became.REFUSED
    assert "Your access has expired." in outcome.reason
    assert "/datasets/polcovid/request/" in outcome.reason
