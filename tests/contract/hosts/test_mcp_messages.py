"""The decision table of MCP messages, on a recording server and on the servers of both SDKs."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from iiniit_guard.mcp import guard_mcp
from iiniit_guard.testing import Issuer
from tests.contract.cases.mcp_messages import CONTRADICTIONS, ROWS
from tests.contract.cases.mcp_rows import Row
from tests.contract.hosts.mcp_calls import (
    RESOURCE,
    SCOPES,
    TOOLS,
    Server,
    bearer,
    make_site,
    post,
)

LIMIT = 4096


@pytest.fixture(scope="module")
def issuer():
    return Issuer(audience=RESOURCE)


@pytest.fixture(scope="module")
def site(issuer):
    return make_site(issuer, max_body_bytes=LIMIT)


def body_of(row: Row) -> bytes:
    return row.body if isinstance(row.body, bytes) else json.dumps(row.body).encode()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_message_is_decided(issuer, site, row):
    app, server = site
    server.bodies.clear()

    answer = post(app, row.body, [*row.headers, *bearer(issuer, row.scope)], chunks=row.chunks)

    if row.expected == "ran":
        assert (answer.status, answer.body, server.bodies) == (200, b"ran", [body_of(row)])
        return
    status, reason, detail = row.expected
    assert (answer.status, server.bodies) == (status, [])
    if status == 403:
        assert answer.json["reason"] == reason
        challenge = answer.header("www-authenticate") or ""
        assert (detail is None) == (challenge == "")
        assert detail is None or f'scope="{detail}"' in challenge
        assert detail is None or "resource_metadata=" in challenge
    else:
        assert answer.json["error"]["code"] == detail
        assert answer.header("content-type") == "application/json"
        assert answer.header("content-length") == str(len(answer.body))


def test_no_row_repeats_another():
    assert [name for name, times in Counter(row.name for row in ROWS).items() if times > 1] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_nothing_runs_without_a_token(site, row):
    """The body is not read either: anyone could send it."""
    app, server = site
    server.bodies.clear()

    answer = post(app, row.body, row.headers, chunks=row.chunks)

    assert (answer.status, answer.json["reason"], server.bodies) == (401, "no_token", [])


def test_the_reason_is_in_the_event_and_the_identifier_in_the_error():
    events: list[Any] = []
    issuer = Issuer(audience=RESOURCE)
    guard = issuer.guard(resource=RESOURCE, on_event=events.append)
    app = guard_mcp(Server(), guard, scopes=SCOPES, tools=TOOLS)
    row = CONTRADICTIONS[0]
    answer = post(app, row.body | {"id": "a-7"}, [*row.headers, *bearer(issuer)])

    assert answer.json["id"] == "a-7"
    assert [(each.decision, each.reason, each.host) for each in events] == [
        ("allow", None, "asgi"),
        ("deny", "header_mismatch", "mcp"),
    ]
