"""One set of real processes and one browser for all tests of this directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, TypeAlias

import pytest
from playwright.sync_api import Browser, Page, Playwright, ViewportSize, sync_playwright

from examples.ports import free_ports
from examples.stack import FRAMEWORKS, Plan, Stack
from tests.integration.browser.person import Person

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"

NAMES = ["client", "authorization_server", *FRAMEWORKS, "introspecting", "gateway", "browser"]

# Without the background-networking flags Chromium looks up names of its maker's at every start.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Options: TypeAlias = tuple[
    int, int, Literal["light", "dark"], float, Literal["reduce", "no-preference"]
]
Windows: TypeAlias = dict[Options, list[Page]]

STORES_NOTHING: Final = """
() => { try { return sessionStorage.length + localStorage.length === 0 } catch { return false } }
"""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """All servers of the demo, with short delays: every framework, and one more API that
    introspects JWTs too.
    """
    # In pictures, use the ports that a reader will see.
    ports = (
        {name: 9000 + index for index, name in enumerate(NAMES)}
        if os.environ.get("SCREENSHOTS") == "1"
        else free_ports(NAMES)
    )
    gateway_port = ports.pop("gateway")
    plan = Plan(
        FRAMEWORKS,
        "flask",
        ports,
        revocation_delay_seconds=6,
        expiry_leeway_seconds=1,
        access_token_seconds=120,
        short_life_seconds=2,
        gateway_port=gateway_port,
    )
    with Stack(plan) as running:
        yield running


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """The driver, for one module only. While it runs, this thread has a running event loop, and no
    other test can start one.
    """
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS) as running:
        yield running


@pytest.fixture(scope="module")
def idle() -> Windows:
    """Return the windows that no test uses, by their options."""
    return {}


@pytest.fixture
def new_person(stack: Stack, browser: Browser, idle: Windows) -> Iterator[Callable[..., Person]]:
    """Return a function that returns a person with no cookies and nothing stored.

    A person gets the emptied window of an earlier one, if there is one with these options: a new
    window starts two processes.
    """
    used: list[tuple[Options, Page]] = []

    def someone(
        width: int = 1100,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
        scale: float = 1,
        motion: Literal["reduce", "no-preference"] = "reduce",
    ) -> Person:
        options = (width, height, scheme, scale, motion)
        free = idle.setdefault(options, [])
        page = free.pop() if free else open_window(browser, options)
        page.emulate_media(color_scheme=scheme, reduced_motion=motion)
        used.append((options, page))
        return Person(page, stack)

    yield someone
    for options, page in used:
        if empty(page):
            idle[options].append(page)


def open_window(browser: Browser, options: Options) -> Page:
    width, height, scheme, scale, motion = options
    context = browser.new_context(
        viewport=ViewportSize(width=width, height=height),
        color_scheme=scheme,
        device_scale_factor=scale,
        reduced_motion=motion,
    )
    return context.new_page()


def empty(page: Page) -> bool:
    """Remove what a window stores, and close it if the page stores more than cookies."""
    if page.evaluate(STORES_NOTHING):
        page.goto("about:blank")
        page.context.clear_cookies()
        return True
    page.context.close()
    return False


@pytest.fixture
def person(new_person: Callable[..., Person]) -> Person:
    """A person with a fresh browser context."""
    return new_person()


@pytest.fixture
def images() -> Path | None:
    """The directory for pictures with SCREENSHOTS=1; None without."""
    return IMAGES if os.environ.get("SCREENSHOTS") == "1" else None
