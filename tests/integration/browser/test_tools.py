"""What the tools show in a terminal, and the page of the development issuer.

SCREENSHOTS=1 stores pictures in docs/images/.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from iiniit_guard.testing import IssuerServer
from tests.integration.browser.terminal import COLUMNS, page, shown
from tests.integration.browser.test_looks import CONTRASTS, SMALL_TARGETS

pytestmark = pytest.mark.xdist_group("browser")

EXPLAINED = "explain --settings shop_guard:guard"
COMMANDS = {
    "explain": EXPLAINED,
    "doctor": "doctor --settings unreachable.toml",
    "routes": "routes shop_flask:app --check",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_output_of_a_command_fits_a_terminal_and_can_be_read(
    browser: Browser, images: Path | None, name: str
) -> None:
    output = shown(COMMANDS[name], "expired")
    prompt = f"{'token expired | ' * (name == 'explain')}iiniit-guard {COMMANDS[name]}"

    assert "\x1b[31m" in output or "\x1b[1;31m" in output or "\x1b[31;1m" in output
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    if name != "routes":  # a table has a line for each route
        assert max(map(len, plain.splitlines())) <= COLUMNS

    context = browser.new_context(viewport=ViewportSize(width=1100, height=200))
    opened = context.new_page()
    opened.set_content(page(prompt, output))
    assert opened.evaluate(CONTRASTS) == []
    if images:
        opened.locator("pre").screenshot(path=images / f"{name}.png")
    context.close()


@pytest.mark.parametrize("variable", ["NO_COLOR", None])
def test_colours_can_be_switched_off(variable: str | None) -> None:
    output = shown(EXPLAINED, "expired", **({} if variable is None else {variable: "1"}))

    assert ("\x1b[" in output) is (variable is None)


@pytest.mark.parametrize(
    ("width", "scheme", "kept"),
    [(820, "light", "dev-issuer.png"), (820, "dark", None), (360, "light", None)],
)
def test_the_page_of_the_development_issuer_fits_and_can_be_read(
    browser: Browser,
    images: Path | None,
    width: int,
    scheme: Literal["light", "dark"],
    kept: str | None,
) -> None:
    context = browser.new_context(
        viewport=ViewportSize(width=width, height=900), color_scheme=scheme
    )
    opened = context.new_page()
    with IssuerServer(port=8765 if images else 0) as server:
        opened.goto(f"{server.url}/")
        for step in ("form", "token"):
            assert opened.evaluate("document.documentElement.scrollWidth") <= width, step
            assert opened.evaluate(CONTRASTS) == [], step
            assert opened.evaluate(SMALL_TARGETS) == [], step
            if step == "form":
                opened.get_by_label("Scopes").fill("user:read user:write")
                opened.get_by_role("button", name="Issue a token").click()
                expect(opened.get_by_label("Access token")).to_be_visible()  # the next page
        assert opened.get_by_label("Access token").input_value().count(".") == 2
        if images and kept:
            opened.screenshot(path=images / kept, full_page=True)
    context.close()
