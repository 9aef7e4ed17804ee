"""Streaming responses of Django end with their token, also while they wait."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from django.http import FileResponse, StreamingHttpResponse
from django.test import RequestFactory

from iiniit_guard.adapting.loop_watches import GRACE_SECONDS
from iiniit_guard.django import GuardMiddleware as DjangoMiddleware
from iiniit_guard.django import require_token
from iiniit_guard.django.responses import RequestRefused
from tests.contract.hosts import django_project
from tests.contract.hosts.long_lived import Steps, rest, turn


def django_response(guard, request, make, **settings):
    with django_project.configured(IINIIT_GUARD={"guard": guard, **settings}):
        middleware = DjangoMiddleware(lambda request: StreamingHttpResponse(make()))
        return middleware, middleware(request)


def bearing(token):
    return RequestFactory().get("/x", HTTP_AUTHORIZATION=f"Bearer {token}")


def collected(response):
    sent = []
    try:
        sent.extend(response.streaming_content)
    except RequestRefused:
        return sent, True
    return sent, False


@pytest.mark.parametrize(
    ("mode", "aborted", "count"),
    [("end", True, 2), ("stop_delivering", True, 2), ("off", False, 4)],
)
def test_a_stream_of_django_ends(issuer, guard, events, mode, aborted, count):
    steps = Steps(*[lambda: issuer.clock.advance(15)] * 3)
    request = bearing(issuer.token(expires_in=20))
    _, response = django_response(guard, request, steps.chunks, long_lived=mode)

    sent, was_aborted = collected(response)

    assert (len(sent), was_aborted) == (count, aborted)
    assert (events[-1].reason, events[-1].host) == ("expired" if aborted else None, "django")


def test_a_decorator_of_django_overrides_the_middleware(issuer, guard):
    steps = Steps(*[lambda: issuer.clock.advance(15)] * 3)
    view = require_token(long_lived="off")(lambda request: StreamingHttpResponse(steps.chunks()))
    with django_project.configured(IINIIT_GUARD=guard):
        response = DjangoMiddleware(view)(bearing(issuer.token(expires_in=20)))
    assert collected(response) == ([b"0", b"1", b"2", b"3"], False)


def test_a_file_that_the_server_sends_is_not_watched(guard, issuer, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with django_project.configured(IINIIT_GUARD=guard):
        middleware = DjangoMiddleware(lambda request: FileResponse(path.open("rb")))
        response: Any = middleware(bearing(issuer.token(expires_in=20)))
        issuer.clock.advance(30)
        assert b"".join(response.streaming_content) == b"content"
        response.close()


class Waiting:
    """An asynchronous body that waits without end after its first chunk."""

    def __init__(self):
        self.go, self.errors = asyncio.Event(), []

    async def chunks(self):
        try:
            yield b"0"
            await self.go.wait()
            yield b"1"
        except BaseException as error:
            self.errors.append(type(error))
            raise


async def consume(response, sent):
    async for chunk in response.streaming_content:
        sent.append(chunk)


@pytest.mark.parametrize("mode", ["end", "stop_delivering"])
@pytest.mark.parametrize("sends", [False, True])
def test_an_asynchronous_stream_of_django_ends_while_it_waits(issuer, guard, mode, sends):
    async def work():
        body, sent = Waiting(), []
        middleware, response = django_response(
            guard, bearing(issuer.token(expires_in=20)), body.chunks, long_lived=mode
        )
        task = asyncio.ensure_future(consume(response, sent))
        await rest()
        issuer.clock.advance(1)
        await turn(middleware)
        issuer.clock.advance(30)
        if sends:
            body.go.set()
            await rest()
        else:
            await turn(middleware)
            assert task.done() == (mode == "end")
            body.go.set()
            await rest()
        assert sent == [b"0"]
        assert isinstance(task.exception(), RequestRefused)
        assert middleware._watcher._loops == {}

    asyncio.run(asyncio.wait_for(work(), 10))


def test_an_asynchronous_stream_of_django_keeps_another_cancellation(issuer, guard):
    async def work():
        body = Waiting()
        middleware, response = django_response(
            guard, bearing(issuer.token(expires_in=20)), body.chunks
        )
        task = asyncio.ensure_future(consume(response, []))
        await rest()
        task.cancel()
        await rest()
        assert task.cancelled()
        assert body.errors == [asyncio.CancelledError]
        assert middleware._watcher._loops == {}

    asyncio.run(asyncio.wait_for(work(), 10))


def test_an_asynchronous_stream_that_is_not_waited_for_is_not_cancelled(issuer, guard):
    async def work():
        body, sent, resume = Waiting(), [], asyncio.Event()

        async def slow_client():
            async for chunk in response.streaming_content:
                sent.append(chunk)
                await resume.wait()

        middleware, response = django_response(
            guard, bearing(issuer.token(expires_in=20)), body.chunks
        )
        task = asyncio.ensure_future(slow_client())
        await rest()
        issuer.clock.advance(1)
        await turn(middleware)
        issuer.clock.advance(30)
        await turn(middleware)
        assert not task.done()
        body.go.set()
        resume.set()
        await rest()
        assert isinstance(task.exception(), RequestRefused)
        assert sent == [b"0"]

    asyncio.run(asyncio.wait_for(work(), 10))


@pytest.mark.parametrize("kind", ["slow client", "swallows", "swallowed before"])
def test_an_asynchronous_stream_of_django_that_goes_on_waiting_ends(issuer, guard, events, kind):
    async def chunks():
        own = asyncio.current_task()
        if own is not None and kind == "swallowed before":
            own.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        yield b"0"
        if kind == "swallows":
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)
        await asyncio.sleep(1000)

    async def work():
        sent, resume = [], asyncio.Event()

        async def client():
            async for chunk in response.streaming_content:
                sent.append(chunk)
                if kind == "slow client":
                    await resume.wait()

        token = issuer.token(expires_in=20)
        middleware, response = django_response(guard, bearing(token), chunks)
        task = asyncio.ensure_future(client())
        await rest()
        for seconds in (1, 30, GRACE_SECONDS + 1):
            issuer.clock.advance(seconds)
            await turn(middleware)
        resume.set()
        await rest()
        assert task.done()
        assert sent == [b"0"]
        assert middleware._watcher._loops == {}

    asyncio.run(asyncio.wait_for(work(), 10))
    assert events[-1].reason == "expired"


def test_a_stream_that_swallows_its_cancellation_leaves_none_behind(issuer, guard):
    async def work():
        left = []

        async def chunks():
            yield b"0"
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                yield b"1"

        async def consume_all():
            with suppress(RequestRefused):
                await consume(response, left)
            assert task.cancelling() == 0

        request = bearing(issuer.token(expires_in=20))
        middleware, response = django_response(guard, request, chunks)
        task = asyncio.ensure_future(consume_all())
        await rest()
        issuer.clock.advance(30)
        await turn(middleware)
        await task
        assert left == [b"0"]

    asyncio.run(work())
