"""The whole journey in a real browser: from a hospital's desk to a researcher's disk."""

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import BrowserContext, Page, Response, expect

from tests.e2e.installation import PASSWORD, Installation

WAIT = 120_000
COLUMNS = [
    *("origin", "filename", "patient_id", "hospital", "hospital_eng", "hospital_id", "sex", "age"),
    *("smoke", "smoke_packyears", "class", "class_id", "quality", "subtype", "set"),
]
AGREEMENT = """
from accounts.models import User
from accounts.services import publish_agreement
publish_agreement(manager=User.objects.get(email="manager@example.org"), code="dua", version="1",
                  title="Data use agreement", text="You will not try to identify anybody.")
"""

Somebody = Callable[[], Page]


@pytest.fixture
def somebody(new_context: Callable[..., BrowserContext], portal: Installation) -> Iterator[Somebody]:
    """A new person at a computer of their own. A fault in a script, a blocked or a missing part fails the test."""
    faults: list[str] = []

    def sit_down() -> Page:
        page = new_context(base_url=portal.origin, accept_downloads=True, locale="en-GB").new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
        page.on("response", lambda answer: faults.append(answer.url) if _is_missing_part(answer) else None)
        page.goto("/")
        return page

    yield sit_down
    assert faults == []


def _is_missing_part(answer: Response) -> bool:
    return answer.status >= 400 and answer.request.resource_type != "document"


def _log_in(page: Page, email: str) -> None:
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign In", exact=True).click()
    expect(page.get_by_role("main")).not_to_contain_text("Forgot")


def _prepare(manager: Page, portal: Installation) -> None:
    """A data manager adds a hospital and a dataset, and invites a hospital user."""
    manager.goto("/manage/hospitals/new")
    manager.get_by_label("Number").fill("7")
    manager.get_by_label("Name", exact=True).fill("Szpital Główny")
    manager.get_by_label("English name").fill("Main Hospital")
    manager.get_by_label("City").fill("Gdańsk")
    manager.get_by_role("main").get_by_role("button").last.click()
    manager.goto("/manage/datasets/new")
    for label, value in {
        "Short name in addresses": "lungs",
        "Origin": "LUNGS",
        "Title": "Lungs of Gdańsk",
        "Summary": "A few radiographs.",
        "Description": "Radiographs for a test.",
        "Licence": "CC BY-NC 4.0",
        "How to cite": "Lungs of Gdańsk, 2026",
    }.items():
        manager.get_by_label(re.compile(rf"^{label}( \(optional\))?$")).fill(value)
    manager.get_by_label("Agreement to sign").select_option(index=1)
    manager.get_by_label(re.compile("In the catalogue")).check()
    for number, label in enumerate(("NORMAL", "PNEUMONIA")):
        manager.locator(f"[name$='-{number}-class_id']").fill(str(number + 1))
        manager.locator(f"[name$='-{number}-label']").fill(label)
        manager.locator(f"[name$='-{number}-subtype_prefix']").fill(label[0])
    manager.locator("main form button[type=submit]").last.click()
    manager.goto("/datasets/")
    expect(manager.get_by_role("main")).to_contain_text("Lungs of Gdańsk")
    manager.goto("/manage/people/")
    manager.get_by_label("E-mail address").fill("desk@hospital.example")
    manager.locator("main input[name=hospitals]").first.check()
    manager.get_by_role("button", name=re.compile("nvit")).click()


def _upload(desk: Page, portal: Installation, files: list[Path], tmp_path: Path) -> None:
    """A hospital user accepts the invitation, drops three files with one diagnosis, and sends three with a table."""
    desk.goto(portal.link("desk@hospital.example", "/invitations/"))
    desk.get_by_label("Your name").fill("Hanna Desk")
    desk.locator("[name=password1]").fill(PASSWORD)
    desk.locator("[name=password2]").fill(PASSWORD)
    desk.locator("main form button[type=submit]").last.click()
    if desk.locator("#id_login").count():
        _log_in(desk, "desk@hospital.example")
    desk.goto("/uploads/new")
    desk.get_by_label("Title").fill("March")
    for name in ("hospital", "dataset"):
        chooser = desk.locator(f"main select[name={name}]")
        if chooser.count():
            chooser.select_option(index=1)
    desk.locator("main form button[type=submit]").last.click()
    expect(desk).to_have_url(re.compile(r"/uploads/\d+/"))
    desk.locator("input.uppy-Dashboard-input").first.set_input_files(files[:3])
    desk.locator("#id_group").select_option(label="NORMAL")
    desk.get_by_role("button", name="Upload 3 files").click()
    expect(desk.locator("#files")).to_contain_text(files[0].name)
    expect(desk.locator(".uppy-StatusBar")).to_contain_text("Complete")
    table = tmp_path / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "class", "sex", "age", "smoke", "smoke_packyears", "patient_key"])
        writer.writerow([files[3].name, "NORMAL", "F", 61, "no", "", "key-3"])
        writer.writerow([files[4].name, "PNEUMONIA", "M", 47, "yes", "12.5", "key-4"])
        writer.writerow([files[5].name, "PNEUMONIA", "M", 47, "", "", "key-4"])
    desk.goto(desk.url + "?plain=1")
    desk.locator("input[name=files]").set_input_files(files[3:])
    desk.locator("input[name=table]").set_input_files(table)
    desk.get_by_role("button", name="Upload").click()
    # The page itself shows that the workers are through: nobody reloads it.
    expect(desk.locator("main")).to_contain_text(files[5].name)
    expect(desk.locator("main tbody tr", has_text="waiting for a curator")).to_have_count(6, timeout=WAIT)


def _judge(curator: Page) -> None:
    """Five accepted (one as Bad), one rejected with a reason; the mask can be hidden and shown."""
    curator.goto("/curation/")
    curator.locator("main tbody th a").first.click()
    for number in range(6):
        expect(curator).to_have_url(re.compile(r"/curation/[0-9a-f-]{36}/"))
        mask = curator.locator(".viewer-mask")
        expect(mask).to_be_visible()
        if number == 0:
            sizes = curator.locator(".viewer-layers > img:first-child, .viewer-mask img").evaluate_all(
                "images => images.map(image => [image.complete, image.naturalWidth, image.naturalHeight])"
            )
            assert all(complete and width > 300 for complete, width, _height in sizes), sizes
            assert sizes[0] == sizes[1], "the mask lies on the image"
            curator.locator(".viewer-mask-toggle").uncheck()
            expect(mask).to_be_hidden()
            curator.locator("main select[name=code]").select_option(index=1)
            curator.locator("main [name=reason]").fill("The left lung is cut off.")
            curator.get_by_role("button", name="Reject").click()
            continue
        curator.locator("[name=no_text_seen]").check()
        curator.get_by_role("button", name="Accept as Bad" if number == 1 else "Accept as Good").click()
    expect(curator.get_by_role("main")).not_to_contain_text("Accept as Good")


def _publish(manager: Page) -> None:
    manager.goto("/manage/datasets/lungs/publish")
    manager.locator("main [name=version]").fill("1.0")
    manager.locator("main [name=changes]").fill("The first release.")
    manager.get_by_role("button", name="Publish").click()
    expect(manager.get_by_role("main")).to_contain_text("published", timeout=WAIT)


def _register(reader: Page, portal: Installation) -> None:
    reader.goto("/accounts/signup/")
    for name, value in {
        "name": "Robin Reader",
        "email": "robin@university.example",
        "institution": "University of Examples",
        "purpose": "To learn about lungs.",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }.items():
        reader.locator(f"main [name={name}]").fill(value)
    reader.locator("main [name=country]").select_option("PL")
    reader.locator("main form button[type=submit]").last.click()
    expect(reader).to_have_url(re.compile("confirm-email"))
    reader.goto(portal.link("robin@university.example", "confirm-email"))
    reader.locator("main form button[type=submit]").last.click()
    _log_in(reader, "robin@university.example")


def _ask(reader: Page) -> None:
    reader.goto("/datasets/lungs/request/")
    reader.get_by_role("main").get_by_role("link", name=re.compile("[Ss]ign|greement")).first.click()
    reader.get_by_label("Your name").fill("Robin Reader")
    reader.get_by_label("I have read this agreement").check()
    reader.get_by_role("main").get_by_role("button", name="Sign").click()
    reader.goto("/datasets/lungs/request/")
    reader.get_by_label("PNEUMONIA").check()
    reader.get_by_label("Title of the project").fill("Lungs")
    reader.get_by_label("Purpose of use").fill("To learn.")
    reader.get_by_role("button", name="Send the request").click()


def _grant(manager: Page) -> None:
    manager.goto("/manage/requests/")
    manager.get_by_role("main").get_by_role("link", name=re.compile("Robin|Lungs")).first.click()
    expect(manager.get_by_role("main")).to_contain_text("To learn.")
    manager.get_by_label("Grant", exact=True).check()
    manager.get_by_label("Reason").fill("A good purpose.")
    manager.get_by_role("button", name="Save the decision").click()


def _files(page: Page) -> dict[str, tuple[str, str]]:
    """MD5 and SHA-256 by file name, as the page shows them."""
    page.goto("/datasets/lungs/releases/1.0/")
    rows = page.locator("main table tbody tr", has=page.locator("[id^=sha256-]"))
    return {
        row.locator("th").inner_text().strip(): (
            row.locator("[id^=md5-]").inner_text().strip(),
            row.locator("[id^=sha256-]").inner_text().strip(),
        )
        for row in rows.all()
    }


def _assert_anonymous(content: bytes, identifiers: list[str]) -> None:
    for word in identifiers:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "iso8859-2"):
            assert word.encode(encoding) not in content, word


def test_journey(
    portal: Installation, somebody: Somebody, radiographs: list[Path], identifiers: list[str], tmp_path: Path
) -> None:
    portal.add_person("manager@example.org", "Mona Manager", "--data-manager")
    portal.add_person("curator@example.org", "Carl Curator", "--curator")
    portal.manage("shell", "--no-imports", "-c", AGREEMENT)

    manager, desk, curator = somebody(), somebody(), somebody()
    _log_in(manager, "manager@example.org")
    _prepare(manager, portal)
    _upload(desk, portal, radiographs, tmp_path)
    _log_in(curator, "curator@example.org")
    _judge(curator)
    desk.reload()
    expect(desk.get_by_role("main")).to_contain_text("The left lung is cut off.")
    _publish(manager)

    visitor = somebody()
    shown = _files(visitor)
    assert {"images.xlsx"} < {name.split("-", 2)[-1] if name.endswith("images.xlsx") else name for name in shown}
    assert all(len(md5) == 32 and len(sha256) == 64 for md5, sha256 in shown.values())
    expect(visitor.get_by_role("main")).to_contain_text("Lungs of Gdańsk, 2026")
    assert visitor.locator("a[href*=download]").count() == 0

    reader = somebody()
    _register(reader, portal)
    _ask(reader)
    _grant(manager)
    assert any("A good purpose." in mail for mail in _mails_about(portal, "robin@university.example", "A good purpose"))

    _files(reader)
    links = reader.locator("main a[href*='/download']")
    names = {re.sub("^Download ", "", link.get_attribute("aria-label") or ""): link for link in links.all()}
    assert names, "the granted files have links"
    assert not any("NORMAL" in name for name in names), "nothing of the other group"
    zips = 0
    for name, link in names.items():
        with reader.expect_download() as waiting:
            link.click()
        content = Path(waiting.value.path()).read_bytes()
        assert (hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest()) == shown[name]
        _assert_anonymous(content, identifiers)
        if name.endswith(".zip"):
            zips += 1
            _check_archive(content, identifiers)
    assert zips == 3
    normal = next(name for name in shown if "NORMAL" in name and name.endswith(".zip"))
    archive = portal.manage(
        "shell", "--no-imports", "-c",
        f"from datasets.models import Archive; print(Archive.objects.get(filename={normal!r}).pk)",
    ).strip()  # fmt: skip
    answer = reader.goto(f"/archives/{archive}/download")
    assert answer is not None
    assert answer.status == 403
    expect(reader.get_by_role("main")).to_contain_text(re.compile("group", re.IGNORECASE))

    stranger = somebody()
    stranger.goto(f"/archives/{archive}/download")
    expect(stranger).to_have_url(re.compile("/accounts/login/"))

    manager.goto("/manage/audit/?action=download.finished")
    expect(manager.get_by_role("main")).to_contain_text("Robin Reader")
    manager.goto("/manage/audit/?action=download.refused")
    expect(manager.get_by_role("main")).to_contain_text("Robin Reader")
    assert "sound" in portal.manage("verify_audit")


def _mails_about(portal: Installation, to: str, words: str) -> list[str]:
    import time

    for _ in range(100):
        if found := [mail for mail in portal.mails(to) if words in mail]:
            return found
        time.sleep(0.2)
    return []


def _check_archive(content: bytes, identifiers: list[str]) -> None:
    """It opens, its metadata lists exactly its files, and nothing in it identifies anybody."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        table = next(name for name in names if name.endswith("metadata.csv"))
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(table), "utf-8-sig")))
        assert list(rows[0]) == COLUMNS
        images = {Path(name).name for name in names if re.search(r"\.(dcm|jpg|png|tif)$", name)}
        stems = {Path(row["filename"]).stem for row in rows}
        assert {re.sub(r"_mask$", "", Path(name).stem) for name in images} == stems
        for name in names:
            _assert_anonymous(name.encode() + archive.read(name), identifiers)
            if name.endswith(".xlsx"):
                assert load_workbook(io.BytesIO(archive.read(name)))
