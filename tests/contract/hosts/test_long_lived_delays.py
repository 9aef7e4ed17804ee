"""Connections that wait, for their client or for a check, delay no other connection."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.adapting.loop_watches import GRACE_SECONDS, MAX_MESSAGE_CHECKS, MAX_TASKS
from iiniit_guard.core.model.policy import make_policy
from tests.contract.hosts.long_lived import (
    KINDS,
    Client,
    Idle,
    bearing,
    ended,
    opened,
    rest,
    run,
    text,
    wait,
    websocket,
)


class Stuck(Client):
    """A client that reads nothing: a close frame waits for it forever."""

    async def _send(self, message):
        await super()._send(message)
        if message["type"] == "websocket.close":
            await asyncio.Event().wait()


def test_clients_that_do_not_read_their_close_delay_no_other_connection(issuer, scene):
    async def work():
        middleware = scene(jwt="introspect")
        stuck = [
            Stuck(middleware, websocket(issuer.opaque_token(expires_in=20)), answers_close=False)
            for _ in range(MAX_TASKS)
        ]
        await rest()
        await wait(issuer, middleware, 1)
        token = issuer.opaque_token(expires_in=60)
        async with opened(issuer, middleware, bearing(token)) as client:
            await wait(issuer, middleware, 30, 0)
            assert all(each.closes for each in stuck)
            await wait(issuer, middleware, 40)
            await ended(client, "inactive")
            await wait(issuer, middleware, GRACE_SECONDS + 1)
            assert all(each.task.done() for each in stuck)

    run(work())


@pytest.mark.parametrize("mode", ["end", "stop_delivering"])
@pytest.mark.parametrize("kind", KINDS)
def test_checks_that_wait_delay_no_connection_that_needs_no_call(issuer, scene, kind, mode, events):
    async def work():
        go = asyncio.Event()
        go.set()

        async def validate(token, request):
            await go.wait()
            return True

        middleware = scene(validators=[validate], admission={"long_lived": mode})
        slow = [
            Client(middleware, websocket(issuer.token(expires_in=3000))) for _ in range(MAX_TASKS)
        ]
        await rest()
        await wait(issuer, middleware, 1)
        scope = KINDS[kind](issuer.token(expires_in=302))
        async with opened(issuer, middleware, scope) as client:
            go.clear()
            await wait(issuer, middleware, 245)  # the checks of the others wait
            await wait(issuer, middleware, 65)
            assert events[-1].reason == "expired"
            assert client.task.done() == (mode == "end")
            go.set()
            await rest()
        assert not any(each.task.done() for each in slow)
        for each in slow:
            each.task.cancel()
        await rest()

    run(work())


@pytest.mark.parametrize("mode", ["end", "stop_delivering", "off"])
@pytest.mark.parametrize("kind", KINDS)
def test_messages_that_wait_delay_no_message_that_needs_no_call(issuer, scene, kind, mode):
    async def work():
        go = asyncio.Event()
        go.set()

        async def validate(token, request):
            await go.wait()
            return True

        middleware = scene(validators=[validate])
        slow = [
            Client(middleware, websocket(issuer.token(expires_in=3000)))
            for _ in range(MAX_MESSAGE_CHECKS)
        ]
        app = Idle()
        records = []

        async def application(scope, receive, send):
            records.append(scope["iiniit_guard.refusal_record"])
            await app(scope, receive, send)

        last = scene(application)
        last._watcher = middleware._watcher
        await rest()
        await wait(issuer, middleware, 1)
        scope = KINDS[kind](issuer.token(expires_in=302))
        async with opened(issuer, last, scope) as client:
            records[0].policies = (make_policy(long_lived=mode),)
            go.clear()
            issuer.clock.advance(310)
            for each in slow:
                each.put(text("now"))
            await rest()
            for _ in range(2):
                client.put(text("late"))
                app.ticks.put_nowait(b"late")
                await rest()
            if mode == "end":
                await ended(client, "expired")
            assert client.texts in ([], ["late"] * 2)
            assert (b"late" in client.parts or client.texts != []) == (mode == "off")
            go.set()
            await rest()
        assert [each.texts for each in slow] == [["now"]] * MAX_MESSAGE_CHECKS
        for each in slow:
            each.task.cancel()
        await rest()

    run(work())
