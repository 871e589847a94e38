"""Every page as every kind of person, wide and narrow: what a browser, a small screen and axe make of it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

from tests.e2e.installation import PASSWORD, Installation

WIDTHS = (1440, 390)
# Lays tests.world into the running installation and tells who is in it and where its things stand.
WORLD = """
import json
from tests.world import INVITATION_SECRET, build_world
world = build_world()
people = ("researcher", "granted", "hospital", "curator", "manager")
stages = {f"{stage}_file": str(file.pk) for stage, file in world.files.items()}
print(json.dumps({
    **{person: world.person(person).email for person in people},
    **stages,
    "agreement": world.agreement.pk,
    "archive": str(world.archive.pk),
    "other_archive": str(world.other_archive.pk),
    "batch": world.batch.pk,
    "invitation": INVITATION_SECRET,
    "release": world.release.pk,
    "request": world.request.pk,
    "person": world.hospital_user.pk,
}))
"""
PAGES: dict[str, tuple[str, ...]] = {
    "visitor": (
        "/",
        "/datasets/",
        "/datasets/example/",
        "/datasets/example/releases/1.0/",
        "/accounts/signup/",
        "/accounts/login/",
        "/accounts/login/code/",
        "/accounts/password/reset/",
        "/accounts/confirm-email/",
        "/invitations/{invitation}/",
        "/outbox/",
        "/no-such-page/",
    ),
    "researcher": (
        "/datasets/example/",
        "/datasets/example/request/",
        "/agreements/{agreement}/",
        "/me/",
        "/archives/{archive}/download",
        "/curation/",
    ),
    "granted": (
        "/",
        "/datasets/example/",
        "/datasets/example/releases/1.0/",
        "/datasets/example/request/",
        "/archives/{other_archive}/download",
        "/me/",
        "/me/tokens/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/sessions/",
        "/accounts/logout/",
    ),
    "hospital": (
        "/uploads/",
        "/uploads/new",
        "/uploads/{batch}/",
        "/uploads/{batch}/?stage=set_aside",
        "/uploads/{batch}/?plain=1",
        "/uploads/files/{set_aside_file}/",
        "/uploads/files/{accepted_file}/",
    ),
    "curator": ("/curation/", "/curation/{curate_file}/", "/curation/set-aside/"),
    "manager": (
        "/manage/requests/",
        "/manage/requests/{request}/",
        "/manage/people/",
        "/manage/people/{person}/",
        "/manage/institutions/",
        "/me/details/",
        "/accounts/2fa/",
        "/accounts/sessions/",
        "/manage/hospitals/new",
        "/manage/pacs/",
        "/manage/pacs/new",
        "/manage/datasets/",
        "/manage/datasets/new",
        "/manage/datasets/example/edit",
        "/manage/datasets/example/publish",
        "/manage/releases/{release}/",
        "/manage/audit/",
    ),
}
EXPECTED = {
    "/no-such-page/": 404,
    "/archives/{archive}/download": 403,
    "/archives/{other_archive}/download": 403,
    "/curation/": 403,
}
# What the content security policy would refuse, as the server wrote it (a block of JSON is no script).
INLINE = re.compile(
    r"<[a-z][^>]*\sstyle\s*=|<style\b|<script(?![^>]*(?:\bsrc=|application/(?:ld\+)?json))[^>]*>|<[a-z][^>]*\son[a-z]+\s*=",
    re.I,
)


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def sit_down(
    new_context: Callable[..., BrowserContext], portal: Installation, faults: list[str]
) -> Callable[[str | None], Page]:
    """A browser of one's own, signed in if an address is given; notes what goes wrong beside the page itself."""

    def open_browser(email: str | None) -> Page:
        page = new_context(base_url=portal.origin, locale="en-GB").new_page()
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        page.on("console", lambda line: _note_policy(line, page, faults))
        page.on("response", lambda answer: _note_missing(answer, page, faults))
        if email is not None:
            page.goto("/accounts/login/")
            page.locator("#id_login").fill(email)
            page.locator("#id_password").fill(PASSWORD)
            page.locator("main form button[type=submit]").click()
            page.locator(".account-menu").wait_for()
        return page

    return open_browser


def _note_policy(line: ConsoleMessage, page: Page, faults: list[str]) -> None:
    if "Content Security Policy" in line.text:
        faults.append(f"{page.url}: {line.text}")


def _note_missing(answer: Response, page: Page, faults: list[str]) -> None:
    if answer.status >= 400 and answer.request.resource_type != "document":
        faults.append(f"{page.url}: {answer.status} {answer.url}")


def _violations(page: Page) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def _look_at(page: Page, url: str, status: int, faults: list[str]) -> None:
    answer = page.goto(url)
    assert answer is not None
    if answer.status != status:
        faults.append(f"{url}: {answer.status}")
    if "/accounts/login/" in page.url and not url.startswith("/accounts/login/"):
        faults.append(f"{url}: asks to sign in")
    faults += [f"{url}: inline {text[:120]}" for text in INLINE.findall(answer.text())]
    if page.locator("h1").count() != 1:
        faults.append(f"{url}: {page.locator('h1').count()} headings of the first order")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.scrollingElement.scrollWidth")
        if wide > width:
            faults.append(f"{url}: {wide} px wide on a screen of {width} px")
        faults += [f"{url} at {width} px: {violation}" for violation in _violations(page)]


def test_pages(portal: Installation, sit_down: Callable[[str | None], Page], faults: list[str]) -> None:
    world: dict[str, Any] = json.loads(portal.manage("shell", "--no-imports", "-c", WORLD))
    for person, urls in PAGES.items():
        page = sit_down(world.get(person))
        for url in urls:
            # A curator's page is refused to others; for curators themselves it is there.
            status = 200 if person == "curator" else EXPECTED.get(url, 200)
            _look_at(page, url.format(**world), status, faults)
    assert faults == []
