"""A handler of an open connection verifies its token, or requires more than before."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.adapting.decorators import decide, decide_async
from iiniit_guard.adapting.loop_watches import GRACE_SECONDS
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import request_from_scope
from tests.contract.hosts.long_lived import KINDS, START, Idle, opened, part, run, wait


class Verifying(Idle):
    """Verifies the token of a connection that is open, in the loop or in a thread."""

    def __init__(self, policy, *, in_thread=False):
        super().__init__()
        self.go, self._policy, self._in_thread = asyncio.Event(), policy, in_thread

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
        else:
            await send(START)
            await send(part())
        await self.go.wait()
        arguments = scope, lambda: request_from_scope(scope), self._policy, "asgi"
        if self._in_thread:
            await asyncio.to_thread(decide, *arguments)
        else:
            await decide_async(*arguments)
        await asyncio.Event().wait()


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize(
    ("policy", "admission", "reason"),
    [
        (make_policy(["user:read"]), {"enforce": "declared"}, "expired"),
        (make_policy(long_lived="end"), {"long_lived": "off"}, "expired"),
        (make_policy(max_age=15), {}, "insufficient_authentication"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_check_before_the_handler_verified_the_token_is_not_the_last_one(
    issuer, scene, events, kind, policy, admission, reason, in_thread
):
    async def work():
        app = Verifying(policy, in_thread=in_thread)
        middleware = scene(app, admission=admission)
        seconds = 20 if reason == "expired" else 3000
        token = issuer.token(expires_in=seconds, auth_time=int(issuer.now))
        async with opened(issuer, middleware, KINDS[kind](token)) as client:
            await wait(issuer, middleware, 1)
            app.go.set()
            await asyncio.sleep(0.05 if in_thread else 0)
            await wait(issuer, middleware, 1)
            assert not client.task.done()
            await wait(issuer, middleware, 30, GRACE_SECONDS + 1)
            assert client.task.done()
            assert client.closes or not client.is_complete

    run(work())
    assert events[-1].reason == reason
