"""Faults of one open connection harm neither its application nor its server."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading

import pytest

from iiniit_guard.adapting.decorators import decide
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import request_from_scope
from tests.contract.hosts.long_lived import (
    KINDS,
    START,
    Client,
    Idle,
    bearing,
    opened,
    part,
    rest,
    run,
    text,
    turn,
    wait,
    websocket,
)

TRAILERS = {"type": "http.response.trailers", "headers": []}


@pytest.mark.parametrize("trailers", [(), (TRAILERS,)])
def test_an_application_that_listens_after_its_response_is_not_watched(issuer, scene, trailers):
    async def work():
        go, done = asyncio.Event(), []

        async def application(scope, receive, send):
            await receive()
            await send({**START, "trailers": bool(trailers)})
            await send(part(b"all", more=False))
            for message in trailers:
                await send(message)
            listening = asyncio.ensure_future(receive())
            await go.wait()  # a background task
            done.append(scope["iiniit_guard.refusal_record"]._expecting)
            listening.cancel()

        middleware = scene(application)
        request = {"type": "http.request", "body": b"", "more_body": False}
        client = Client(middleware, bearing(issuer.token(expires_in=20)), request)
        await rest()
        go.set()
        await rest()
        assert client.task.exception() is None
        assert done == [None]

    run(work())


def test_a_check_that_fails_after_the_body_cancels_no_background_task(issuer, scene):
    async def work():
        go, fails, calls, done = asyncio.Event(), asyncio.Event(), [], []
        ticks = asyncio.Event()

        async def validate(token, request):
            calls.append(token)
            if len(calls) > 2:
                await fails.wait()
                raise ValueError("of the application")
            return True

        async def application(scope, receive, send):
            await send(START)
            await send(part())
            await ticks.wait()
            await send(part(b"", more=False))
            await go.wait()
            done.append(True)

        middleware = scene(application, validators=[validate])
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=3000))) as client:
            await wait(issuer, middleware, 245)
            assert len(calls) == 3
            ticks.set()
            await rest()
            fails.set()
            await rest()
            go.set()
            await rest()
            assert client.is_complete
            assert client.task.exception() is None
            assert done == [True]

    run(work())


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_whose_wait_is_cancelled_is_received_next(issuer, scene, kind):
    async def work():
        go, again, seen = asyncio.Event(), asyncio.Event(), []
        go.set()

        async def validate(token, request):
            await go.wait()
            return True

        async def application(scope, receive, send):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.accept"})
            else:
                await send(START)
                await send(part())
            waiting = asyncio.ensure_future(receive())
            await again.wait()
            waiting.cancel()
            await asyncio.wait([waiting])
            message = await receive()
            seen.append(message.get("text", message.get("body")))

        middleware = scene(application, validators=[validate])
        scope = KINDS[kind](issuer.token(expires_in=3000))
        async with opened(issuer, middleware, scope) as client:
            go.clear()
            issuer.clock.advance(310)
            client.put({**text("first"), "body": "first"})
            await rest()
            again.set()
            await rest()
            client.put({**text("second"), "body": "second"})
            go.set()
            await rest()
            assert seen == ["first"]

    run(work())


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_in_a_thread_may_outlive_its_event_loop(issuer, scene, kind):
    kept = []

    async def application(scope, receive, send):
        kept.append(scope)
        await Idle()(scope, receive, send)

    middleware = scene(application)

    async def work():
        token = issuer.token(auth_time=int(issuer.now))
        client = Client(middleware, KINDS[kind](token))
        await rest()
        kept.append(client)
        kept.append(kept[0]["iiniit_guard.refusal_record"].watch)

    run(work())
    scope, _, watch = kept
    scope["iiniit_guard.refusal_record"].watch = watch  # the loop closed meanwhile
    found = []

    def handler():
        policy = make_policy(max_age=3000)
        found.append(decide(scope, lambda: request_from_scope(scope), policy, "asgi"))

    thread = threading.Thread(target=handler)
    thread.start()
    thread.join(10)
    assert len(found) == 1


def test_the_timer_keeps_no_context_of_a_request(issuer, scene, events):
    number: contextvars.ContextVar[str | None] = contextvars.ContextVar("number", default=None)
    seen = []

    async def work():
        middleware = scene()
        number.set("first")
        first = Client(middleware, bearing(issuer.token(expires_in=3000)))
        await rest()
        number.set(None)
        watches = middleware._watcher._loops[asyncio.get_running_loop()]
        watches._handle._run()
        seen.append(watches._handle._context.get(number))
        first.task.cancel()
        await rest()

    run(work())
    assert seen == [None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_the_end_of_a_token_replaces_no_end_of_the_process(issuer, scene, kind, error):
    async def work():
        app = Idle()

        async def application(scope, receive, send):
            try:
                await app(scope, receive, send)
            finally:
                raise error

        middleware = scene(application)
        sent, ticks = [], asyncio.Queue()

        async def send(message):
            sent.append(message)

        ticks.put_nowait({"type": "websocket.connect"})
        found = []

        async def catching():
            try:
                await middleware(KINDS[kind](issuer.token(expires_in=20)), ticks.get, send)
            except BaseException as raised:
                found.append(type(raised))

        task = asyncio.ensure_future(catching())
        await rest()
        issuer.clock.advance(30)
        ticks.put_nowait(text("late"))
        app.ticks.put_nowait(b"late")
        await rest()
        await turn(middleware)
        assert found == [error]
        assert task.done()

    run(work())


def test_a_server_that_accepts_no_close_any_more_harms_nothing(issuer, scene):
    async def work():
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

        class Gone(Client):
            async def _send(self, message):
                await super()._send(message)
                if message["type"] == "websocket.close":
                    raise RuntimeError("Unexpected ASGI message 'websocket.close'")  # uvicorn

        middleware = scene()
        client = Gone(middleware, websocket(issuer.token(expires_in=20)))
        await rest()
        await wait(issuer, middleware, 1, 30)
        client.put({"type": "websocket.disconnect", "code": 1006, "reason": ""})
        await rest()
        assert client.task.exception() is None
        gc.collect()
        assert faults == []

    run(work())
