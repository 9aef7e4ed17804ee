"""One deadline applies to the whole call, for every delay of server, name server or network."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time

import pytest

from iiniit_guard.core.model.flow import Connection, Fetch, HttpRequest, HttpResponse, Unreachable
from iiniit_guard.io.effects import EffectRunner
from tests.integration.servers.loopback import Answer, LoopbackServer
from tests.integration.servers.scripts import answering, once
from tests.integration.servers.worlds import LONG, SHORT, get

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
SECONDS = SHORT.timeout_seconds


def timed(world, performer, effect) -> tuple[object, float]:
    started = time.monotonic()
    [reply] = world.replies(performer, effect)
    return reply, time.monotonic() - started


@pytest.mark.parametrize(
    "act",
    [
        lambda peer: peer.hang(),
        lambda peer: peer.drip(HEAD, 0.05),
        lambda peer: peer.drip(HEAD + b"x" * 1000, 0.001),
        lambda peer: (peer.send(HEAD), peer.drip(b"x" * 1000, 0.05)),
        lambda peer: (peer.send(HEAD), peer.hang()),
        lambda peer: (
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"),
            peer.drip(gzip.compress(b"x" * 99), 0.05),
        ),
        lambda peer: [
            peer.drip(b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.001)
            for _ in range(1000)
            if not peer.ended
        ],
    ],
    ids=[
        "hangs",
        "drips its header",
        "drips faster",
        "drips its body",
        "hangs in its body",
        "drips gzip",
        "drips early hints",
    ],
)
def test_a_slow_server_gets_the_time_that_was_set(world, performer, act):
    with LoopbackServer(once(act)) as server:
        reply, seconds = timed(world, performer, get(server.url, SHORT))

    assert isinstance(reply, Unreachable)
    assert (reply.cause, reply.detail.rpartition(" at ")[2]) == (
        "timeout",
        f"127.0.0.1:{server.port}",
    )
    assert SECONDS * 0.9 < seconds < SECONDS + 0.3


def test_a_server_that_does_not_read(world, performer):
    with LoopbackServer(lambda peer: peer.hang()) as server:
        body = b"x" * (32 << 20)
        reply, seconds = timed(
            world, performer, Fetch(HttpRequest("POST", server.url, (), body, SHORT))
        )

    assert isinstance(reply, Unreachable)
    assert reply.cause == "timeout"
    assert seconds < SECONDS + 0.5


def test_a_handshake_that_hangs(world, performer, authority):
    with LoopbackServer(lambda peer: peer.hang()) as server:
        connection = Connection(
            connect_timeout_seconds=0.2, timeout_seconds=5, ca_file=authority.ca_file
        )
        reply, seconds = timed(
            world, performer, get(f"https://127.0.0.1:{server.port}", connection)
        )

    assert isinstance(reply, Unreachable)
    assert reply.cause == "timeout"
    assert seconds < 0.6


def test_a_connection_that_is_never_accepted(world, performer):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        fill = [socket.socket() for _ in range(3)]
        for one in fill:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        connection = Connection(connect_timeout_seconds=0.2, timeout_seconds=5)
        reply, seconds = timed(world, performer, get(f"http://127.0.0.1:{port}", connection))
        for one in fill:
            one.close()

    assert isinstance(reply, Unreachable)
    assert reply.cause == "timeout"
    assert seconds < 0.6


def test_time_that_was_spent_before_counts(performer):
    threads, loops = performer._make_clients()
    with LoopbackServer(answering(Answer())) as server:
        request, started = get(server.url, SHORT).request, time.monotonic() - 60
        replies = [threads.fetch(request, started), asyncio.run(loops.fetch(request, started))]

    assert [reply.cause for reply in replies] == ["timeout", "timeout"]
    assert server.requests == []


class NameServer:
    """A substitute for `getaddrinfo`, which still resolves numeric addresses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.may_answer = threading.Event()
        self.addresses: list[str] = ["127.0.0.1"]
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    # getaddrinfo's own name
    def _look_up(self, host, port, family=0, type=0, proto=0, flags=0):  # noqa: A002
        if host[0].isdigit() or flags & socket.AI_NUMERICHOST:
            return self._real(host, port, family, type, proto, flags)
        self.asked.append(host)
        self.may_answer.wait()
        return [
            found
            for address in self.addresses
            for found in self._real(address, port, family, type, proto, flags)
        ]


@pytest.fixture
def name_server(monkeypatch):
    made = NameServer(monkeypatch)
    yield made
    made.may_answer.set()


def test_a_name_server_that_hangs_does_not_hold_the_request(world, performer, name_server):
    connection = Connection(connect_timeout_seconds=0.2, timeout_seconds=5)
    reply, seconds = timed(world, performer, get("http://auth.example/", connection))

    assert reply == Unreachable("timeout", "ConnectTimeout from TimeoutError at auth.example:80")
    assert seconds < 0.6


def test_requests_for_one_name_share_a_look_up_and_need_no_new_one_when_it_ends(
    world, performer, name_server
):
    connection = Connection(connect_timeout_seconds=0.05, timeout_seconds=5)
    with LoopbackServer(answering(Answer())) as server:
        url = f"http://auth.example:{server.port}/"
        world.replies(performer, get(url, connection), get(url, connection))
        assert name_server.asked == ["auth.example"]
        name_server.may_answer.set()
        [reply] = world.replies(performer, get(url))

    assert isinstance(reply, HttpResponse)


def test_the_loops_own_executor_stays_free(performer, name_server):
    async def meanwhile() -> str:
        fetches = [
            asyncio.ensure_future(performer.loops.perform(get(f"http://{n}.example/", LONG)))
            for n in "abcdefghijklmnop"
        ]
        done = await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5)
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)
        return done

    started = time.monotonic()

    assert asyncio.run(meanwhile()) == "free"
    # A lookup that hangs does not delay the end of the loop either.
    assert time.monotonic() - started < 2


def test_the_next_address_is_tried(world, performer, name_server):
    name_server.may_answer.set()
    name_server.addresses = ["127.0.0.2", "127.0.0.1"]
    with LoopbackServer(answering(Answer())) as server:
        [reply] = world.replies(performer, get(f"http://auth.example:{server.port}/"))

    assert isinstance(reply, HttpResponse)


def test_a_cancelled_fetch_ends_at_once_and_leaves_nothing_open(authority):
    async def cancelled(url: str) -> bool:
        performer = EffectRunner()
        connection = Connection(
            timeout_seconds=30, connect_timeout_seconds=30, ca_file=authority.ca_file
        )
        fetch = asyncio.ensure_future(performer.loops.perform(get(url, connection)))
        await asyncio.to_thread(reached.wait, 5)
        fetch.cancel()
        await asyncio.gather(fetch, return_exceptions=True)
        await performer.aclose()
        return fetch.cancelled()

    def note(peer):
        peer.socket.recv(1)
        reached.set()
        while peer.socket.recv(65_536):
            pass
        closed.append(True)

    for scheme in ("http", "https"):
        reached, closed = threading.Event(), []
        with LoopbackServer(note) as server:
            assert asyncio.run(cancelled(f"{scheme}://127.0.0.1:{server.port}"))
            server.wait_for_scripts()
        assert closed == [True]
