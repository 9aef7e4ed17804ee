"""Open connections of ASGI, whose clock and timer a test advances explicitly."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

from iiniit_guard.adapting.long_lived import StreamAborted
from tests.contract.hosts.asgi_exchange import http

START = {"type": "http.response.start", "status": 200, "headers": []}


def part(content=b"tick", more=True):
    return {"type": "http.response.body", "body": content, "more_body": more}


def bearing(token, **more):
    return http([(b"authorization", b"Bearer " + token.encode())], **more)


def websocket(token):
    return {**bearing(token), "type": "websocket", "extensions": {}}


class Idle:
    """Starts a stream, and sends each message that a test puts into `ticks`; then it waits."""

    def __init__(self):
        self.ticks = asyncio.Queue()
        self.seen, self.error = [], None

    async def __call__(self, scope, receive, send):
        try:
            if scope["type"] == "websocket":
                await self.socket(receive, send)
                return
            await send(START)
            await send(part())
            while (tick := await self.ticks.get()) is not None:
                await send(part(tick))
            await send(part(b"", more=False))
        except BaseException as error:
            self.error = error
            raise

    async def socket(self, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.seen.append(message["text"])
            await send({"type": "websocket.send", "text": message["text"]})
        self.seen.append((message["type"], message["code"], message["reason"]))


class Client:
    """The server's side of one connection.

    Attributes:
        sent: The messages of the application.
        waiting: The messages of the client.
        task: The call of the application.
    """

    def __init__(self, app, scope, *received, answers_close=True):
        self.sent, self.waiting = [], asyncio.Queue()
        self._answers_close = answers_close
        if scope["type"] == "websocket":
            self.put({"type": "websocket.connect"})
        for message in received:
            self.put(message)
        self.task = asyncio.ensure_future(app(scope, self.waiting.get, self._send))

    def put(self, message):
        self.waiting.put_nowait(message)

    async def _send(self, message):
        self.sent.append(message)
        if message["type"] == "websocket.close" and self._answers_close:
            self.put({"type": "websocket.disconnect", "code": message["code"], "reason": ""})

    @property
    def texts(self):
        return [message["text"] for message in self.sent if message["type"] == "websocket.send"]

    @property
    def closes(self):
        return [
            (message["code"], message["reason"])
            for message in self.sent
            if message["type"] == "websocket.close"
        ]

    @property
    def parts(self):
        return [message["body"] for message in self.sent if message["type"] == "http.response.body"]

    @property
    def is_complete(self):
        return any(
            message["type"] == "http.response.body" and not message.get("more_body")
            for message in self.sent
        )


class Steps:
    """A body whose chunks each wait for a step of the test."""

    def __init__(self, *steps):
        self.steps = [lambda: None, *steps]

    def chunks(self):
        for number, step in enumerate(self.steps):
            step()
            yield b"%d" % number


async def rest():
    """Yield until every other task waits."""
    for _ in range(30):
        await asyncio.sleep(0)


async def turn(middleware):
    """Run the timer wheel of the running loop, as its timer does."""
    watches = middleware._watcher._loops.get(asyncio.get_running_loop())
    if watches is not None:
        watches.turn()
    await rest()


async def wait(issuer, middleware, *seconds):
    """Advance the clock in steps, and run the timer wheel after each."""
    for step in seconds:
        issuer.clock.advance(step)
        await turn(middleware)


@asynccontextmanager
async def opened(issuer, middleware, scope, *, received=(), **more):
    """Open a connection that has been checked once; cancel it at the end."""
    client = Client(middleware, scope, *received, **more)
    await rest()
    await wait(issuer, middleware, 1)
    try:
        yield client
    finally:
        client.task.cancel()
        with suppress(BaseException):
            await client.task


KINDS = {"stream": bearing, "WebSocket": websocket}


def run(work):
    asyncio.run(asyncio.wait_for(work, 10))


def text(content):
    return {"type": "websocket.receive", "text": content}


async def ended(client, reason):
    """Check that the guard ended a connection, and that its client can see that."""
    await rest()
    assert client.task.done()
    if client.closes:
        assert client.closes == [(1008, reason)]
        assert client.task.exception() is None
    else:
        assert isinstance(client.task.exception(), StreamAborted)
        assert not client.is_complete
