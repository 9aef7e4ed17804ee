"""The page of the demo's client: the used token, the diagram, and the checks of the guard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples.profile_api.flask_app import create_app as create_api
from tests.integration.example_demo import CLIENT, Demo
from tests.integration.example_flow import Flow, hidden, settings_in


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(Flow(settings_in(tmp_path, witness=True)))


def allows(page: str) -> list[str]:
    """Return the scopes in the card of the access token."""
    card = page.split('<dd id="allows">')[1].split("</dd>")[0]
    return re.findall(r"<code>([^<]*)</code>", card)


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_the_card_shows_the_token_that_was_used(demo: Demo, kind: str) -> None:
    demo.connect(kind)
    all_of_them = ["user:read", "user:write", "email"]
    assert allows(demo.page().text) == all_of_them
    narrowed = demo.press("/narrow")
    assert "user:write is not among its scopes" in narrowed
    assert allows(narrowed) == ["user:read"]
    assert "The client also holds a token that allows" in narrowed
    assert allows(demo.press("/read")) == all_of_them
    demo.press("/narrow")
    assert allows(demo.press("/refresh")) == all_of_them
    demo.press("/narrow")
    revoked = demo.press("/revoke")
    assert allows(revoked) == all_of_them
    assert "also holds" not in revoked


def test_buttons_lead_to_the_diagram_or_to_the_answer(demo: Demo) -> None:
    demo.connect()
    csrf = hidden(demo.page(), "csrf")
    for path, place in (("/read", "flow"), ("/narrow", "flow"), ("/revoke", "answer")):
        response = demo.browser.post(path, data={"csrf": csrf}, base_url=CLIENT)
        assert response.location == f"/#{place}"
    assert 'id="flow"' in demo.page().text


@pytest.mark.parametrize(
    ("path", "cache", "last"), [("/read", "miss", "passed"), ("/narrow", "miss", "refused")]
)
def test_step_7_says_what_the_guard_did(demo: Demo, path: str, cache: str, last: str) -> None:
    demo.connect("opaque")
    step = demo.press(path).split('<li id="step-7">')[1].split("</details>")[0]
    results = re.findall(r'<li class="([\w-]+)">', step)
    assert (len(results), set(results[:-1]), results[-1]) == (8, {"passed"}, last)
    assert f"cache: {cache}" in step
    assert re.search(r"[\d,]+ µs", step)
    assert '"token_digest": "' in step


def test_step_7_without_the_endpoint_of_the_demo(demo: Demo) -> None:
    demo._servers[9002] = create_api(demo.guard)
    demo.connect()
    page = demo.press("/read")
    assert "200 OK" in page
    assert "What the guard did" not in page
