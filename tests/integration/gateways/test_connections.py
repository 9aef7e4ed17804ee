"""Connections with more than one plain request: WebSockets, a second request, oversized data."""

from __future__ import annotations

import pytest

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.client import converse, request_bytes, talk
from tests.integration.gateways.recipes import GATEWAY_PORT
from tests.integration.gateways.rows import BEARER, READ_TOKEN, WRITER
from tests.integration.gateways.test_attacks import READER, identity
from tests.integration.gateways.upstream import ECHO
from tests.integration.gateways.world import World

WEBSOCKET = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


@pytest.mark.parametrize(
    "connection", ["Upgrade", "upgrade, X-Iiniit-Subject, X-Iiniit-Scope", "keep-alive, Upgrade"]
)
def test_a_websocket_is_opened_with_a_token(world, connection):
    world.upstream.arrived.clear()
    headers = [
        ("Connection", connection),
        *((name, world.fill(value)) for name, value in (*WEBSOCKET[1:], *BEARER)),
    ]
    head, echoed = talk(
        world.ports[GATEWAY_PORT], request_bytes("GET", "/v1/events", headers), ECHO
    )

    assert head.startswith(b"HTTP/1.1 101 ")
    assert echoed == ECHO
    (one,) = world.upstream.arrived
    assert identity(one) == {**READER, "x-iiniit-issuer": world.issuer.url}


@pytest.mark.parametrize(
    "headers",
    [(), (("Authorization", "Bearer junk"),), (("Authorization", "Bearer {other}"),)],
    ids=["no", "bad", "wrong"],
)
def test_a_websocket_is_refused_like_any_request(world, headers):
    answered, arrived = world.ask("GET", "/v1/events", (*WEBSOCKET, *headers))

    assert arrived == []
    assert answered.status == (403 if "other" in str(headers) else 401)
    assert answered.problem["status"] == answered.status
    if not headers:
        assert answered.values("www-authenticate") == [READ_TOKEN]


def test_the_second_request_of_a_connection_is_judged_by_itself(world):
    world.upstream.arrived.clear()
    first = request_bytes("GET", PROFILE, [(name, world.fill(value)) for name, value in BEARER])
    second = request_bytes("GET", PROFILE, [("Connection", "close")])
    received = converse(world.ports[GATEWAY_PORT], first + second)

    assert received.count(b"HTTP/1.1 200 ") == 1
    assert received.count(b"HTTP/1.1 401 ") == 1
    assert len(world.upstream.arrived) == 1


def test_a_refusal_of_head_has_no_body(world):
    received = converse(
        world.ports[GATEWAY_PORT], request_bytes("HEAD", PROFILE, [("Connection", "close")])
    )

    assert received.startswith(b"HTTP/1.1 401 ")
    assert received.endswith(b"\r\n\r\n")


HIDDEN = b"GET /v1/elsewhere HTTP/1.1\r\nHost: api.example\r\n\r\n"
LENGTHS = {
    "length and chunks": (
        ("Content-Length", str(len(HIDDEN) + 5)),
        ("Transfer-Encoding", "chunked"),
    ),
    "chunks and length": (("Transfer-Encoding", "chunked"), ("Content-Length", "5")),
    "two lengths": (("Content-Length", "5"), ("Content-Length", str(len(HIDDEN) + 5))),
    "chunks in another spelling": (("Transfer-Encoding", "xchunked"), ("Content-Length", "5")),
    "chunks in two fields": (
        ("Transfer-Encoding", "identity"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "5"),
    ),
    "a tab before chunked": (("Transfer-Encoding", "\tchunked"), ("Content-Length", "5")),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_no_request_hides_in_the_body_of_another(world, name):
    world.upstream.arrived.clear()
    headers = [
        *((key, world.fill(value)) for key, value in WRITER),
        ("Connection", "close"),
        *LENGTHS[name],
    ]
    converse(
        world.ports[GATEWAY_PORT], request_bytes("POST", PROFILE, headers) + b"0\r\n\r\n" + HIDDEN
    )

    assert [one.target for one in world.upstream.arrived] in ([], [PROFILE])


def test_a_huge_header_is_refused(world: World):
    answered, arrived = world.ask("GET", PROFILE, (*BEARER, ("X-Huge", "x" * 300_000)))

    assert arrived == []
    assert answered.status in {0, 400, 413, 431, 494}


def test_what_the_api_says_goes_through_as_it_is(world):
    for status in (400, 401, 403, 404, 500, 502, 503):
        answered, arrived = world.ask("GET", f"/v1/files/answers-{status}", BEARER)

        assert len(arrived) == 1
        assert (answered.status, answered.body) == (status, b"GET from the API")
        assert answered.values("www-authenticate") == ['ApiKey realm="own"']


def test_the_metadata_is_read_without_a_token(world):
    answered, arrived = world.ask("GET", "/.well-known/oauth-protected-resource")

    assert arrived == []
    assert answered.status == 200
    assert answered.problem["resource"] == "https://api.example"
    assert answered.problem["authorization_servers"] == [world.issuer.url]
