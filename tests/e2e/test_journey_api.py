"""The whole journey by programs alone: every station through the HTTP API with tokens, on the real installation."""

import csv
import hashlib
import io
import json
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.installation import Installation

COLUMNS = (
    "origin,filename,patient_id,hospital,hospital_eng,hospital_id,sex,age,smoke,smoke_packyears,"
    "class,class_id,quality,subtype,set"
)
PEOPLE = {
    "manager": ("Mona Manager", "--data-manager"),
    "curator": ("Carl Curator", "--curator"),
    "desk": ("Hanna Desk",),
    "robin": ("Robin Reader",),
    "nobody": ("Nora Nobody",),
}
PREPARE = """
import json
from accounts import services
from accounts.models import HospitalMembership, User
from datasets.services import create_dataset
people = {user.email.partition("@")[0]: user for user in User.objects.filter(email__endswith="@example.org")}
manager = people["manager"]
hospital = services.create_hospital(
    manager=manager, number=7, name="Szpital Główny", name_eng="Main Hospital", city="Gdańsk")
HospitalMembership.objects.create(user=people["desk"], hospital=hospital)
agreement = services.publish_agreement(
    manager=manager, code="dua", version="1", title="Data use agreement", text="You will not identify anybody.")
create_dataset(
    manager=manager, slug="lungs", groups=[(1, "NORMAL", "N"), (2, "PNEUMONIA", "P")], origin="LUNGS",
    title="Lungs of Gdańsk", summary="A few radiographs.", description="Radiographs for a test.",
    licence="CC BY-NC 4.0", citation="Lungs of Gdańsk, 2026", agreement=agreement, is_public=True)
scopes = {"manager": ["manage", "read"], "curator": ["curate"], "desk": ["upload"],
          "robin": ["read", "download"], "nobody": ["read", "download"]}
print("TOKENS" + json.dumps({
    name: services.issue_token(user=people[name], name="test", scopes=wanted, days=1)[1]
    for name, wanted in scopes.items()}))
"""


def _clients(portal: Installation) -> dict[str, httpx.Client]:
    """One client per person, with a token of that person's; "visitor" has none."""
    for login, (name, *flags) in PEOPLE.items():
        portal.add_person(f"{login}@example.org", name, "--institution", "University of Examples", *flags)
    said = portal.manage("shell", "--no-imports", "-c", PREPARE)
    tokens = json.loads(said.rpartition("TOKENS")[2])
    base = f"{portal.origin}/api/v1/"
    clients = {
        name: httpx.Client(base_url=base, timeout=60, headers={"Authorization": f"Bearer {token}"})
        for name, token in tokens.items()
    }
    return {**clients, "visitor": httpx.Client(base_url=base, timeout=60)}


def _json(answer: httpx.Response, code: int = 200) -> Any:
    assert answer.status_code == code, f"{answer.request.method} {answer.request.url}: {answer.text[:2000]}"
    return answer.json()


def _wait_for(ask: Callable[[], list[Any] | None]) -> list[Any]:
    for _ in range(300):
        if (found := ask()) is not None:
            return found
        time.sleep(0.5)
    raise AssertionError("it did not happen")


def _upload(desk: httpx.Client, files: list[Path]) -> list[Any]:
    """A batch with three files of one diagnosis and three by a table; waits until all wait for a curator."""
    batch = _json(desk.post("batches/", json={"title": "March", "hospital": 7, "dataset": "lungs"}), 201)["id"]

    def parts(paths: list[Path]) -> list[tuple[str, Any]]:
        return [("files", (path.name, path.read_bytes())) for path in paths]

    described = {"class_id": "1", "sex": "F", "age": "61", "smoke": "no"}
    taken = _json(desk.post(f"batches/{batch}/files/", data=described, files=parts(files[:3])), 201)
    assert [file["name"] for file in taken["files"]] == [path.name for path in files[:3]]
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["filename", "class", "sex", "age", "smoke", "smoke_packyears", "patient_key"])
    writer.writerow([files[3].name, "NORMAL", "F", 61, "no", "", "key-3"])
    writer.writerow([files[4].name, "PNEUMONIA", "M", 47, "yes", "12.5", "key-4"])
    writer.writerow([files[5].name, "PNEUMONIA", "M", 47, "", "", "key-4"])
    sent = [*parts(files[3:]), ("table", ("table.csv", table.getvalue().encode(), "text/csv"))]
    taken = _json(desk.post(f"batches/{batch}/files/", files=sent), 201)
    assert (len(taken["files"]), taken["refused"], taken["problems"]) == (3, [], [])
    again = _json(desk.post(f"batches/{batch}/files/", data=described, files=parts(files[:1])), 400)
    assert [refused["name"] for refused in again["refused"]] == [files[0].name], "the same bytes are not taken twice"

    def through() -> list[Any] | None:
        listed = _json(desk.get(f"batches/{batch}/files/"))["results"]
        assert not [file for file in listed if file["stage"] == "set_aside"], listed
        return listed if all(file["stage"] == "curate" for file in listed) else None

    listed = _wait_for(through)
    assert {file["name"] for file in listed} == {path.name for path in files}
    assert _json(desk.get(f"batches/{batch}/"))["waiting"] == 6
    return listed


def _judge(curator: httpx.Client, uploaded: list[Any], identifiers: list[str]) -> str:
    """Five accepted (one as Bad), one NORMAL rejected with a reason; returns the id of the rejected one."""
    queue = _json(curator.get("curation/queue/"))["results"]
    assert {entry["id"] for entry in queue} == {file["id"] for file in uploaded}
    assert not [word for word in identifiers if word in json.dumps(queue, ensure_ascii=False)]
    rejected, bad, *good = sorted(queue, key=lambda entry: int(entry["class_id"]))
    unseen = {"verdict": "accept", "quality": "Good"}
    _json(curator.post(f"curation/{bad['id']}/verdict/", json=unseen), 400)  # nobody looked for text in the picture
    verdicts = [(bad, "Bad"), *((entry, "Good") for entry in good)]
    for entry, quality in verdicts:
        verdict = {"verdict": "accept", "quality": quality, "no_text_seen": True}
        answer = _json(curator.post(f"curation/{entry['id']}/verdict/", json=verdict))
        assert answer["stage"] == "accepted"
        assert answer["filename"].startswith("Anonymous_7_")
    refusal = {"verdict": "reject", "reason": "The left lung is cut off."}
    assert _json(curator.post(f"curation/{rejected['id']}/verdict/", json=refusal))["stage"] == "rejected"
    _json(curator.post(f"curation/{rejected['id']}/verdict/", json=refusal), 409)
    assert _json(curator.get("curation/queue/"))["results"] == []
    return str(rejected["id"])


def _publish(manager: httpx.Client) -> list[Any]:
    wanted = {"version": "1.0", "changes": "The first release."}
    assert _json(manager.post("datasets/lungs/releases/", json=wanted), 201)["status"] == "building"

    def published() -> list[Any] | None:
        answer = manager.get("datasets/lungs/releases/1.0/")
        return _json(answer)["files"] if answer.status_code != 404 else None

    files = _wait_for(published)
    assert all(len(file["md5"]) == 32 and len(file["sha256"]) == 64 for file in files)
    _json(manager.post("datasets/lungs/releases/", json={"version": "1.1", "changes": "Nothing."}), 409)
    return files


def _get_access(robin: httpx.Client, manager: httpx.Client) -> None:
    asking = {"dataset": "lungs", "groups": [2], "project": "Lungs", "purpose": "To learn."}
    agreement = _json(robin.get("datasets/lungs/"))["agreement"]
    assert agreement["text"] == "You will not identify anybody."
    signing = {"typed_name": "Robin Reader", "institution": "University of Examples", "agree": True}
    signature = _json(robin.post(f"agreements/{agreement['id']}/signature/", json=signing), 201)
    assert signature["text_sha256"] == agreement["sha256"]
    asked = _json(robin.post("access-requests/", json=asking), 201)
    (waiting,) = _json(manager.get("access-requests/", params={"status": "submitted"}))["results"]
    assert (waiting["id"], waiting["person"], waiting["groups"]) == (asked["id"], "Robin Reader", [2])
    decision = {"decision": "grant", "reason": "A good purpose."}
    _json(robin.post(f"access-requests/{asked['id']}/decision/", json=decision), 403)
    assert _json(manager.post(f"access-requests/{asked['id']}/decision/", json=decision))["status"] == "granted"
    (grant,) = _json(robin.get("me/"))["grants"]
    assert (grant["dataset"], grant["groups"]) == ("lungs", [2])


def _download(client: httpx.Client, file: dict[str, Any]) -> bytes:
    """Two requests: the first half, then the rest, as after a connection that was lost."""
    half = file["size"] // 2
    first = client.get(file["url"], headers={"Range": f"bytes=0-{half - 1}"})
    assert first.status_code == 206
    assert len(first.content) == half
    rest = client.get(file["url"], headers={"Range": f"bytes={half}-", "If-Range": first.headers["ETag"]})
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes {half}-{file['size'] - 1}/{file['size']}"
    content = first.content + rest.content
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert hashlib.md5(content).hexdigest() == file["md5"]
    return content


def _check(files: dict[str, bytes], identifiers: list[str]) -> None:
    """Exactly the columns; every archive opens and lists exactly its files; nothing identifies anybody."""
    of_images = re.compile(r"-PNEUMONIA\.csv$")
    (table,) = (content for name, content in files.items() if of_images.search(name))
    text = table.decode("utf-8-sig")
    assert text.splitlines()[0] == COLUMNS
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["class"], row["class_id"], row["hospital_id"]) for row in rows] == [("PNEUMONIA", "2", "7")] * 2
    assert len({row["patient_id"] for row in rows}) == 1, "one patient key, one patient"
    zips = [content for name, content in files.items() if name.endswith(".zip")]
    assert len(zips) == 3
    for content in zips:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            assert archive.testzip() is None
            listed = list(csv.DictReader(io.TextIOWrapper(archive.open("metadata.csv"), "utf-8-sig")))
            assert listed == rows
            sums = [line.split("  ") for line in archive.read("SHA256SUMS").decode().splitlines()]
            texts = {"README.txt", "LICENSE.txt", "metadata.csv", "deidentification.csv", "SHA256SUMS"}
            assert {path for _sha256, path in sums} == set(archive.namelist()) - texts
            for sha256, path in sums:
                assert hashlib.sha256(archive.read(path)).hexdigest() == sha256
            stems = {Path(path).stem.removesuffix("_mask") for _sha256, path in sums}
            assert stems == {Path(row["filename"]).stem for row in rows}
    for content in files.values():
        for word in identifiers:
            assert not [1 for code in ("utf-8", "utf-16-le", "iso8859-2") if word.encode(code) in content], word


def _assert_refusals(clients: dict[str, httpx.Client], file: dict[str, Any]) -> None:
    address = f"archives/{file['id']}/download"
    refusal = _json(clients["nobody"].get(address), 403)
    assert [reason["code"] for reason in refusal["reasons"]] == ["sign_agreement", "ask_for_access"]
    assert all(reason["words"] and reason["url"].startswith("http") for reason in refusal["reasons"])
    listed = _json(clients["nobody"].get("datasets/lungs/releases/1.0/"))["files"]
    assert {entry["url"] for entry in listed} == {None}
    _json(clients["manager"].get(address), 403)  # the token has no scope "download"
    _json(clients["visitor"].get(address), 401)
    _json(clients["visitor"].get(address, headers={"Authorization": "Bearer cxr_wrong"}), 401)
    for path, insider in (
        ("batches/", "desk"),
        ("curation/queue/", "curator"),
    ):
        _json(clients["robin"].get(path), 403)
        _json(clients["visitor"].get(path), 401)
        _json(clients[insider].get(path))
    _json(clients["curator"].get("me/"), 403)  # the token has no scope "read"


def test_journey(portal: Installation, radiographs: list[Path], identifiers: list[str]) -> None:
    clients = _clients(portal)
    uploaded = _upload(clients["desk"], radiographs)
    rejected = _judge(clients["curator"], uploaded, identifiers)
    assert _json(clients["desk"].get(f"files/{rejected}/"))["reason"] == "The left lung is cut off."
    published = _publish(clients["manager"])
    assert {file["url"] for file in published} == {None}, "a data manager has no grant"

    _get_access(clients["robin"], clients["manager"])
    files = _json(clients["robin"].get("datasets/lungs/releases/1.0/"))["files"]
    granted = [file for file in files if file["url"]]
    assert {file["group"] for file in granted} >= {"PNEUMONIA"}
    assert not [file for file in granted if file["group"] == "NORMAL"]
    content = {file["filename"]: _download(clients["robin"], file) for file in granted}
    _check(content, identifiers)
    (other,) = (file for file in files if file["group"] == "NORMAL" and file["content"] == "radiographs")
    refusal = _json(clients["robin"].get(f"archives/{other['id']}/download"), 403)
    assert [reason["code"] for reason in refusal["reasons"]] == ["other_group"]
    assert other["images"] == 3
    _assert_refusals(clients, granted[0])
    assert "sound" in portal.manage("verify_audit")
