"""The appearance of the pages: small and large screens, light and dark. SCREENSHOTS=1 stores
pictures in docs/images/.
"""

from __future__ import annotations

from collections.abc import Callable
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
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
SMALL_TARGETS = """
() => [...document.querySelectorAll("button, summary")]
  .filter(e => e.getBoundingClientRect().height < 44).map(e => e.textContent)
"""


@pytest.mark.parametrize("width", [1180, 360])
def test_pages_fit_and_can_be_read(
    new_person: Callable[..., Person], images: Path | None, width: int
) -> None:
    """In light and in dark."""
    device, scale = ("desk", 1) if width > 1000 else ("phone", 2)

    def keep(person: Person, name: str, what: str) -> None:
        for scheme in SCHEMES if images else ():
            picture = f"{name}-{device}-{scheme}"
            if images and picture in KEPT:
                images.mkdir(parents=True, exist_ok=True)
                person.page.emulate_media(color_scheme=scheme)
                person.page.locator(what).screenshot(path=images / KEPT[picture])

    def look(person: Person, name: str) -> None:
        page = person.page
        page.mouse.move(0, 0)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(CONTRASTS) == []
            assert page.evaluate(SMALL_TARGETS) == []
        keep(person, name, "main")

    person = new_person(width=width, scale=scale)
    person.begin("flask", "jwt")
    look(person, "consent")
    person.allow()
    assert person.read() == "200 OK"
    expect(person.page.locator(f".{'wide' if width > 1000 else 'narrow'}-drawing")).to_be_visible()
    keep(person, "diagram", ".diagram")
    if images:  # a new token, when the keys are known: the cost of most requests of a day
        person.press("Get a new access token")
        person.read()
    person.page.locator("#step-7 summary").click()
    look(person, "profile")
    keep(person, "guard", "#step-7 .guard")
    person.press("Change it without user:write")
    person.page.locator("#step-7 summary").click()
    look(person, "answer")
    person.page.get_by_role("link", name="As a gateway").click()
    person.press("Send no token")
    for summary in person.page.locator("summary").all():
        summary.click()
    look(person, "refused")
    person.press("Read through the gateway")
    keep(person, "gateway", ".diagram")
    person.page.goto(person.stack.url("authorization_server"))
    look(person, "account")
    assert person.complaints == []
