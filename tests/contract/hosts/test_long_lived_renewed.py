"""A handler of an open connection verifies its token, or requires more than before."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import RequestFactory

from iiniit_guard.adapting.decorators import decide, decide_async
from iiniit_guard.adapting.loop_watches import GRACE_SECONDS
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.django import GuardMiddleware as DjangoMiddleware
from iiniit_guard.django import require_token
from iiniit_guard.django.responses import RequestRefused
from tests.contract.hosts import django_project
from tests.contract.hosts.long_lived import (
    KINDS,
    START,
    Idle,
    bearing,
    opened,
    part,
    rest,
    run,
    wait,
)


class Verifying(Idle):
    """Verifies the token of a connection that is open, in the loop or in a thread."""

    def __init__(self, policy, *, in_thread=False):
        super().__init__()
        self.go, self.verified = asyncio.Event(), asyncio.Event()
        self._policy, self._in_thread = policy, in_thread

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
        self.verified.set()
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
            await app.verified.wait()
            await wait(issuer, middleware, 1)
            assert not client.task.done()
            await wait(issuer, middleware, 30, GRACE_SECONDS + 1)
            assert client.task.done()
            assert client.closes or not client.is_complete

    run(work())
    assert events[-1].reason == reason


def test_a_handler_that_verifies_the_token_and_ends_leaves_nothing(issuer, scene):
    async def work():
        async def application(scope, receive, send):
            await send(START)
            await send(part())
            policy = make_policy(["user:read"])
            await decide_async(scope, lambda: request_from_scope(scope), policy, "asgi")

        middleware = scene(application, admission={"enforce": "declared"})
        async with opened(issuer, middleware, bearing(issuer.token())) as client:
            assert client.task.exception() is None
            assert middleware._watcher._loops == {}

    run(work())


def verifying(request, issuer):
    check = require_token()(lambda request: None)
    for number in range(3):
        yield b"%d" % number
        issuer.clock.advance(1)
    check(request)
    yield b"3"
    issuer.clock.advance(30)
    yield b"late"


async def collect(content, sent):
    async for chunk in content:
        sent.append(chunk)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream_of_django_that_verifies_the_token_ends_with_it(issuer, guard, events, is_async):
    request = RequestFactory().get("/x", HTTP_AUTHORIZATION=f"Bearer {issuer.token(expires_in=20)}")

    async def chunks():
        for chunk in verifying(request, issuer):
            await rest()
            yield chunk

    def view(request):
        return StreamingHttpResponse(chunks() if is_async else verifying(request, issuer))

    with django_project.configured(IINIIT_GUARD={"guard": guard, "enforce": "declared"}):
        response: Any = DjangoMiddleware(view)(request)
    sent: list[bytes] = []
    if is_async:
        with pytest.raises(RequestRefused):
            asyncio.run(collect(response.streaming_content, sent))
    else:
        with pytest.raises(RequestRefused):
            sent.extend(response.streaming_content)
    assert sent == [b"0", b"1", b"2", b"3"]
    assert [event.reason for event in events] == [None, "expired"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_that_verifies_after_the_end_revives_no_connection(issuer, scene, events, kind):
    async def work():
        records = []

        async def application(scope, receive, send):
            records.append(scope["iiniit_guard.refusal_record"])
            await Idle()(scope, receive, send)

        middleware = scene(application, admission={"long_lived": "stop_delivering"})
        async with opened(issuer, middleware, KINDS[kind](issuer.token(expires_in=20))):
            await wait(issuer, middleware, 30)
            records[0].watch.renew()
            await wait(issuer, middleware, 1)
            assert records[0].watch.discards
            assert middleware._watcher._loops == {}

    run(work())
    assert [event.reason for event in events] == [None, "expired"]
