"""What a long-lived connection leaves in memory."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from tests.contract.hosts.long_lived import KINDS, START, Client, part, rest


@pytest.mark.parametrize("kind", KINDS)
def test_a_connection_that_has_ended_is_freed_at_once(issuer, scene, kind):
    """A reference cycle would keep it, with its token, until the garbage collector runs."""
    kept = []

    async def noting(scope, receive, send):
        kept.append(weakref.ref(scope["iiniit_guard.refusal_record"]))
        del scope
        if kind == "WebSocket":
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            return
        await send(START)
        await send(part())
        await send(part(b"", more=False))

    async def work():
        middleware = scene(noting)
        client = Client(middleware, KINDS[kind](issuer.token()))
        client.put({"type": "websocket.disconnect", "code": 1000, "reason": ""})
        await rest()
        assert client.task.done()
        assert client.task.exception() is None
        del client
        await rest()
        return [reference() for reference in kept]

    gc.disable()
    try:
        assert asyncio.run(work()) == [None]
    finally:
        gc.enable()
