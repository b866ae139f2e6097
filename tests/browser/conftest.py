"""A real Chromium before a live server, at a desk and on a phone.

``POWERWATCH_CHROMIUM`` names the browser, else the one on the path; without one the tests are
skipped with a word. Fonts come from ``static/fonts``, so that pictures look the same anywhere.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from tests.reports.story import PASSWORD, Story, make_crowd, make_story

BROWSER = os.environ.get("POWERWATCH_CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = Path(settings.BASE_DIR) / "test-output"
SIZES = {"desk": (1440, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")  # no longer: its event loop is in the way of other files' own
def chromium() -> Iterator[object]:
    if not BROWSER:
        pytest.skip("no Chromium: set POWERWATCH_CHROMIUM or install chromium")
    # Playwright's loop lives in this thread; Django must not take it for an async view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    fonts = str(Path(settings.BASE_DIR) / "static" / "fonts" / "fonts.conf")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=FLAGS, env={**os.environ, "FONTCONFIG_FILE": fonts}
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def story(transactional_db) -> Story:
    story = make_story(timezone.now(), passwords=True)
    make_crowd(story, scale=0.3)
    return story


@dataclass
class Visitor:
    """A person before a screen, with everything that the browser complained about."""

    page: object
    base: str
    size: str
    complaints: list[str] = field(default_factory=list)

    def sign_in(self, username: str) -> None:
        self.page.goto(f"{self.base}/accounts/login/")
        self.page.fill("[name=username]", username)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("form.form button[type=submit]")
        self.page.wait_for_url(lambda url: "login" not in url)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)
        self.settle()

    def settle(self) -> None:
        """Wait until the picture is drawn for this screen's width."""
        self.page.wait_for_load_state("load")
        self.page.wait_for_function(
            """() => { const box = document.querySelector("[data-picture]");
            return !box || Math.abs(Number(box.dataset.width) - box.clientWidth) < 2; }"""
        )

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        return self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def shoot(self, name: str) -> None:
        SHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}-{self.size}.png", full_page=True)


@contextmanager
def visit(chromium: object, base: str, size: str) -> Iterator[Visitor]:
    """Open a window of that size; what its console says fails the test at the end."""
    width, height = SIZES[size]
    phone = size == "phone"
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        locale="zh-CN",
        timezone_id="Europe/Lisbon",  # the page must not care where the browser thinks it is
        is_mobile=phone,
        has_touch=phone,
    )
    page = context.new_page()
    visitor = Visitor(page, base, size)
    page.on(
        "console",
        lambda message: (
            visitor.complaints.append(message.text)
            if message.type in ("error", "warning")
            else None
        ),
    )
    page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
    page.on(
        "response",
        lambda response: (
            visitor.complaints.append(f"{response.status} {response.url}")
            if response.status >= 400
            else None
        ),
    )
    yield visitor
    context.close()
    assert visitor.complaints == []


@pytest.fixture(params=SIZES)
def visitor(request, chromium, live_server, story) -> Iterator[Visitor]:
    with visit(chromium, live_server.url, request.param) as visitor:
        yield visitor
