"""The official MCP client, the demo's authorization server and the example server, on loopback."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from examples.mcp_server.conversation import transcript
from tests.integration.example_flow import AUDIENCE, Flow, body, parameters, settings_in

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "mcp-conversation.md"
OTHER = "https://mcp.iiniit.example/mcp"


@pytest.fixture(autouse=True)
def own_logging():
    """The SDK installs a handler of the root logger."""
    before = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = before


@pytest.fixture(scope="module")
def current():
    return transcript()


def test_the_client_steps_up_for_one_tool(current):
    found = "/.well-known/oauth-protected-resource/mcp"
    signed_in = [("/authorize", 302), ("/token", 200)]

    assert current.statuses == [
        ("/mcp", 401),
        (found, 200),
        ("/.well-known/oauth-authorization-server", 200),
        *signed_in,
        ("/mcp", 200),  # server/discover
        ("/mcp", 200),  # read_profile
        ("/mcp", 200),  # tools/list
        ("/mcp", 403),  # rename
        *signed_in,
        ("/mcp", 200),
    ]
    (refused,) = [each for each in current.exchanges if "403 Forbidden" in each]
    assert "Mcp-Name: rename" in refused
    assert 'error="insufficient_scope"' in refused
    assert 'scope="user:read user:write"' in refused


@pytest.mark.checkout
def test_the_page_has_the_conversation(current):
    """`python -m examples.mcp_server.conversation` prints its blocks."""
    page = PAGE.read_text(encoding="utf-8")

    assert re.findall(r"```http\n(.*?)\n```", page, re.DOTALL) == current.exchanges


def test_no_secret_is_in_the_conversation(current):
    text = "\n".join(current.exchanges)

    assert re.findall(r"eyJ\w*|(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{30,}", text) == []
    assert text.count("Authorization: Bearer …\n") == 5


def test_a_client_of_the_previous_revision_steps_up_too():
    """The requests of such a client have neither Mcp-Method nor Mcp-Name, so the body decides."""
    written = transcript("legacy")
    calls = [each for each in written.exchanges if '"method": "tools/call"' in each]

    assert [re.findall(r"^\d{3} ", each, re.MULTILINE) for each in calls] == [
        ["200 "],
        ["403 "],
        ["200 "],
    ]
    assert "Mcp-Method" not in "".join(written.exchanges)


@pytest.fixture
def flow(tmp_path):
    return Flow(settings_in(tmp_path))


@pytest.mark.parametrize("resource, error", [(AUDIENCE, None), (OTHER, "invalid_target")])
def test_the_authorization_server_knows_the_resource_of_a_client(flow, resource, error):
    """RFC 8707 §2."""
    flow.sign_in()
    address = flow.request(resource=resource)
    if error is None:
        code = parameters(flow.approve(address, ["user:read"]))["code"]
        assert flow.exchange(code, resource=resource).status_code == 200
    else:
        assert parameters(flow.browser.get(address))["error"] == error
        refused = flow.exchange(flow.code(), resource=resource)
        assert (refused.status_code, body(refused)["error"]) == (400, error)
