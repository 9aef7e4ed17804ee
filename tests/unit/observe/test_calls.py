"""`on_call`: the data of a call that the application gets, and the parts that it can change."""

from __future__ import annotations

import asyncio
import logging

import pytest

from iiniit_guard import CallResult, OutgoingCall
from iiniit_guard.core.model.flow import Fetch, HttpRequest, HttpResponse, Unreachable
from iiniit_guard.io.effects import EffectRunner
from iiniit_guard.testing import Issuer

REQUEST = HttpRequest("GET", "https://as.example/keys", (("Accept", "a/b"),), purpose="keys")
GOOD = HttpResponse(200)
PERFORMED = [
    lambda runner, effect: runner.perform(effect),
    lambda runner, effect: asyncio.run(runner.loops.perform(effect)),
]


class Remembering:
    """A listener that stores each call with its result."""

    def __init__(self, **headers: str) -> None:
        self.seen: list[tuple[OutgoingCall, CallResult]] = []
        self.headers = headers

    def __call__(self, call: OutgoingCall):
        call.headers.update(self.headers)
        return lambda result: self.seen.append((call, result))


def fetched(perform, listener, reply=GOOD, request=REQUEST):
    sent: list[HttpRequest] = []

    def transport(request):
        sent.append(request)
        return reply

    runner = EffectRunner(transport, on_call=listener)
    return perform(runner, Fetch(request)), sent


@pytest.mark.parametrize("perform", PERFORMED, ids=["thread", "loop"])
@pytest.mark.parametrize(
    "reply, status, cause",
    [
        (HttpResponse(200), 200, None),
        (HttpResponse(503), 503, None),
        (Unreachable("tls", "no"), None, "tls"),
    ],
)
def test_the_listener_learns_the_purpose_and_the_result(perform, reply, status, cause):
    listener = Remembering()
    returned, _ = fetched(perform, listener, reply)

    ((call, result),) = listener.seen
    assert (call.purpose, call.method, call.url) == ("keys", "GET", "https://as.example/keys")
    assert (result.status, result.cause) == (status, cause)
    assert 0 <= result.seconds < 5
    assert returned == reply


@pytest.mark.parametrize("perform", PERFORMED, ids=["thread", "loop"])
def test_its_header_fields_are_sent_after_those_of_the_guard(perform):
    _, sent = fetched(perform, Remembering(traceparent="00-ab-cd-01"))

    assert sent[0].headers == (("Accept", "a/b"), ("traceparent", "00-ab-cd-01"))


@pytest.mark.parametrize("perform", PERFORMED, ids=["thread", "loop"])
@pytest.mark.parametrize(
    "headers",
    [
        {"accept": "text/html"},
        {"ACCEPT": "text/html"},
        {"trace parent": "1"},
        {"": "1"},
        {"traceparent": ""},
        {"traceparent": "1\r\nHost: evil"},
        {"traceparent": "ä"},
    ],
)
def test_a_field_that_is_invalid_or_belongs_to_the_guard_is_not_sent(perform, headers, caplog):
    _, sent = fetched(perform, Remembering(**headers))

    assert sent[0].headers == (("Accept", "a/b"),)
    assert caplog.record_tuples == [("iiniit_guard", logging.ERROR, "on_call failed: ValueError")]


@pytest.mark.parametrize("perform", PERFORMED, ids=["thread", "loop"])
def test_an_exception_of_the_listener_changes_nothing(perform, caplog):
    def failing(call):
        raise RuntimeError("secret of the application")

    def failing_later(call):
        return failing

    for listener in (failing, failing_later):
        caplog.clear()
        reply, sent = fetched(perform, listener)

        assert reply == HttpResponse(200)
        assert len(sent) == 1
        assert caplog.messages == ["on_call failed: RuntimeError"]


def test_a_listener_need_not_wait_for_the_result():
    reply, _ = fetched(PERFORMED[0], lambda call: None)

    assert reply == HttpResponse(200)


def test_a_request_without_a_purpose_is_not_observed():
    listener = Remembering()
    fetched(PERFORMED[0], listener, request=HttpRequest("GET", "https://as.example"))

    assert listener.seen == []


def test_a_cancelled_call_ends_too():
    listener = Remembering()
    entered = asyncio.Event()

    class Hanging:
        async def fetch(self, request, started):
            entered.set()
            return await asyncio.Future()

    runner = EffectRunner(on_call=listener)
    runner.loops.client = Hanging()

    async def cancelled():
        task = asyncio.create_task(runner.loops.perform(Fetch(REQUEST)))
        await entered.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancelled())

    assert [(result.status, result.cause) for _, result in listener.seen] == [(None, "cancelled")]


def test_each_call_of_a_guard_names_its_purpose():
    listener, issuer = Remembering(), Issuer()
    with issuer.guard(on_call=listener) as guard:
        guard.verify(issuer.token())
        guard.verify(issuer.opaque_token())

    assert [call.purpose for call, _ in listener.seen] == ["metadata", "keys", "introspection"]
    assert all(result.status == 200 for _, result in listener.seen)


@pytest.mark.parametrize("perform", PERFORMED, ids=["thread", "loop"])
def test_the_exceptions_of_many_calls_are_one_line(perform, caplog):
    def failing(call):
        raise RuntimeError("secret of the application")

    runner = EffectRunner(lambda request: GOOD, on_call=failing)
    assert [perform(runner, Fetch(REQUEST)) for _ in range(50)] == [GOOD] * 50
    assert caplog.messages == ["on_call failed: RuntimeError"]
