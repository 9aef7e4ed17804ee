"""The diagram stays in view, on wide screens and on phones, and the clock counts down."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.integration.browser.person import Person

pytestmark = pytest.mark.xdist_group("browser")

# Whether all of an element is in the window.
IN_VIEW = """
element => {
  const box = element.getBoundingClientRect();
  return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth;
}
"""
# The digits that the windows of the clock show, from left to right.
SHOWN = """
clock => {
  const middle = element => {
    const box = element.getBoundingClientRect();
    return box.top + box.height / 2;
  };
  return [...clock.querySelectorAll(":scope > g > svg")].map(strip =>
    [...strip.querySelectorAll("text")]
      .find(number => Math.abs(middle(number) - middle(clock)) < 9).textContent
  ).join("");
}
"""
ANIMATED = "element => getComputedStyle(element).animationName"


@pytest.fixture(params=[(1366, 620), (360, 640)], ids=str)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    width, height = request.param
    return width, height


def test_steps_6_and_7_light_up_in_view(
    new_person: Callable[..., Person], size: tuple[int, int]
) -> None:
    width, height = size
    person = new_person(width=width, height=height)
    person.arrive("flask", "jwt")
    drawing = person.page.locator(f".{'wide' if width > 700 else 'narrow'}-drawing")
    for press, how in ((person.read, "done"), (person.narrow, "refused")):
        press()
        for number, css in ((6, "done"), (7, how)):
            step = drawing.locator(f"a[href='#step-{number}-inside']")
            assert css in (step.get_attribute("class") or "").split()
            assert step.evaluate(IN_VIEW), number
        # The result, and the button for the next call, are beside the diagram.
        assert person.page.locator(".result").evaluate(IN_VIEW)
        assert person.page.get_by_role("button", name="Read the profile").evaluate(IN_VIEW)


@pytest.mark.parametrize(("motion", "animation"), [("no-preference", "arrive"), ("reduce", "none")])
def test_steps_move_only_for_those_who_like_motion(
    new_person: Callable[..., Person], motion: str, animation: str
) -> None:
    person = new_person(motion=motion)
    person.arrive("flask", "jwt")
    person.read()
    for number in (6, 7):
        step = person.page.locator(f".wide-drawing a[href='#step-{number}-inside']")
        assert step.evaluate(ANIMATED) == animation


def test_the_expiry_counts_down_to_its_end(person: Person) -> None:
    person.arrive("flask", "jwt")
    clock = person.page.locator("section[aria-labelledby=token] .countdown")
    first = int(clock.evaluate(SHOWN))
    assert 100 < first <= 200  # 2:00, without the colon
    expect(clock.locator(".over")).to_have_attribute("visibility", "hidden")
    limit = time.monotonic() + 5
    while not int(clock.evaluate(SHOWN)) < first:
        assert time.monotonic() < limit
        person.page.wait_for_timeout(100)
    person.press("Get a short-lived token and use it")
    over = person.page.locator("section[aria-labelledby=token] .countdown .over")
    expect(over).to_be_visible(timeout=5000)
    assert person.complaints == []


def test_step_7_opens_to_the_checks_of_the_guard(person: Person) -> None:
    person.arrive("starlette", "opaque")
    person.read()
    assert "cache: miss" in person.step(7)
    person.read()
    again = person.step(7)
    assert "cache: hit" in again
    assert again.count("cached") == 6
    assert "µs" in again
    person.narrow()
    assert "missing_scope" in person.step(7)


def test_a_wrong_password_keeps_the_user_name(person: Person) -> None:
    person.open_client()
    person.press("Connect to my iiniit account")
    person.page.get_by_label("User name").fill("demo")
    person.page.get_by_label("Password").fill("no password")
    person.press("Sign in")
    expect(person.page.get_by_label("User name")).to_have_value("demo")
    expect(person.page.get_by_label("Password")).to_be_focused()
    person.page.get_by_label("Password").fill(person.stack.password)
    person.press("Sign in")
    person.allow()
