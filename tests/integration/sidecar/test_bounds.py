"""Limits of a listener for unknown callers: endless heads, idle connections, trailers."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from iiniit_guard.sidecar.server import serve as serving
from iiniit_guard.sidecar.server.connection_limits import Bounds, make_bounds
from iiniit_guard.sidecar.server.protocol import LONGEST_HEAD
from iiniit_guard.sidecar.server.serve import make_server
from iiniit_guard.sidecar.server.supervisor import worker_command

PARSERS = ["httptools", "h11"]
ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
BEGIN = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED = b"HTTP/1.1 431 "


class App:
    """An application that sends a configured response; `/slow` waits until the test allows it."""

    def __init__(self):
        self.go_on = asyncio.Event()
        self.headers = []

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/slow":
            await self.go_on.wait()
        elif scope["method"] == "POST":
            while (await receive()).get("more_body"):
                pass
        self.headers.append(scope["headers"])
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
        )
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def listening(
    monkeypatch, parser="httptools", *, connections=100, head_seconds=20.0, listener="public"
):
    """Serve at a free port; return a function that connects, the application and the server."""
    monkeypatch.setattr(serving, "find_spec", lambda name: None if name != parser else object())
    bounds = Bounds(listener, connections, 100, head_seconds)
    monkeypatch.setattr(serving, "make_bounds", lambda *_: bounds)
    app = App()
    server = make_server(app, listener, 1)
    opened = []
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        serve = asyncio.create_task(server.serve([place]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.005)

        async def connect():
            reader, writer = await asyncio.open_connection(*place.getsockname())
            opened.append(writer)
            return reader, writer

        try:
            yield SimpleNamespace(connect=connect, app=app, server=server, bounds=bounds)
        finally:
            app.go_on.set()
            for writer in opened:
                writer.close()
            server.should_exit = server.force_exit = True
            await serve


def run(scenario):
    async def bounded():
        async with asyncio.timeout(20):
            return await scenario()

    return asyncio.run(bounded())


async def send(writer, octets):
    """Send until the other end closes."""
    writer.write(octets)
    try:
        await writer.drain()
    except ConnectionError:
        return False
    return not writer.is_closing()


async def to_end(reader):
    """Read until the other end closes."""
    got = b""
    try:
        while piece := await reader.read(65536):
            got += piece
    except ConnectionError:
        pass
    return got


@pytest.mark.parametrize("line", [b"a: b\r\n", b"x" * 1000], ids=["many fields", "one field"])
@pytest.mark.parametrize("parser", PARSERS)
def test_a_head_without_end_is_refused(monkeypatch, parser, line):
    async def scenario():
        async with listening(monkeypatch, parser) as site:
            _, writer = await site.connect()
            await send(writer, BEGIN + b"A: ")
            sent = 0
            while await send(writer, line * 20) and sent < 50 * LONGEST_HEAD:
                sent += 20 * len(line)
                await asyncio.sleep(0)
            return sent

    assert run(scenario) < 50 * LONGEST_HEAD


@pytest.mark.parametrize(
    "head, refused",
    [
        (BEGIN + b"A: " + b"x" * (LONGEST_HEAD - len(BEGIN) - 7) + b"\r\n\r\n", False),
        (BEGIN + b"A: " + b"x" * (LONGEST_HEAD - len(BEGIN) - 6) + b"\r\n\r\n", True),
        (BEGIN + b"a: b\r\n" * 4000, True),
        (BEGIN + b"a: b\r\n" * 200 + b"\r\n", False),
        (b"GET /" + b"x" * LONGEST_HEAD, True),
        (CHUNKED + b"0\r\n" + b"a: b\r\n" * 8000 + b"\r\n", False),
    ],
    ids=["just so", "too long", "too many fields", "many fields", "target", "trailers"],
)
def test_what_is_too_long(monkeypatch, head, refused):
    async def scenario():
        async with listening(monkeypatch) as site:
            reader, writer = await site.connect()
            await send(writer, head)
            got = await reader.readuntil(b"\r\n\r\n")
            if got.startswith(REFUSED):
                assert await to_end(reader) == b""
                assert site.app.headers == []
            return got

    assert run(scenario)[: len(REFUSED)] == (REFUSED if refused else b"HTTP/1.1 200 ")


@pytest.mark.parametrize("body", [b"0\r\nA: ", b"1;"], ids=["trailer", "chunk extension"])
def test_what_goes_on_for_ever_after_the_head_ends_the_connection(monkeypatch, body):
    """A 431 would count as the answer to the request under way."""

    async def scenario():
        async with listening(monkeypatch) as site:
            reader, writer = await site.connect()
            await send(writer, CHUNKED + body + b"x" * (2 * LONGEST_HEAD))
            return await to_end(reader)

    assert run(scenario) == b""


def test_long_bodies_and_pipelines_are_none_of_that(monkeypatch):
    async def scenario():
        async with listening(monkeypatch) as site:
            reader, writer = await site.connect()
            chunks = (b"ffff\r\n" + b"x" * 65535 + b"\r\n") * 8 + b"0\r\n\r\n"
            await send(writer, CHUNKED + chunks + ASK * 3)
            for _ in range(4):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
                assert await reader.readexactly(2) == b"ok"

    run(scenario)


@pytest.mark.parametrize(
    "before", [b"", BEGIN, b"\r\n"], ids=["nothing", "a part", "an empty line"]
)
@pytest.mark.parametrize("parser", PARSERS)
def test_a_head_that_does_not_come_ends_the_connection(monkeypatch, parser, before):
    async def scenario():
        async with listening(monkeypatch, parser, head_seconds=0.1) as site:
            reader, writer = await site.connect()
            await send(writer, before)
            return await to_end(reader)

    assert run(scenario)[:13] in (b"", b"HTTP/1.1 400 "), "h11 refuses an empty line"


@pytest.mark.parametrize(
    "first, second",
    [(ASK, BEGIN), (ASK, b"\r\n"), (ASK + BEGIN, b"A: b\r\n"), (ASK + BEGIN, b"")],
    ids=["later", "an empty line", "with the last one", "only with it"],
)
@pytest.mark.parametrize("parser", PARSERS)
def test_nor_may_a_later_head(monkeypatch, parser, first, second):
    """Between requests another limit applies, because a gateway keeps its connections."""

    async def scenario():
        async with listening(monkeypatch, parser, head_seconds=0.2) as site:
            kept, asking = await site.connect()
            await send(asking, ASK)
            await kept.readuntil(b"ok")
            reader, writer = await site.connect()
            await send(writer, first)
            await reader.readuntil(b"ok")
            await send(writer, second)
            assert (await to_end(reader))[:13] in (b"", b"HTTP/1.1 400 "), (
                "h11 refuses an empty line"
            )
            await asyncio.sleep(0.3)
            await send(asking, ASK)
            await kept.readuntil(b"ok")

    run(scenario)


@pytest.mark.parametrize("parser", PARSERS)
def test_a_later_head_waits_for_the_answer_to_the_earlier(monkeypatch, parser):
    async def scenario():
        async with listening(monkeypatch, parser, head_seconds=0.15) as site:
            reader, writer = await site.connect()
            await send(writer, b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            await send(writer, BEGIN)
            await asyncio.sleep(0.4)
            site.app.go_on.set()
            return await reader.readuntil(b"ok")

    assert run(scenario).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("parser", PARSERS)
def test_connections_are_capped(monkeypatch, caplog, parser):
    async def scenario():
        async with listening(monkeypatch, parser, connections=2) as site:
            kept = [await site.connect() for _ in range(2)]
            for _, writer in kept:
                await send(writer, ASK)
            for reader, _ in kept:
                await reader.readuntil(b"ok")
            for _ in range(2):
                reader, _ = await site.connect()
                assert await to_end(reader) == b""
            assert len(site.server.server_state.connections) == 2
            kept[0][1].close()
            # uvicorn does not report it
            while len(site.server.server_state.connections) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            reader, writer = await site.connect()
            await send(writer, ASK)
            await reader.readuntil(b"ok")

    run(scenario)
    assert caplog.text.count("the public listener has 2 connections") == 1


@pytest.mark.parametrize("descriptors", [16, 256, 1024, 4096, 1 << 20, -1])
def test_strangers_leave_enough_for_the_gateway(descriptors):
    gateway, public, admin = (
        make_bounds(listener, descriptors) for listener in ("gateway", "public", "admin")
    )
    usable = 65536 if descriptors < 0 else min(descriptors, 65536)

    assert 0 < admin.connections <= public.connections < gateway.connections
    assert gateway.connections + public.connections + admin.connections <= usable * 3 / 4
    assert 16 <= public.backlog <= max(16, usable // 16)


@pytest.mark.parametrize("parser", PARSERS)
def test_a_trailer_is_no_header(monkeypatch, parser):
    async def scenario():
        async with listening(monkeypatch, parser) as site:
            reader, writer = await site.connect()
            await send(writer, CHUNKED + b"0\r\nAuthorization: Bearer x\r\n\r\n")
            await reader.readuntil(b"ok")
            return site.app.headers

    (headers,) = run(scenario)
    assert [name for name, _ in headers] == [b"host", b"transfer-encoding"]


def test_a_worker_takes_no_module_from_the_current_directory():
    command = worker_command({})

    assert command[:2] == [sys.executable, "-P"]
