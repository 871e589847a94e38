"""A curator in a real browser paints over what a detector may miss, takes it back, looks twice, and accepts."""

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from playwright.sync_api import BrowserContext, Page, expect

from imaging.formats import stored
from imaging.phantoms import FakePerson, draw, write_dicom
from tests.e2e.installation import Installation

SEND = """
import json
from pathlib import Path
from accounts.models import Hospital
from intake import quarantine, services
from portal.demo.make import ensure_dataset
from portal.demo.people import ensure_people, password
people = ensure_people()
dataset = ensure_dataset(people)
user = people["hospital@demo.example"]
batch = services.open_batch(user=user, hospital=Hospital.objects.get(number=1), dataset=dataset, title="March")
with Path({path!r}).open("rb") as source:
    sealed = quarantine.seal(source)
file = services.receive_file(batch=batch, user=user, name="x.dcm", sealed=sealed, group=dataset.groups.first())
print("SENT" + json.dumps([str(file.pk), password()]))
"""
PLACE = (200, 420, 160, 60)  # left, top, width, height: in the right lung, far from any text
WIDTHS = (390, 768, 1440)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "original.dcm"
    write_dicom(path, draw(5, size=(1000, 920), bits=12), FakePerson.invent(5))
    return path


class Candidate:
    """The file on its way, seen from the installation's disk and database."""

    def __init__(self, portal: Installation, file_id: str) -> None:
        self.portal, self.id, self.key = portal, file_id, file_id.replace("-", "")

    def _row(self, columns: str) -> tuple[Any, ...]:
        known = f"'{self.id}', '{self.key}'"
        (row,) = self.portal.query(f"SELECT {columns} FROM intake_uploadedfile WHERE CAST(id AS text) IN ({known})")
        return row

    def wait(self, runs: int) -> None:
        """Until it waits for a curator after `runs` de-identifications."""
        for _ in range(600):
            stage, why = self._row("stage, reason_code")
            assert stage != "set_aside", why
            done = self.portal.query("SELECT id FROM intake_stagerun WHERE stage = 'deidentify' AND status = 'done'")
            if stage == "curate" and len(done) == runs:
                return
            time.sleep(0.2)
        raise AssertionError(f"it is still at {stage}")

    def pixels(self) -> NDArray[np.integer[Any]]:
        return stored(self.portal.var / "files" / "candidates" / self.id / "image.dcm")


def _cut(pixels: NDArray[Any]) -> NDArray[Any]:
    left, top, width, height = PLACE
    return pixels[top : top + height, left : left + width]


@pytest.fixture
def candidate(portal: Installation, original: Path) -> Candidate:
    said = portal.manage("shell", "--no-imports", "-c", SEND.format(path=str(original)))
    file_id, password = json.loads(said.rpartition("SENT")[2])
    found = Candidate(portal, file_id)
    found.password = password  # type: ignore[attr-defined]
    found.wait(1)
    return found


@pytest.fixture
def curator(new_context: Callable[..., BrowserContext], portal: Installation, candidate: Candidate) -> Page:
    page = new_context(base_url=portal.origin, locale="en-GB", viewport={"width": 1440, "height": 900}).new_page()
    page.goto("/accounts/login/")
    page.locator("#id_login").fill("curator@demo.example")
    page.locator("#id_password").fill(candidate.password)  # type: ignore[attr-defined]
    page.locator("main form button[type=submit]").click()
    page.locator(".account-menu").wait_for()
    return page


def _open(page: Page) -> None:
    page.goto("/curation/")
    page.locator("main tbody th a").first.click()
    page.locator(".viewer-layers > img").first.evaluate("image => image.decode()")


def _drag(page: Page) -> None:
    """Over PLACE, with some room around it, as a hand does it."""
    outlines = page.locator(".viewer-boxes").bounding_box()
    assert outlines is not None
    scale = outlines["width"] / 920
    left, top, width, height = PLACE
    page.mouse.move(outlines["x"] + (left - 4) * scale, outlines["y"] + (top - 4) * scale)
    page.mouse.down()
    page.mouse.move(outlines["x"] + left * scale, outlines["y"] + (top + 9) * scale)
    page.mouse.move(outlines["x"] + (left + width + 4) * scale, outlines["y"] + (top + height + 4) * scale)
    page.mouse.up()


def _assert_accessible(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]] == []


def test_drawn_applied_undone_accepted(
    portal: Installation, candidate: Candidate, curator: Page, original: Path
) -> None:
    page, picture = curator, stored(original)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    _open(page)
    known = page.locator("[data-boxes-list] li").count()
    page.keyboard.press("d")
    expect(page.get_by_role("button", name="Draw rectangles")).to_have_attribute("aria-pressed", "true")
    _drag(page)
    expect(page.locator("[data-boxes-list] li")).to_have_count(known + 1)
    expect(page.locator("[data-boxes-pending]")).to_contain_text("Not applied yet")
    accept = page.get_by_role("button", name="Accept as Good")
    expect(accept).to_be_disabled()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        _assert_accessible(page)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Apply: paint anew").click()
    expect(page.get_by_role("main")).to_contain_text("being rewritten")
    candidate.wait(2)
    painted = candidate.pixels()
    assert float(_cut(painted).std()) == 0
    assert float(_cut(picture).std()) > 0

    _open(page)
    mine = page.locator("[data-boxes-list] li", has_text="by a person")
    expect(mine).to_have_count(1)
    expect(accept).to_be_enabled()
    mine.get_by_role("checkbox").uncheck()
    expect(accept).to_be_disabled()
    mine.get_by_role("checkbox").check()
    expect(accept).to_be_enabled()
    mine.get_by_role("checkbox").uncheck()
    page.get_by_role("button", name="Apply: paint anew").click()
    expect(page.get_by_role("main")).to_contain_text("being rewritten")
    candidate.wait(3)
    assert (_cut(candidate.pixels()) == _cut(picture)).all(), "what was undone is as it was"

    _open(page)
    before = candidate.pixels()
    page.locator("[name=no_text_seen]").check()
    accept.click()
    expect(page.get_by_role("main")).to_contain_text("Accepted as")
    (released,) = (portal.var / "files" / "library").rglob("*.dcm")
    dataset = pydicom.dcmread(io.BytesIO(released.read_bytes()))
    assert dataset.BurnedInAnnotation == "NO"
    assert "113101" in [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence]
    assert (stored(released) == before).all()
    assert faults == []


def test_by_keyboard_alone(candidate: Candidate, curator: Page) -> None:
    page = curator
    _open(page)
    whole = page.locator(".viewer-full-range")
    expect(whole).to_be_hidden()
    page.keyboard.press("e")
    expect(whole).to_be_visible()
    size = whole.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])")
    assert size == [920, 1000]
    page.keyboard.press("e")
    expect(whole).to_be_hidden()
    outlines = page.locator(".viewer-boxes")
    page.keyboard.press("t")
    expect(outlines).to_be_hidden()
    page.keyboard.press("t")
    expect(outlines).to_be_visible()
    known = page.locator("[data-boxes-list] li").count()
    page.get_by_text("Add a rectangle by numbers").focus()
    page.keyboard.press("Enter")
    for number in PLACE:
        page.keyboard.press("Tab")
        page.keyboard.type(str(number))
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Add to the list")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-boxes-list] li")).to_have_count(known + 1)
    page.locator("h1").click()
    page.keyboard.press("a")
    expect(page.get_by_role("main")).to_contain_text("being rewritten")
    candidate.wait(2)
    assert float(_cut(candidate.pixels()).std()) == 0
    _open(page)
    page.keyboard.press("c")
    page.keyboard.press("b")
    expect(page.get_by_role("main")).to_contain_text("Accepted as")


def test_without_a_script(
    new_context: Callable[..., BrowserContext], portal: Installation, candidate: Candidate, curator: Page
) -> None:
    page = new_context(
        base_url=portal.origin, locale="en-GB", java_script_enabled=False, storage_state=curator.context.storage_state()
    ).new_page()
    page.goto("/curation/")
    page.locator("main tbody th a").first.click()
    page.locator(".viewer-full-range-toggle").check()
    expect(page.locator(".viewer-full-range")).to_be_visible()
    page.get_by_text("Add a rectangle by numbers").click()
    for side, number in zip(("left", "top", "width", "height"), PLACE, strict=True):
        page.locator(f"[name={side}]").fill(str(number))
    page.get_by_role("button", name="Apply: paint anew").click()
    expect(page.get_by_role("main")).to_contain_text("being rewritten")
    candidate.wait(2)
    assert float(_cut(candidate.pixels()).std()) == 0
