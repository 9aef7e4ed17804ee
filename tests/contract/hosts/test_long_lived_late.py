"""An application that waits before its body, or goes on after its token or its body has ended."""

from __future__ import annotations

import asyncio

import pytest
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from iiniit_guard.adapting.long_lived import ConnectionEnded
from iiniit_guard.adapting.loop_watches import GRACE_SECONDS
from iiniit_guard.adapting.token_watch import FIRST_SECONDS
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
)

REQUEST = {"type": "http.request", "body": b"early", "more_body": True}


@pytest.mark.parametrize("starts", ["before", "after"])
def test_a_stream_that_waits_before_its_body_ends_with_its_token(issuer, scene, events, starts):
    async def work():
        go = asyncio.Event()

        async def application(scope, receive, send):
            async def stream():
                if starts == "after":
                    await go.wait()
                await send(START)
                await asyncio.Event().wait()

            streaming = asyncio.ensure_future(stream())
            assert (await receive())["type"] == "http.request"
            try:
                await receive()  # as StreamingResponse does to notice that the client left
            finally:
                streaming.cancel()

        middleware = scene(application)
        client = Client(
            middleware,
            bearing(issuer.token(expires_in=20)),
            {"type": "http.request", "body": b"", "more_body": False},
        )
        await asyncio.sleep(FIRST_SECONDS + 0.1)
        go.set()
        await rest()
        await wait(issuer, middleware, 1, 10)
        assert not client.task.done()
        await wait(issuer, middleware, 20)
        await ended(client, "expired")

    run(work())
    assert [event.reason for event in events] == [None, "expired"]


def test_a_usual_response_of_an_application_that_listens_is_not_watched(issuer, scene):
    records = []

    async def application(scope, receive, send):
        records.append(scope["iiniit_guard.refusal_record"])
        records[0].added = (("X-Added", "yes"),)
        await receive()
        listening = asyncio.gather(receive(), receive())
        await asyncio.sleep(0)
        await send(START)
        await send(part(b"all", more=False))
        assert middleware._watcher._loops == {}
        listening.cancel()

    middleware = scene(application)

    async def work():
        request = {"type": "http.request", "body": b"", "more_body": False}
        client = Client(middleware, bearing(issuer.token()), request)
        await rest()
        assert client.task.exception() is None
        assert client.is_complete
        assert records[0]._expecting is None
        assert client.sent[0]["headers"] == [(b"x-added", b"yes")]

    run(work())


def test_a_background_task_after_a_stream_is_not_cancelled(issuer, scene, events):
    async def work():
        go, done = asyncio.Event(), []

        async def job():
            await go.wait()
            done.append(True)

        async def chunks():
            yield b"1"

        async def application(scope, receive, send):
            response = StreamingResponse(chunks(), background=BackgroundTask(job))
            await response(scope, receive, send)

        middleware = scene(application)
        client = Client(middleware, {**bearing(issuer.token(expires_in=20)), "asgi": {}})
        await rest()
        await wait(issuer, middleware, 1, 30)
        go.set()
        await rest()
        assert client.is_complete
        assert client.task.exception() is None
        assert done == [True]

    run(work())
    assert [event.decision for event in events] == ["allow"]


@pytest.mark.parametrize(("mode", "after"), [("end", ["http.disconnect"]), ("stop_delivering", [])])
def test_no_further_part_of_the_request_reaches_the_application(issuer, scene, mode, after):
    async def work():
        seen = []

        async def application(scope, receive, send):
            await send(START)
            await send(part())
            while "http.disconnect" not in seen:
                try:
                    message = await receive()
                except asyncio.CancelledError:
                    continue  # an application that goes on
                seen.append(message.get("body", message["type"]))

        middleware = scene(application, admission={"long_lived": mode})
        scope = bearing(issuer.token(expires_in=20))
        async with opened(issuer, middleware, scope, received=[REQUEST]) as client:
            await wait(issuer, middleware, 30)
            client.put({**REQUEST, "body": b"late"})
            await rest()
            assert seen == [b"early", *after]
            client.put({"type": "http.disconnect"})
            await rest()
            assert seen == [b"early", "http.disconnect"]

    run(work())


def test_an_application_that_swallows_the_error_is_cancelled_later(issuer, scene):
    async def work():
        ticks, errors = asyncio.Queue(), []

        async def application(scope, receive, send):
            await send(START)
            await send(part())
            while True:
                tick = await ticks.get()
                try:
                    await send(part(tick))
                except OSError as error:
                    errors.append(error)

        middleware = scene(application)
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
            issuer.clock.advance(30)
            ticks.put_nowait(b"late")
            await rest()
            assert [type(error) for error in errors] == [ConnectionEnded]
            assert not client.task.done()
            await wait(issuer, middleware, GRACE_SECONDS + 1)
            await ended(client, "expired")

    run(work())


@pytest.mark.parametrize("when", ["before", "at"])
def test_an_application_that_swallows_a_cancellation_is_cancelled_again(issuer, scene, when):
    async def work():
        async def application(scope, receive, send):
            await send(START)
            await send(part())
            own = asyncio.current_task()
            if own is not None and when == "before":
                own.cancel()
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                await asyncio.sleep(1000)

        middleware = scene(application)
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
            await wait(issuer, middleware, 30)
            assert not client.task.done()
            await wait(issuer, middleware, GRACE_SECONDS + 1)
            assert client.task.done()
            assert not client.is_complete

    run(work())


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_that_the_application_left_behind_gets_nothing(issuer, scene, kind):
    async def work():
        left = []

        async def application(scope, receive, send):
            left.extend((receive, send))
            await Idle()(scope, receive, send)

        middleware = scene(application)
        async with opened(issuer, middleware, KINDS[kind](issuer.token(expires_in=20))) as client:
            await wait(issuer, middleware, 30)
            await ended(client, "expired")
            receive, send = left
            sent = len(client.sent)
            message = {"type": "websocket.send", "text": "late"}
            with pytest.raises(ConnectionEnded):
                await send(message if kind == "WebSocket" else part(b"late"))
            assert len(client.sent) == sent
            client.put({"type": "websocket.receive", "text": "late", "body": b"late"})
            assert (await receive())["type"] in ("websocket.disconnect", "http.disconnect")

    run(work())


def test_trailers_after_the_end_do_not_pass(issuer, scene):
    async def work():
        go = asyncio.Queue()

        async def application(scope, receive, send):
            await send({**START, "trailers": True})
            await send(part())
            await send(part(b"", more=False))
            await go.get()
            await send({"type": "http.response.trailers", "headers": [], "more_trailers": True})
            await go.get()
            await send({"type": "http.response.trailers", "headers": []})

        middleware = scene(application)
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
            go.put_nowait(None)
            await rest()
            assert client.sent[-1]["type"] == "http.response.trailers"
            await wait(issuer, middleware, 30)
            go.put_nowait(None)
            await rest()
            assert client.task.done()
            assert client.sent[-1]["type"] == "http.response.abort"
        go.put_nowait(None)
        go.put_nowait(None)
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
            assert client.task.exception() is None

    run(work())


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_whose_message_is_discarded_is_not_cancelled(issuer, scene, kind):
    async def work():
        app = Idle()
        middleware = scene(app, admission={"long_lived": "stop_delivering"})
        scope = KINDS[kind](issuer.token(expires_in=20))
        async with opened(issuer, middleware, scope) as client:
            issuer.clock.advance(30)  # the message finds the end, before the timer
            client.put(text("late"))
            app.ticks.put_nowait(b"late")
            await rest()
            await wait(issuer, middleware, 30, GRACE_SECONDS + 1)
            assert not client.task.done()
            assert app.seen == []
            assert client.parts in ([], [b"tick"])

    run(work())
