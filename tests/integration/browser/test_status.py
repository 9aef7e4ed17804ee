"""The status page in a browser: of a real process, whose numbers change, and of every state of a
sidecar.

SCREENSHOTS=1 stores two pictures in docs/images/.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from iiniit_guard.sidecar.status.page import render
from tests.integration.browser.test_looks import CONTRASTS, SMALL_TARGETS
from tests.integration.sidecar.processes import Site
from tests.integration.sidecar.snapshots import SITES, site
from tests.integration.sidecar.test_processes import free_port

pytestmark = pytest.mark.xdist_group("browser")

VIEWS = [(1180, "light"), (1180, "dark"), (360, "light"), (360, "dark")]
KEPT = {("healthy", 1180, "light"): "status.png", ("outage", 360, "dark"): "status-dark-phone.png"}
# Lines and bars against the card behind them, as WCAG 2 §1.4.11 counts it.
FAINT_LINES = """
() => {
  const channel = value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = colour => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map(v => channel(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const card = luminance(getComputedStyle(document.querySelector("figure.card")).backgroundColor);
  const faint = [];
  for (const [what, property] of [["path.p50", "stroke"], ["path.p95", "stroke"],
      ["path.p99", "stroke"], ["path.ratio", "stroke"],
      ["rect.allow", "fill"], ["rect.deny", "fill"],
      ["rect.unavailable", "fill"], ["rect.calls", "fill"]]) {
    const one = luminance(getComputedStyle(document.querySelector(what))[property]);
    const ratio = (Math.max(one, card) + 0.05) / (Math.min(one, card) + 0.05);
    if (ratio < 3) faint.push(`${what} ${ratio.toFixed(2)}`);
  }
  return faint;
}
"""
CUT_OFF = """
() => [...document.querySelectorAll("body *:not(svg *):not(.defs)")]
  .filter(e => e.checkVisibility() && !e.closest(".scroll"))
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 80))
"""


@contextmanager
def opened(browser: Browser, width: int, scheme: str) -> Iterator[tuple[Page, list[str]]]:
    """Open an empty page, and record its errors and the resources that it loads."""
    view = ViewportSize(width=width, height=900)
    context = browser.new_context(
        viewport=view,
        color_scheme=scheme,  # type: ignore[arg-type]
        device_scale_factor=1 if width > 1000 else 2,
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    noted: list[str] = []
    page.on("console", lambda message: noted.append(message.text))
    page.on("pageerror", lambda error: noted.append(str(error)))
    page.on("dialog", lambda dialog: noted.append(dialog.message))
    yield page, noted
    context.close()


def look(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(CONTRASTS) == []
    assert page.evaluate(SMALL_TARGETS) == []


def test_a_real_process_shows_what_happens(tmp_path: Path, browser: Browser) -> None:
    """In every view at the same time."""
    real, port = Site(tmp_path), free_port()
    place = f"http://127.0.0.1:{port}/"
    with (
        real.served("--admin-bind", f"127.0.0.1:{port}"),
        ExitStack() as views,
    ):
        pages = []
        for width, scheme in VIEWS:
            page, noted = views.enter_context(opened(browser, width, scheme))
            pages.append((page, width, noted, open_idle(page, place, real.issuer.issuer)))
            look(page, width)
        good, poor = real.issuer.token(), real.issuer.token("other")
        for _ in range(8):
            assert real.ask(good) == 200
        assert (real.ask(poor), real.ask("junk")) == (403, 403)
        for page, width, noted, loaded in pages:
            pause_after_ten_requests(page)
            look(page, width)
            assert page.locator("[http-equiv=refresh]").count() == 0
            # Until the person pauses, the page loads itself again.
            assert set(loaded[:-1]) == {place}
            assert (loaded[-1], noted) == (f"{place}?live=no", [])


def open_idle(page: Page, place: str, issuer: str) -> list[str]:
    """Open the page before the first request; return the list of what the page loads."""
    loaded: list[str] = []
    page.on("request", lambda request: loaded.append(request.url))
    answer = page.goto(place)
    assert answer is not None
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    expect(page.locator("header .pill")).to_have_text("All is well")
    expect(page.locator(".issuer h3")).to_have_text(issuer)
    expect(requests_of(page)).to_have_text("0")
    return loaded


def requests_of(page: Page) -> Locator:
    return page.locator(".tile", has_text="Requests").locator("strong")


def pause_after_ten_requests(page: Page) -> None:
    page.get_by_text("Pause").click()
    expect(requests_of(page)).to_have_text("10")
    expect(page.locator("tr", has_text="missing_scope").locator("td").nth(1)).to_have_text("1")
    page.get_by_text("The charts as a table").click()
    expect(
        page.get_by_role("region", name="Minute by minute").locator("tbody tr").first
    ).to_be_visible()
    expect(page.get_by_role("img", name="Requests in each minute")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_every_state_fits_and_can_be_read(
    browser: Browser, images: Path | None, width: int, scheme: str
) -> None:
    with opened(browser, width, scheme) as (page, noted):
        for name in SITES:
            page.set_content(render(site(name)))
            look(page, width)
            if images and (name, width, scheme) in KEPT:
                images.mkdir(parents=True, exist_ok=True)
                if width < 1000:
                    page.evaluate("document.getElementById('issuers').scrollIntoView()")
                page.screenshot(path=images / KEPT[name, width, scheme], full_page=width > 1000)
            for summary in page.locator("summary").all():
                summary.click()
            look(page, width)
            if name == "outage":
                assert page.evaluate(FAINT_LINES) == []
            assert noted == [], name
