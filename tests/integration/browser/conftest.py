"""One set of real processes and one browser for all tests of this directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, ViewportSize, sync_playwright

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


@pytest.fixture
def new_person(stack: Stack, browser: Browser) -> Iterator[Callable[..., Person]]:
    """Return a function that creates a person with a separate browser context, without shared
    cookies.
    """
    contexts: list[BrowserContext] = []

    def someone(
        width: int = 1100,
        height: int = 900,
        scheme: Literal["light", "dark"] = "light",
        scale: float = 1,
    ) -> Person:
        view = ViewportSize(width=width, height=height)
        contexts.append(
            browser.new_context(
                viewport=view,
                color_scheme=scheme,
                device_scale_factor=scale,
                reduced_motion="reduce",
            )
        )
        return Person(contexts[-1].new_page(), stack)

    yield someone
    for context in contexts:
        context.close()


@pytest.fixture
def person(new_person: Callable[..., Person]) -> Person:
    """A person with a fresh browser context."""
    return new_person()


@pytest.fixture
def images() -> Path | None:
    """The directory for pictures with SCREENSHOTS=1; None without."""
    return IMAGES if os.environ.get("SCREENSHOTS") == "1" else None
