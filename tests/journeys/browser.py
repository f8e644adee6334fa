"""A browser that watches itself: every console error, failed page script and request to another host is remembered."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, Route, expect

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
DESK = {"width": 1440, "height": 900}
SMALL_DESK = {"width": 1180, "height": 720}
"""Enough for a test of behaviour; software WebGL pays for every pixel."""
PHONE = {"width": 390, "height": 844}
SETTLED_MS = 30_000


@dataclass
class Watched:
    """A page, and what went wrong on it."""

    page: Page
    origin: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    bytes_in: int = 0
    friends: tuple[str, ...] = ()
    """Other hosts that the page may reach."""

    def open(self, words: str = "") -> None:
        """Open the page with this state in its URL and wait until the map stands still."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.origin}/#{words}")
        self.page.locator("canvas.maplibregl-canvas").wait_for(timeout=SETTLED_MS)
        self.settle()

    def settle(self) -> None:
        """Until the catalogue is read, the map is idle and the URL is written."""
        self.page.locator(".entry, .row, .nothing, .ant-empty").first.wait_for(state="attached", timeout=SETTLED_MS)
        self.page.wait_for_timeout(400)
        expect(self.page.locator(".progress")).not_to_have_class("progress busy", timeout=SETTLED_MS)
        self.page.wait_for_timeout(350)

    def word(self, name: str) -> str:
        """One word of the state in the URL, '' when it is not there."""
        return parse_qs(urlsplit(self.page.url).fragment).get(name, [""])[0]

    def camera(self) -> tuple[float, float, float, float]:
        """Zoom, lat, lon and pitch in the URL."""
        zoom, lat, lon, _, pitch = map(float, self.word("map").split("/"))
        return zoom, lat, lon, pitch

    def arrives_at(self, lon: float, lat: float, within: float) -> None:
        """Wait until the camera stands there, in degrees; however long a loaded machine flies."""
        deadline = time.monotonic() + SETTLED_MS / 1000
        while self.camera()[1:3] != pytest.approx((lat, lon), abs=within):
            assert time.monotonic() < deadline, self.camera()
            self.page.wait_for_timeout(100)

    def tilts_to(self, pitch: float) -> None:
        """Wait until the camera looks down at that angle."""
        deadline = time.monotonic() + SETTLED_MS / 1000
        while self.camera()[3] != pitch:
            assert time.monotonic() < deadline, self.camera()
            self.page.wait_for_timeout(100)

    def click_middle(self) -> None:
        """Click what the camera looks at."""
        box = self.page.locator("canvas.maplibregl-canvas").bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def clean(self) -> None:
        """Nothing went wrong, and nothing left the host."""
        assert self.errors == []
        assert self.outside == []

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" or (message.type == "warning" and "GPU stall" not in message.text):
            self.errors.append(message.text)

    def _answered(self, response: Response) -> None:
        if response.url.startswith(self.origin) and response.status != 304:
            self.bytes_in += int(response.headers.get("content-length", 0))

    def _allow(self, route: Route, request: Request) -> None:
        """Other hosts are noted and never reached."""
        if request.url.startswith(("data:", "blob:", "about:")) or request.url.startswith((self.origin, *self.friends)):
            route.continue_()
        else:
            self.outside.append(request.url)
            route.abort()


@contextmanager
def watched(browser: Browser, origin: str, size: dict[str, int], friends: tuple[str, ...] = (), **options: object) -> Iterator[Watched]:
    """A new page in a context of its own; it may reach `origin` and its `friends`."""
    context = browser.new_context(viewport=size, **options)  # type: ignore[arg-type]
    page = context.new_page()
    made = Watched(page, origin, friends=friends)
    page.on("console", made._console)
    page.on("pageerror", lambda error: made.errors.append(str(error)))
    page.on("response", made._answered)
    page.route("**/*", made._allow)
    yield made
    context.close()


def save(page: Page, directory: Path, name: str) -> None:
    """Keep a picture for people to look at."""
    directory.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=directory / f"{name}.png")
