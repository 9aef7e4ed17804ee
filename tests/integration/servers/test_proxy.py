"""A forward proxy is used if it is configured, and never otherwise."""

from __future__ import annotations

import asyncio
import base64

import pytest

from iiniit_guard.core.model.flow import Connection, HttpResponse, Unreachable
from tests.integration.servers.certificates import Authority
from tests.integration.servers.loopback import Answer, LoopbackServer, closed_port
from tests.integration.servers.scripts import answering, forwarding, once
from tests.integration.servers.worlds import get


def through(server, authority=None, userinfo="", seconds=10.0) -> Connection:
    proxy = f"http://{userinfo}127.0.0.1:{server.port}"
    return Connection(
        http_proxy=proxy,
        ca_file=None if authority is None else authority.ca_file,
        timeout_seconds=seconds,
    )


def test_the_answer_may_come_in_pieces(world, performer, authority):
    def script(peer):
        peer.receive()
        peer.drip(b"HTTP/1.0 200 OK\r\nVia: x\r\n\r\n", 0.001)
        peer.start_tls(certificate)
        answering(Answer())(peer)

    certificate = authority.issue("auth.example")
    with LoopbackServer(script) as proxy:
        [reply] = world.replies(performer, get("https://auth.example/", through(proxy, authority)))

    assert isinstance(reply, HttpResponse)


def test_a_tunnel_to_an_ipv6_server(world, performer, authority):
    with LoopbackServer(forwarding(authority.issue("::1"))) as proxy:
        [reply] = world.replies(performer, get("https://[::1]/", through(proxy, authority)))

    assert isinstance(reply, HttpResponse)
    assert proxy.requests[0].target == "[::1]:443"


@pytest.mark.parametrize(("userinfo", "authorization"), [("", None), ("a:b@", "Basic YTpi")])
def test_http_goes_through_it(world, performer, userinfo, authorization):
    with LoopbackServer(forwarding(answer=Answer(200, b"{}"))) as proxy:
        [reply] = world.replies(
            performer, get("http://auth.example/jwks", through(proxy, userinfo=userinfo))
        )

    assert isinstance(reply, HttpResponse)
    assert [request.target for request in proxy.requests] == ["http://auth.example/jwks"]
    assert proxy.requests[0].header("proxy-authorization") == authorization


def test_https_tunnels_through_it(world, performer, authority):
    script = forwarding(authority.issue("auth.example"), Answer(200, b"{}"))
    with LoopbackServer(script) as proxy:
        fetch = get("https://auth.example/jwks", through(proxy, authority, "user:pass%20word@"))
        replies = world.replies(performer, fetch, fetch)

    assert [reply.body for reply in replies] == [b"{}", b"{}"]
    connect, *inside = proxy.requests
    assert (connect.method, connect.target) == ("CONNECT", "auth.example:443")
    assert (
        connect.header("proxy-authorization")
        == "Basic " + base64.b64encode(b"user:pass word").decode()
    )
    assert [(request.target, request.header("proxy-authorization")) for request in inside] == [
        ("/jwks", None)
    ] * 2
    assert proxy.connections == 1


def test_the_server_behind_it_is_verified(world, performer, authority, tmp_path):
    script = forwarding(Authority(tmp_path, "another root").issue("auth.example"))
    with LoopbackServer(script) as proxy:
        [reply] = world.replies(performer, get("https://auth.example/", through(proxy, authority)))

    assert reply == Unreachable(
        "tls", "ConnectError from SSLCertVerificationError at auth.example:443"
    )
    assert [request.method for request in proxy.requests] == ["CONNECT"]


@pytest.mark.parametrize(
    "act",
    [
        lambda peer: peer.answer(Answer(407, b"canary")),
        lambda peer: peer.answer(Answer(502)),
        lambda peer: peer.send(b"HTTP/1.1 200 OK\r\n\r\ncanary"),
        lambda peer: peer.send(b"SSH-2.0 200 canary\r\n\r\n"),
        lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nX: " + b"canary" * 4000),
        lambda peer: None,
    ],
    ids=["407", "502", "talks into the tunnel", "no http", "endless", "closes"],
)
def test_a_proxy_that_opens_no_tunnel_is_no_connection(world, performer, authority, act):
    with LoopbackServer(once(act)) as proxy:
        [reply] = world.replies(
            performer, get("https://auth.example/", through(proxy, authority, "user:canary@"))
        )

    assert reply == Unreachable("connection", "ProxyError at auth.example:443")


def test_a_server_behind_it_that_closes_without_a_word_is_no_broken_http(
    world, performer, authority
):
    def script(peer):
        peer.receive()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        peer.start_tls(certificate)
        peer.receive()

    certificate = authority.issue("auth.example")
    with LoopbackServer(script) as proxy:
        [reply] = world.replies(performer, get("https://auth.example/", through(proxy, authority)))

    assert isinstance(reply, Unreachable)
    assert reply.cause == "dropped"


@pytest.mark.parametrize(
    "act",
    [lambda peer: peer.hang(), lambda peer: (peer.send(b"HTTP/1.1 200 OK\r\n\r\n"), peer.hang())],
)
def test_a_proxy_that_hangs_gets_the_time_that_was_set(world, performer, authority, act):
    with LoopbackServer(once(act)) as proxy:
        [reply] = world.replies(
            performer, get("https://auth.example/", through(proxy, authority, seconds=0.3))
        )

    assert isinstance(reply, Unreachable)
    assert reply.cause == "timeout"


@pytest.mark.parametrize(
    ("proxy", "what"),
    [
        ("https://127.0.0.1:1", "http_proxy is not an http:// URL"),
        ("socks5://127.0.0.1:1", "http_proxy is not an http:// URL"),
        ("ftp://127.0.0.1:1", "http_proxy is not an http:// URL"),
        ("http://", "http_proxy is not an http:// URL"),
        ("http://a..b:1", "http_proxy is not a URL"),
        ("http://127.0.0.1:x", "http_proxy is not a URL"),
    ],
)
def test_other_proxies_are_not_passed_by(world, performer, proxy, what):
    with LoopbackServer(answering(Answer())) as server:
        [reply] = world.replies(performer, get(server.url, Connection(http_proxy=proxy)))

    assert reply == Unreachable("connection", f"{what} at 127.0.0.1:{server.port}")
    assert server.connections == 0


def test_a_proxy_that_is_down(world, performer):
    with LoopbackServer(answering(Answer())) as server:
        connection = Connection(http_proxy=f"http://127.0.0.1:{closed_port()}")
        [reply] = world.replies(performer, get(server.url, connection))

    assert isinstance(reply, Unreachable)
    assert reply.cause == "connection"
    assert server.connections == 0


def test_failed_tunnels_are_not_hoarded(performer, authority, tmp_path):
    script = forwarding(Authority(tmp_path, "another root").issue("auth.example"))
    with LoopbackServer(script) as proxy:
        fetch = get("https://auth.example/", through(proxy, authority))
        for _ in range(5):
            performer.perform(fetch)
        threads, loops = performer._make_clients()
        [transport] = threads._transports.values()
        assert transport._pool.connections == []

        async def on_a_loop() -> list[object]:
            for _ in range(5):
                await performer.loops.perform(fetch)
            [pooled] = (await loops._loops.here()).transports.values()
            return list(pooled._pool.connections)

        assert asyncio.run(on_a_loop()) == []
