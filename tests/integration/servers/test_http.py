"""Responses of every kind, over real sockets, in threads and on event loops."""

from __future__ import annotations

import threading

import httpx2
import pytest

from iiniit_guard.core.model.flow import Connection, Fetch, HttpRequest, HttpResponse, Unreachable
from iiniit_guard.io.effects import EffectRunner
from tests.integration.servers.loopback import Answer, LoopbackServer, closed_port
from tests.integration.servers.scripts import answering, once
from tests.integration.servers.worlds import LONG, get


def test_the_answer_comes_whole_and_the_request_goes_out_as_it_was_given(world, performer):
    request = HttpRequest(
        "POST", "", (("Authorization", "Basic x"), ("Content-Type", "text/plain")), b"token=t", LONG
    )
    with LoopbackServer(
        answering(Answer(200, b"{}", (("X-Twice", "1"), ("X-Twice", "2"))))
    ) as server:
        fetch = Fetch(
            HttpRequest("POST", f"{server.url}/introspect?a=b", request.headers, request.body, LONG)
        )
        reply = world.replies(performer, fetch)

    assert reply == [
        HttpResponse(200, (("x-twice", "1"), ("x-twice", "2"), ("content-length", "2")), b"{}")
    ]
    [seen] = server.requests
    assert (seen.method, seen.target, seen.body) == ("POST", "/introspect?a=b", b"token=t")
    assert seen.header("authorization") == "Basic x"
    assert seen.header("accept-encoding") == "gzip"
    assert seen.header("user-agent") == "iiniit_guard"
    assert seen.header("host") == f"127.0.0.1:{server.port}"
    assert seen.header("content-length") == "7"


def test_a_header_of_the_caller_replaces_the_usual_one(world, performer):
    with LoopbackServer(answering(Answer())) as server:
        world.replies(
            performer,
            Fetch(
                HttpRequest(
                    "GET", server.url, (("User-Agent", "mine"), ("Accept-Encoding", "identity"))
                )
            ),
        )

    names = [name for name, _ in server.requests[0].headers]
    assert (
        server.requests[0].header("user-agent"),
        server.requests[0].header("accept-encoding"),
    ) == ("mine", "identity")
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("status", [201, 204, 302, 401, 404, 429, 500, 503])
def test_every_status_is_an_answer(world, performer, status):
    with LoopbackServer(answering(Answer(status))) as server:
        [reply] = world.replies(performer, get(server.url))

    assert isinstance(reply, HttpResponse)
    assert reply.status == status


def test_no_redirect_is_followed(world, performer):
    there = answering(Answer(200, b"secret"))
    with (
        LoopbackServer(there) as elsewhere,
        LoopbackServer(answering(Answer(302, b"", (("Location", elsewhere.url),)))) as server,
    ):
        [reply] = world.replies(performer, get(server.url))

    assert isinstance(reply, HttpResponse)
    assert reply.status == 302
    assert elsewhere.requests == []


def test_no_cookie_is_kept(world, performer):
    with LoopbackServer(
        answering(Answer(200, b"", (("Set-Cookie", "session=1; Path=/"),)))
    ) as server:
        world.replies(performer, get(server.url), get(server.url))

    assert [request.header("cookie") for request in server.requests] == [None, None]


def test_the_environment_names_no_proxy_and_no_password(world, performer, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with LoopbackServer(answering(Answer())) as server:
        [reply] = world.replies(performer, get(server.url))

    assert isinstance(reply, HttpResponse)
    assert server.requests[0].header("authorization") is None


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (lambda peer: peer.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "protocol"),
        (
            lambda peer: peer.send(
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"
            ),
            "protocol",
        ),
        (
            lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n"),
            "protocol",
        ),
        (lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"), "protocol"),
        (
            lambda peer: peer.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
            ),
            "protocol",
        ),
        (lambda peer: None, "dropped"),
        (lambda peer: peer.reset(), "dropped"),
    ],
    ids=["no http", "two lengths", "huge header", "cut off", "upgrade", "closed", "reset"],
)
def test_a_broken_server_is_no_exception(world, performer, act, cause):
    with LoopbackServer(once(act)) as server:
        [reply] = world.replies(performer, get(server.url))

    assert isinstance(reply, Unreachable)
    assert (reply.cause, reply.detail.rpartition(" at ")[2]) == (cause, f"127.0.0.1:{server.port}")
    assert server.connections == 1


def test_a_closed_port_is_refused(world, performer):
    port = closed_port()

    assert world.replies(performer, get(f"http://127.0.0.1:{port}")) == [
        Unreachable("connection", f"ConnectError from ConnectionRefusedError at 127.0.0.1:{port}")
    ]


@pytest.mark.parametrize(
    ("url", "cause", "place"),
    [
        ("https://a..b/", "protocol", "an unusable URL"),
        ("https://.example/", "protocol", "an unusable URL"),
        (f"http://{'a' * 64}.example/", "protocol", "an unusable URL"),
        ("http://nothing.invalid./", "connection", "nothing.invalid.:80"),
        ("ftp://127.0.0.1/", "protocol", "an unusable URL"),
        ("http://127.0.0.1:99999/", "protocol", "an unusable URL"),
        ("http://127.0.0.1:x/", "protocol", "an unusable URL"),
        ("https:///path", "protocol", "an unusable URL"),
        ("no url", "protocol", "an unusable URL"),
    ],
)
def test_a_url_out_of_a_discovery_document_can_be_anything(
    world, performer, monkeypatch, url, cause, place
):
    monkeypatch.setattr("socket.getaddrinfo", lookup_without_network)
    [reply] = world.replies(performer, get(url))

    assert isinstance(reply, Unreachable)
    assert (reply.cause, reply.detail.rpartition(" at ")[2]) == (cause, place)


def lookup_without_network(host, port, *args, **settings):
    import socket

    host.encode("idna")
    raise socket.gaierror(socket.EAI_NONAME, "no such host")


def test_an_ipv6_server_is_named_in_brackets(world, performer):
    [reply] = world.replies(performer, get("http://[::1]:9/"))

    assert isinstance(reply, Unreachable)
    assert (reply.cause, reply.detail.rpartition(" at ")[2]) == ("connection", "[::1]:9")


def test_no_failure_tells_what_was_sent_or_received(world, performer):
    with LoopbackServer(
        once(lambda peer: peer.send(b"canary-received canary-received\r\n\r\n"))
    ) as server:
        secret = (("Authorization", "Bearer canary-header"),)
        [reply] = world.replies(
            performer,
            Fetch(HttpRequest("POST", f"{server.url}/?q=canary-query", secret, b"canary-body")),
        )

    assert isinstance(reply, Unreachable)
    assert "canary" not in repr(reply)


def test_a_header_that_cannot_be_sent_is_no_exception(world, performer):
    with LoopbackServer(answering(Answer())) as server:
        [reply] = world.replies(
            performer, Fetch(HttpRequest("GET", server.url, (("X", "a\r\nInjected: b"),)))
        )

    assert isinstance(reply, Unreachable)
    assert reply.cause == "protocol"
    assert server.requests == []


def test_a_closed_performer_calls_nobody(world):
    performer = EffectRunner()
    with LoopbackServer(answering(Answer())) as server:
        world.replies(performer, get(server.url))
        performer.close()
        performer.close()
        reply = world.replies(performer, get(server.url))

    assert reply == [Unreachable("connection", "the guard is closed")]
    assert len(server.requests) == 1


def test_100_threads_share_a_client():
    performer = EffectRunner()
    replies: list[object] = []
    with LoopbackServer(answering(lambda request: Answer(200, request.target.encode()))) as server:

        def ask(number: int) -> None:
            reply = performer.perform(get(f"{server.url}/{number}"))
            assert isinstance(reply, HttpResponse)
            replies.append(reply.body == b"/%d" % number)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        performer.close()

    assert replies == [True] * 100


def test_equal_connections_share_a_pool(world, performer):
    with LoopbackServer(answering(Answer())) as server:
        world.replies(
            performer, *(get(server.url, Connection(timeout_seconds=9)) for _ in range(3))
        )

    assert (server.connections, len(server.requests)) == (1, 3)


def test_what_intercepts_httpx2_in_an_applications_tests_intercepts_us(
    world, performer, monkeypatch
):
    async def answer_async(transport, request):
        return httpx2.Response(200, content=b"intercepted")

    monkeypatch.setattr(
        httpx2.HTTPTransport,
        "handle_request",
        lambda transport, request: httpx2.Response(200, content=b"intercepted"),
    )
    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", answer_async)
    [reply] = world.replies(performer, get("http://auth.example/"))

    assert isinstance(reply, HttpResponse)
    assert reply.body == b"intercepted"
