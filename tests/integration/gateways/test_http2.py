"""HTTP/2 without TLS, if the gateway supports it: no extended CONNECT, upgrade or trailer reaches
the API.
"""

from __future__ import annotations

import pytest

from tests.integration.gateways.answers import PROFILE
from tests.integration.gateways.h2_client import converse_h2, status_of
from tests.integration.gateways.recipes import GATEWAY_PORT
from tests.integration.gateways.spoofs import LIE
from tests.integration.gateways.test_attacks import READER, identity
from tests.integration.gateways.upgrades import HIDDEN

SPEAKS_IT = {"caddy-current", "traefik", "envoy"}
ANY = "/v1/any"


def request(method: str, path: str | None, *more: tuple[str, str]) -> list[tuple[str, str]]:
    told = [(":method", method), (":scheme", "http"), (":authority", "api.example")]
    return [*told, *([] if path is None else [(":path", path)]), *more]


ATTACKS = {
    "CONNECT": [(":method", "CONNECT"), (":authority", "127.0.0.1:3000")],
    "CONNECT with a path": request("CONNECT", ANY),
    **{
        f"extended CONNECT for {protocol}": request(
            "CONNECT", ANY, (":protocol", protocol), ("sec-websocket-version", "13")
        )
        for protocol in ("websocket", "h2c", "connect-udp", "connect-ip", "tunnel")
    },
    "an upgrade": request("GET", ANY, ("connection", "upgrade"), ("upgrade", "h2c")),
    "an upgrade to a WebSocket": request(
        "GET", ANY, ("connection", "upgrade"), ("upgrade", "websocket")
    ),
    "an upgrade alone": request(
        "POST", ANY, ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA")
    ),
    "chunks": request("POST", ANY, ("transfer-encoding", "chunked")),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_tunnel_begins_in_http2(world, name):
    world.upstream.forget()
    events = converse_h2(world.ports[GATEWAY_PORT], ATTACKS[name], HIDDEN)

    assert not 100 <= status_of(events) < 200
    assert [
        one for one in world.upstream.arrived if one.target != ANY or one.method == "CONNECT"
    ] == []
    for one in world.upstream.arrived:
        assert one.values("upgrade") == []
        assert identity(one)["x-iiniit-subject"] == ""
        assert LIE not in str(one.headers)


@pytest.mark.parametrize(
    "field", ["x-iiniit-subject", "X-Iiniit-Subject", "x_iiniit_subject", "connection", "te"]
)
@pytest.mark.parametrize("is_trailer", [False, True], ids=["header", "trailer"])
def test_identity_in_http2_is_the_guards(world, field, is_trailer):
    world.upstream.forget()
    lie = [(field, f"{LIE}, x-iiniit-subject")]
    token = ("authorization", world.fill("Bearer {writer}"))
    headers = request("POST", PROFILE, token, *([] if is_trailer else lie))
    events = converse_h2(
        world.ports[GATEWAY_PORT], headers, b"hello", lie if is_trailer else [("x-other", "a")]
    )

    assert (
        (status_of(events) != 0)
        or world.recipe.name not in SPEAKS_IT
        or field in {"X-Iiniit-Subject", "connection", "te"}
    )
    assert LIE.encode() not in bytes(world.upstream.heard)
    for one in world.upstream.arrived:
        wanted = {
            **READER,
            "x-iiniit-issuer": world.issuer.url,
            "x-iiniit-subject": "writer-1",
            "x-iiniit-scope": "user:write",
        }
        assert (one.body, one.trailers, identity(one)) == (b"hello", (), wanted)


def test_where_http2_is_spoken_a_plain_request_is_judged(world):
    world.upstream.forget()
    token = ("authorization", world.fill("Bearer {good}"))
    granted = status_of(converse_h2(world.ports[GATEWAY_PORT], request("GET", PROFILE, token)))
    refused = status_of(converse_h2(world.ports[GATEWAY_PORT], request("GET", PROFILE)))

    assert (granted, refused) == ((200, 401) if world.recipe.name in SPEAKS_IT else (0, 0))
    assert len(world.upstream.arrived) == (1 if granted else 0)
