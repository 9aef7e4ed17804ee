"""How ASGI applications of different kinds end after their token has ended."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.adapting.long_lived import ConnectionEnded
from iiniit_guard.adapting.loop_watches import GRACE_SECONDS
from tests.contract.hosts.long_lived import (
    KINDS,
    START,
    Client,
    Idle,
    bearing,
    ended,
    opened,
    part,
    rest,
    run,
    text,
    wait,
    websocket,
)


def test_a_discarded_stream_stays_open_and_never_ends_cleanly(issuer, scene, events):
    async def work():
        app = Idle()
        middleware = scene(app, admission={"long_lived": "stop_delivering"})
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
            await wait(issuer, middleware, 30)
            assert not client.task.done()
            app.ticks.put_nowait(b"late")
            await rest()
            assert client.parts == [b"tick"]
            await wait(issuer, middleware, GRACE_SECONDS + 1)
            assert not client.task.done()
            app.ticks.put_nowait(None)
            await ended(client, None)

    run(work())
    assert "the open streaming response delivers nothing more" in events[-1].detail


def test_a_discarded_websocket_stays_open(issuer, scene, events):
    async def work():
        app = Idle()
        middleware = scene(app, admission={"long_lived": "stop_delivering"})
        async with opened(issuer, middleware, websocket(issuer.token(expires_in=20))) as client:
            client.put(text("early"))
            await rest()
            await wait(issuer, middleware, 30)
            client.put(text("late"))
            await rest()
            assert not client.task.done()
            assert client.texts == app.seen == ["early"]
            client.put({"type": "websocket.disconnect", "code": 1000, "reason": ""})
            await rest()
            assert client.task.done()
            assert app.seen[-1] == ("websocket.disconnect", 1000, "")

    run(work())


def test_a_discarded_websocket_sends_nothing(issuer, scene):
    async def pushing(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": "push"})
            pushed.append(True)
            await go.wait()
            go.clear()

    pushed = []
    go = asyncio.Event()

    async def work():
        middleware = scene(pushing, admission={"long_lived": "stop_delivering"})
        async with opened(issuer, middleware, websocket(issuer.token(expires_in=20))) as client:
            issuer.clock.advance(30)
            go.set()
            await rest()
            assert len(pushed) == 2
            assert client.texts == ["push"]

    run(work())


class Busy:
    """Sends without waiting for anything but `send`."""

    def __init__(self, swallows=False):
        self.errors, self._swallows = [], swallows

    async def __call__(self, scope, receive, send):
        socket = scope["type"] == "websocket"
        if socket:
            await receive()
        await send({"type": "websocket.accept"} if socket else START)
        message = {"type": "websocket.send", "text": "x"} if socket else part()
        while True:
            try:
                await send(message)
                await asyncio.sleep(0)
            except (OSError, asyncio.CancelledError) as error:
                self.errors.append(error)
                if not self._swallows:
                    raise
                if len(self.errors) > 3:
                    return


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_an_application_that_goes_on_sending_gets_an_oserror(issuer, scene, kind, swallows):
    async def work():
        app = Busy(swallows)
        middleware = scene(app)
        scope = KINDS[kind](issuer.token(expires_in=20))
        async with opened(issuer, middleware, scope) as client:
            issuer.clock.advance(30)
            await ended(client, "expired")
            assert {type(error) for error in app.errors} <= {
                ConnectionEnded,
                asyncio.CancelledError,
            }
            assert "no longer valid" in str(app.errors[0])

    run(work())


class Child:
    """Streams from a task of its own, and waits for it."""

    def __init__(self):
        self.errors, self.go = [], asyncio.Event()

    async def __call__(self, scope, receive, send):
        async def stream():
            try:
                await send(START)
                await send(part())
                await self.go.wait()
                await send(part())
            except BaseException as error:
                self.errors.append(error)
                raise

        streaming = asyncio.ensure_future(stream())
        await asyncio.wait(
            [streaming, asyncio.ensure_future(receive())], return_when="FIRST_EXCEPTION"
        )


@pytest.mark.parametrize("sends", [True, False])
def test_an_application_that_streams_in_another_task_ends(issuer, scene, sends):
    async def work():
        app = Child()
        middleware = scene(app)
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
            if sends:
                issuer.clock.advance(30)
                app.go.set()
            else:
                await wait(issuer, middleware, 30)
            await ended(client, "expired")
            if sends:
                assert [type(error) for error in app.errors] == [ConnectionEnded]

    run(work())


def test_a_websocket_that_does_not_listen_is_closed_and_then_cancelled(issuer, scene):
    async def deaf(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.Event().wait()

    async def work():
        middleware = scene(deaf)
        async with opened(issuer, middleware, websocket(issuer.token(expires_in=20))) as client:
            await wait(issuer, middleware, 30)
            assert client.closes == [(1008, "expired")]
            assert not client.task.done()
            await wait(issuer, middleware, GRACE_SECONDS + 1)
            await ended(client, "expired")

    run(work())


def test_a_cancellation_by_the_server_remains_one(issuer, scene):
    async def work():
        middleware = scene()
        for kind in KINDS.values():
            async with opened(issuer, middleware, kind(issuer.token(expires_in=20))) as client:
                client.task.cancel()
                await rest()
                assert client.task.cancelled()
            async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
                issuer.clock.advance(30)
                middleware._watcher._loops[asyncio.get_running_loop()].turn()
                client.task.cancel()
                await rest()
                assert client.task.cancelled()
            async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
                issuer.clock.advance(30)
                client.task.cancel()
                middleware._watcher._loops[asyncio.get_running_loop()].turn()
                await rest()
                assert client.task.cancelled()
            assert middleware._watcher._loops == {}

    run(work())


def test_a_websocket_is_closed_once(issuer, scene):
    async def closing(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.close", "code": 1000, "reason": "own"})

    async def work():
        middleware = scene(closing)
        async with opened(issuer, middleware, websocket(issuer.token(expires_in=20))) as client:
            await wait(issuer, middleware, 30)
            await ended(client, "expired")

    run(work())


def test_the_failure_of_an_application_remains_its_own(issuer, scene):
    async def failing(scope, receive, send):
        await send(START)
        await send(part())
        raise LookupError("own")

    async def work():
        middleware = scene(failing)
        client = Client(middleware, bearing(issuer.token()))
        await rest()
        assert isinstance(client.task.exception(), LookupError)
        assert middleware._watcher._loops == {}

    run(work())


def test_a_response_in_one_message_is_never_watched(issuer, scene):
    async def usual(scope, receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": b"all"})
        assert middleware._watcher._loops == {}

    middleware = scene(usual)

    async def work():
        client = Client(middleware, bearing(issuer.token()))
        await rest()
        assert client.is_complete
        assert client.task.exception() is None

    run(work())


def test_a_short_stream_is_not_checked(issuer, scene, events):
    async def short(scope, receive, send):
        await send(START)
        for _ in range(3):
            await send(part())
        await send(part(b"", more=False))

    async def work():
        middleware = scene(short)
        client = Client(middleware, bearing(issuer.token()))
        await rest()
        assert client.is_complete
        assert middleware._watcher._loops == {}

    run(work())
