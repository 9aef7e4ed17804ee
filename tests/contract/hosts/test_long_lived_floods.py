"""Many open connections whose tokens must be checked at the same time."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.adapting.loop_watches import MAX_MESSAGE_CHECKS
from tests.contract.hosts.long_lived import (
    KINDS,
    Client,
    Idle,
    opened,
    rest,
    run,
    text,
    turn,
    wait,
    websocket,
)


@pytest.mark.parametrize("kind", KINDS)
def test_messages_that_wait_for_a_check_wait_for_a_place(issuer, scene, events, kind):
    async def work():
        running, most, go = [], [], asyncio.Event()

        async def validate(token, request):
            running.append(token)
            most.append(len(running))
            await go.wait()
            running.pop()
            return True

        apps = []

        async def application(scope, receive, send):
            apps.append(Idle())
            await apps[-1](scope, receive, send)

        middleware = scene(application, validators=[validate])
        go.set()
        clients = [
            Client(middleware, KINDS[kind](issuer.token(expires_in=3000))) for _ in range(40)
        ]
        await rest()
        await wait(issuer, middleware, 1)
        go.clear()
        most.clear()
        issuer.clock.advance(400)  # the cached results have ended, and the timer has not run
        for client, app in zip(clients, apps, strict=True):
            client.put(text("now"))
            app.ticks.put_nowait(b"now")
        await rest()
        assert max(most) == MAX_MESSAGE_CHECKS
        go.set()
        for _ in range(4):
            await rest()
        for client in clients:
            assert client.texts == ["now"] or client.parts == [b"tick", b"now"]
            client.task.cancel()
        await rest()

    run(work())
    assert {event.decision for event in events} == {"allow"}


def test_the_timer_does_not_repeat_the_check_of_a_message(issuer, scene):
    async def work():
        middleware = scene(jwt="introspect")
        scope = websocket(issuer.opaque_token(expires_in=3000))
        async with opened(issuer, middleware, scope) as client:
            issuer.requests.clear()
            issuer.clock.advance(62)  # the cached response has ended, and the timer has not run
            client.put(text("now"))
            await rest()
            assert client.texts == ["now"]
            await turn(middleware)
            assert issuer.requests.count("introspection") == 1
            await wait(issuer, middleware, 50)
            assert issuer.requests.count("introspection") == 2

    run(work())
