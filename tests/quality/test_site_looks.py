"""The pages of the site in a browser: on a desk and on a phone, light and dark.

SCREENSHOTS=1 stores three pictures in docs/images/.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize, sync_playwright

from tests.integration.browser.conftest import CHROMIUM_ARGUMENTS, IMAGES

pytestmark = [pytest.mark.checkout, pytest.mark.xdist_group("site")]

PAGES = ("index", "how-to/explain-a-refusal", "how-to/monitor", "explanation/comparison")
VIEWS = {
    "docs.png": ViewportSize(width=1280, height=900),
    "docs-dark.png": ViewportSize(width=1280, height=900),
    "docs-phone.png": ViewportSize(width=390, height=844),
}
SHOWN = """
() => [...document.images].filter(e => e.checkVisibility()).map(e => e.src.split("/").pop())
"""


@pytest.fixture(scope="module")
def browser():
    """Return Debian's Chromium, without a window."""
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    with (
        sync_playwright() as driver,
        driver.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS) as running,
    ):
        yield running


def opened(browser, site: Path, name: str, page: str):
    scheme = "dark" if "dark" in name else "light"
    context = browser.new_context(viewport=VIEWS[name], color_scheme=scheme)
    tab = context.new_page()
    tab.goto((site / f"{page}.html").as_uri())
    return tab


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_its_screen(site, browser, name, page):
    tab = opened(browser, site, name, page)

    assert tab.evaluate("document.documentElement.scrollWidth") <= VIEWS[name]["width"]
    tab.context.close()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("docs.png", "flow.png"),
        ("docs-dark.png", "flow-dark.png"),
        ("docs-phone.png", "flow-phone"),
    ],
)
def test_the_front_page_shows_the_picture_for_the_screen(site, browser, name, shown):
    tab = opened(browser, site, name, "index")
    (picture,) = tab.evaluate(SHOWN)

    assert picture.startswith(shown)
    if os.environ.get("SCREENSHOTS") == "1":
        tab.screenshot(path=IMAGES / name)
    tab.context.close()
