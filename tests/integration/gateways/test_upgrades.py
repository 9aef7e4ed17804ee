"""A connection changes its protocol only to a WebSocket, and fields that a client names in
Connection stay.
"""

from __future__ import annotations

import pytest

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.client import converse_twice, request_bytes
from tests.integration.gateways.recipes import GATEWAY_PORT
from tests.integration.gateways.rows import BEARER
from tests.integration.gateways.spoofs import LIE
from tests.integration.gateways.test_attacks import NOBODY, READER, identity
from tests.integration.gateways.test_connections import WEBSOCKET
from tests.integration.gateways.upgrades import HIDDEN, NAMED, NOMINATED, NOMINATIONS, upgrading
from tests.integration.gateways.world import World

EVENTS = "/v1/events"
METADATA = "/.well-known/oauth-protected-resource"
ANY = "/v1/any"
PLAIN = ([], ["close"], ["keep-alive"], ["Keep-Alive"])
"""What a gateway may say to the API about a connection that stays what it is."""


def attack(world: World, sent: bytes) -> bytes:
    """Send a request and, after any response, the bytes that would go through a tunnel."""
    world.upstream.forget()
    return converse_twice(world.ports[GATEWAY_PORT], sent, HIDDEN)


@pytest.mark.parametrize("upgrade", NAMED)
@pytest.mark.parametrize("target", ["/healthz", PROFILE, EVENTS, METADATA, ANY])
def test_no_upgrade_but_a_websocket_reaches_the_api(world, upgrade, target):
    for connection in NOMINATED:
        token = (
            [(name, world.fill(value)) for name, value in BEARER]
            if target in (PROFILE, EVENTS)
            else []
        )
        received = attack(
            world, request_bytes("GET", target, [*upgrading(upgrade, connection), *token])
        )

        passed = [one.values("upgrade") for one in world.upstream.arrived]
        assert [one.target for one in world.upstream.arrived] in ([], [target])
        assert [one.values("http2-settings") for one in world.upstream.arrived] in ([], [[]])
        if passed == [["websocket"]]:  # one line of the client had exactly this content
            assert "websocket" in [value.lower() for value in NAMED[upgrade]]
            assert [one.lower() for one in world.upstream.arrived[0].values("connection")] == [
                "upgrade"
            ]
        else:
            assert passed in ([], [[]]), connection
            assert not received.startswith(b"HTTP/1.1 101"), connection
            assert LIE.encode() not in world.upstream.heard, connection
            assert all(one.values("connection") in PLAIN for one in world.upstream.arrived)


@pytest.mark.parametrize(
    "line",
    ["CONNECT api.example:3000", f"CONNECT {ANY}", f"CONNECT http://api.example{ANY}", "CONNECT *"],
)
@pytest.mark.parametrize("headers", [(), WEBSOCKET], ids=["plain", "websocket"])
def test_connect_opens_no_tunnel(world, line, headers):
    method, target = line.split(" ")
    authority = [("Host", target)] if ":" in target and "/" not in target else []
    received = attack(world, request_bytes(method, target, [*authority, *headers]))

    assert received.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501 "))
    assert LIE.encode() not in world.upstream.heard
    assert world.upstream.arrived == []


@pytest.mark.parametrize("status", [200, 400, 426])
def test_a_websocket_that_the_api_refuses_is_no_tunnel(world, status):
    headers = [*WEBSOCKET, *((name, world.fill(value)) for name, value in BEARER)]
    received = attack(world, request_bytes("GET", f"/v1/files/answers-{status}", headers))

    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert LIE.encode() not in world.upstream.heard
    assert len(world.upstream.arrived) == 1


@pytest.mark.parametrize(
    "connection",
    ["Upgrade", "upgrade, X-Iiniit-Subject, X-Iiniit-Scope", "keep-alive, Upgrade", "UPGRADE"],
)
@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket", " websocket "])
def test_the_recipe_writes_the_one_upgrade_that_it_passes_on(world, connection, upgrade):
    headers = [
        ("Connection", connection),
        ("Upgrade", upgrade),
        *WEBSOCKET[2:],
        *((name, world.fill(value)) for name, value in BEARER),
    ]
    received = attack(world, request_bytes("GET", EVENTS, headers))

    assert received.startswith(b"HTTP/1.1 101 ")
    (one,) = world.upstream.arrived
    assert one.values("upgrade") == ["websocket"]
    assert [value.lower() for value in one.values("connection")] == ["upgrade"]
    assert identity(one) == {**READER, "x-iiniit-issuer": world.issuer.url}


@pytest.mark.parametrize("name", NOMINATIONS)
@pytest.mark.parametrize("target", [PROFILE, "/healthz"])
def test_what_connection_names_is_not_dropped(world, name, target):
    lines = [("Connection", value) for value in NOMINATIONS[name]]
    answered, arrived = world.ask("GET", target, (*lines, *(BEARER if target == PROFILE else ())))

    # Envoy refuses a Connection that names fields which it sets itself, and drops the other named
    # fields before it calls the guard.
    assert answered.status == 200 or (world.recipe.name == "envoy" and 400 <= answered.status < 500)
    assert len(arrived) == (1 if answered.status == 200 else 0)
    for one in arrived:
        assert identity(one) == (
            {**READER, "x-iiniit-issuer": world.issuer.url} if target == PROFILE else NOBODY
        )
        assert one.values("connection") in PLAIN
