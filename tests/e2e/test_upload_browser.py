"""The drop area in a real browser: a folder of radiographs, a cut line, a page reloaded in the middle."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tests.e2e.installation import PASSWORD, Installation
from tests.e2e.test_pages import WORLD

WAIT = 60_000


def _add(page: Page, folder: Path) -> None:
    """Chooses the folder, as dropping it would."""
    page.locator("#add > summary").click()
    page.locator("input.uppy-Dashboard-input[webkitdirectory]").set_input_files(folder)
    expect(page.locator(".uppy-Dashboard")).to_contain_text("6 files selected")


def _is_patch(request: Request) -> bool:
    return request.method == "PATCH" and "/uploads/tus/" in request.url


@pytest.fixture
def folder(radiographs: list[Path]) -> Path:
    return radiographs[0].parent


def test_a_folder_arrives_once_over_a_cut_and_a_reload(
    portal: Installation, new_context: Callable[..., BrowserContext], radiographs: list[Path], folder: Path
) -> None:
    world = json.loads(portal.manage("shell", "--no-imports", "-c", WORLD))
    page = new_context(base_url=portal.origin, locale="en-GB").new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    page.on("dialog", lambda dialog: dialog.accept())  # "Leave the page?": there is something to lose
    page.goto("/accounts/login/")
    page.locator("#id_login").fill(world["hospital"])
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main form button[type=submit]").click()
    page.locator(".account-menu").wait_for()
    page.goto(f"/uploads/{world['batch']}/")

    # Three files get through, then the line is dead.
    sent: list[str] = []

    def line(route: Route) -> None:
        if not _is_patch(route.request):
            route.continue_()
        elif len(sent) < 3:
            sent.append(route.request.url)
            route.continue_()
        else:
            route.abort("connectionreset")

    page.route("**/uploads/tus/**", line)
    _add(page, folder)
    page.get_by_label("Diagnosis").first.select_option(label="PNEUMONIA")
    page.locator(".uppy-StatusBar-actionBtn--upload").click()
    expect(page.locator(".uppy-StatusBar")).to_contain_text("3 of 6", timeout=WAIT)
    # The list shows them without anybody reloading it.
    expect(page.locator("#files")).to_contain_text(re.compile("_[0-5][.](dcm|jpg|png|tif)"), timeout=WAIT)
    kept = page.evaluate("JSON.stringify(localStorage)")
    assert "cxr-upload:" in kept
    for path in radiographs:
        assert path.name not in kept

    page.reload()
    page.unroute("**/uploads/tus/**")
    patches: list[str] = []
    page.on("request", lambda request: patches.append(request.url) if _is_patch(request) else None)
    _add(page, folder)
    page.get_by_label("Diagnosis").first.select_option(label="PNEUMONIA")
    page.locator(".uppy-StatusBar-actionBtn--upload").click()
    expect(page.locator(".uppy-StatusBar")).to_contain_text("Complete", timeout=WAIT)
    # What had arrived was not sent again.
    assert len(set(patches)) == 3
    assert not set(patches) & set(sent)

    arrived = portal.query(
        "SELECT f.sha256, g.label FROM intake_uploadedfile f JOIN datasets_diagnosisgroup g ON g.id = f.group_id "
        "WHERE f.sealed_name <> ''"
    )
    expected = [hashlib.sha256(path.read_bytes()).hexdigest() for path in radiographs]
    assert sorted(arrived) == sorted((digest, "PNEUMONIA") for digest in expected)

    # A file that the hospital sent before is said, under its own name.
    again = radiographs[0].with_name("again.dcm")
    again.write_bytes(radiographs[0].read_bytes())
    page.get_by_role("button", name="Done").click()
    page.locator("input.uppy-Dashboard-input").first.set_input_files(again)
    page.locator(".uppy-StatusBar-actionBtn--upload").click()
    refused = page.locator("[data-upload-outcome]")
    expect(refused).to_contain_text("again.dcm", timeout=WAIT)
    expect(refused).to_contain_text("Your hospital sent the same file")
    expect(page.locator(".uppy-Dashboard")).not_to_contain_text("failed")
    assert faults == []
