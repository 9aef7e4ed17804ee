"""The appearance of the pages: small and large screens, light and dark. SCREENSHOTS=1 stores
pictures in docs/images/.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.sync_api import expect

from tests.integration.browser.person import Person

pytestmark = pytest.mark.xdist_group("browser")

# Text against what is behind it, as WCAG 2 counts it, for every element that has text of its own.
CONTRASTS = """
() => {
  const channel = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
  const luminance = ([r, g, b]) =>
    0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *:not(svg *)")) {
    const texts = [...element.childNodes].filter(node => node.nodeType === 3 && node.data.trim());
    if (!texts.length || !element.checkVisibility()) continue;
    const own = luminance(numbers(getComputedStyle(element).color));
    const [one, two] = [own, luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    const text = element.textContent.trim().slice(0, 30);
    if (ratio < 4.5) faint.push(`${element.tagName} ${text} ${ratio.toFixed(2)}`);
  }
  return faint;
}
"""
KEPT = {
    "diagram-desk-light": "flow.png",
    "diagram-desk-dark": "flow-dark.png",
    "diagram-phone-light": "flow-phone.png",
    "guard-desk-light": "step-7.png",
    "gateway-desk-light": "gateway.png",
    "gateway-phone-dark": "gateway-phone-dark.png",
    "consent-desk-light": "consent.png",
    "consent-phone-dark": "consent-phone-dark.png",
}
"""What is worth its bytes in the repository."""
HEIGHT: Final = 900
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
SMALL_TARGETS = """
() => [...document.querySelectorAll("button, summary")]
  .filter(e => e.getBoundingClientRect().height < 44).map(e => e.textContent)
"""


@dataclass
class Size:
    """A size of the window, with the name of the device in the names of the pictures."""

    device: str
    width: int
    scale: float


SIZES: Final = [Size("desk", 1180, 1), Size("phone", 360, 2)]


@dataclass
class Looks:
    """The checks and the pictures of one person's pages, in light and in dark."""

    person: Person
    sizes: list[Size]
    images: Path | None

    def check(self, name: str) -> None:
        """Check the page at each size, and keep a picture of it if one is kept."""
        page = self.person.page
        page.mouse.move(0, 0)
        for size in self.sizes:
            page.set_viewport_size({"width": size.width, "height": HEIGHT})
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= size.width
                assert page.evaluate(CONTRASTS) == []
                assert page.evaluate(SMALL_TARGETS) == []
        self.keep(name, "main")

    def check_drawing(self) -> None:
        """Check that the drawing for the width of the window is visible."""
        for size in self.sizes:
            self.person.page.set_viewport_size({"width": size.width, "height": HEIGHT})
            css = "wide" if size.width > 1000 else "narrow"
            expect(self.person.page.locator(f".{css}-drawing")).to_be_visible()

    def keep(self, name: str, what: str) -> None:
        """Store a picture if pictures were asked for."""
        for scheme in SCHEMES if self.images else ():
            picture = f"{name}-{self.sizes[0].device}-{scheme}"
            if self.images and picture in KEPT:
                self.images.mkdir(parents=True, exist_ok=True)
                self.person.page.emulate_media(color_scheme=scheme)
                self.person.page.locator(what).screenshot(path=self.images / KEPT[picture])


def test_pages_fit_and_can_be_read(new_person: Callable[..., Person], images: Path | None) -> None:
    """A window has one scale, which the pictures of a phone need. Without pictures, one window
    shows each page at both widths.
    """
    for sizes in [[size] for size in SIZES] if images else [SIZES]:
        person = new_person(width=sizes[0].width, height=HEIGHT, scale=sizes[0].scale)
        walk_through_the_pages(Looks(person, sizes, images))
        assert person.complaints == []


def walk_through_the_pages(looks: Looks) -> None:
    person = looks.person
    person.begin("flask", "jwt")
    looks.check("consent")
    person.allow()
    assert person.read() == "200 OK"
    looks.check_drawing()
    looks.keep("diagram", ".diagram")
    if looks.images:  # a new token, when the keys are known: the cost of most requests of a day
        person.press("Get a new access token")
        person.read()
    person.page.locator("#step-7 summary").click()
    looks.check("profile")
    looks.keep("guard", "#step-7 .guard")
    person.press("Change it without user:write")
    person.page.locator("#step-7 summary").click()
    looks.check("answer")
    person.page.get_by_role("link", name="As a gateway").click()
    person.press("Send no token")
    for summary in person.page.locator("summary").all():
        summary.click()
    looks.check("refused")
    person.press("Read through the gateway")
    looks.keep("gateway", ".diagram")
    person.page.goto(person.stack.url("authorization_server"))
    looks.check("account")
