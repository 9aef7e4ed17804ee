"""Open connections end in any task, and without one."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from iiniit_guard.adapting.loop_watches import GRACE_SECONDS
from tests.contract.hosts.long_lived import (
    START,
    Client,
    Idle,
    bearing,
    ended,
    opened,
    part,
    rest,
    run,
    wait,
)


def test_a_connection_outside_of_a_task_ends_with_its_token(issuer, scene):
    async def work():
        app = Idle()
        middleware = scene(app)
        sent = []

        async def send(message):
            sent.append(message)

        async def never():
            await asyncio.Event().wait()

        async with opened(issuer, middleware, bearing(issuer.token(expires_in=60))) as client:
            call = middleware(bearing(issuer.token(expires_in=20)), never, send)
            driven = []

            def drive():
                try:
                    driven.append(call.send(None))
                except BaseException as error:
                    driven.append(error)

            asyncio.get_running_loop().call_soon(drive)
            await rest()
            await wait(issuer, middleware, 1, 30, GRACE_SECONDS + 1, 40)
            await ended(client, "expired")
            call.close()

    run(work())


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_stream_that_begins_late_begins_with_a_valid_token_only(issuer, scene, is_stream):
    async def work():
        go, records = asyncio.Event(), []

        async def application(scope, receive, send):
            records.append(scope["iiniit_guard.refusal_record"])
            await receive()
            listening = asyncio.ensure_future(receive())
            await go.wait()
            try:
                await send(START)
                await send(part(more=is_stream))
            finally:
                listening.cancel()

        middleware = scene(application)
        request = {"type": "http.request", "body": b"", "more_body": False}
        client = Client(middleware, bearing(issuer.token(expires_in=20)), request)
        await rest()
        records[0]._expecting._run()  # the application has waited long
        issuer.clock.advance(30)
        go.set()
        if is_stream:
            await ended(client, "expired")
        await rest()
        assert client.parts == ([] if is_stream else [b"tick"])

    run(work())


def test_an_application_that_swallowed_a_cancellation_completes_no_response(issuer, scene):
    async def work():
        async def application(scope, receive, send):
            await send(START)
            await send(part())
            own = asyncio.current_task()
            assert own is not None
            own.cancel()  # for instance an old library for timeouts, which does not uncancel
            for _ in range(2):
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

        middleware = scene(application)
        async with opened(issuer, middleware, bearing(issuer.token(expires_in=20))) as client:
            await wait(issuer, middleware, 30, GRACE_SECONDS + 1)
            await ended(client, "expired")
            assert client.sent[-1]["type"] == "http.response.abort"

    run(work())


@pytest.mark.parametrize("error", [None, asyncio.CancelledError, ValueError])
def test_a_body_that_ends_while_its_token_ends_is_complete(issuer, scene, error):
    async def work():
        ticks, sends = asyncio.Event(), asyncio.Event()

        async def application(scope, receive, send):
            async def stream():
                await send(START)
                await send(part())
                await ticks.wait()
                await send(part(b"", more=False))

            child = asyncio.ensure_future(stream())
            try:
                await asyncio.shield(child)
            except asyncio.CancelledError:
                await child
                if error is not None:
                    raise error from None

        class Slow(Client):
            async def _send(self, message):
                await super()._send(message)
                if message.get("more_body") is False:
                    await sends.wait()

        middleware = scene(application)
        client = Slow(middleware, bearing(issuer.token(expires_in=20)))
        await rest()
        await wait(issuer, middleware, 1)
        ticks.set()
        await rest()
        await wait(issuer, middleware, 30)
        sends.set()
        await rest()
        assert client.is_complete
        assert client.task.cancelling() == 0
        assert not client.task.cancelled()
        assert isinstance(client.task.exception(), ValueError) == (error is ValueError)

    run(work())
