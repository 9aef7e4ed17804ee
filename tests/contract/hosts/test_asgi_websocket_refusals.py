"""A WebSocket that a handler refuses is never accepted, or is closed, for every behaviour of the
application.
"""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.errors import UsageError
from tests.contract.hosts.asgi_exchange import exchange
from tests.contract.hosts.asgi_refusing import After, refused

CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
CLOSED = {"type": "websocket.close", "code": 1008, "reason": ""}
TEXT = {"type": "websocket.send", "text": "secret"}


def websocket(lines, *, denial=True):
    extensions = {"websocket.http.response": {}} if denial else {}
    return {
        "type": "websocket",
        "path": "/x",
        "query_string": b"",
        "headers": list(lines),
        "extensions": extensions,
    }


def denied(own_refusal):
    headers = [(name.lower().encode(), value.encode()) for name, value in own_refusal.headers]
    return [
        {"type": "websocket.http.response.start", "status": own_refusal.status, "headers": headers},
        {"type": "websocket.http.response.body", "body": own_refusal.body},
    ]


def test_a_refusal_does_not_wait_for_a_message_that_a_task_of_the_application_awaits(
    guard, bearer, own_refusal
):
    """Quart reads the messages in a task of its own."""

    async def application(scope, receive, send):
        reading = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await After({"type": "websocket.close", "code": 1000})(scope, receive, send)
        reading.cancel()

    messages, sent = [CONNECT], []

    async def receive():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    app = GuardMiddleware(application, guard)
    asyncio.run(asyncio.wait_for(app(websocket(bearer()), receive, send), 10))
    assert sent == denied(own_refusal)


@pytest.mark.parametrize("heard", [True, False], ids=["connect heard", "connect not heard"])
@pytest.mark.parametrize(
    "error", [None, RuntimeError("a failure of the application's")], ids=["returns", "raises"]
)
@pytest.mark.parametrize(
    "then",
    [
        [ACCEPT, TEXT],
        [{"type": "websocket.close", "code": 1000}],
        [
            {"type": "websocket.http.response.start", "status": 200, "headers": []},
            {"type": "websocket.http.response.body", "body": b"secret"},
        ],
        [TEXT],
        [],
    ],
    ids=["accept", "close", "denial", "send", "nothing"],
)
def test_a_connection_that_was_refused_is_never_accepted(
    guard, bearer, own_refusal, heard, error, then
):
    async def application(scope, receive, send):
        if heard:
            assert await receive() == CONNECT
        await After(*then, error=error)(scope, receive, send)

    app = GuardMiddleware(application, guard)

    assert exchange(app, websocket(bearer()), CONNECT) == denied(own_refusal)
    assert exchange(app, websocket(bearer(), denial=False), CONNECT) == [CLOSED]


@pytest.mark.parametrize(
    "error", [None, RuntimeError("a failure of the application's")], ids=["returns", "raises"]
)
@pytest.mark.parametrize(
    "then", [[TEXT, TEXT], [{"type": "websocket.close", "code": 1000}], [ACCEPT], []], ids=str
)
def test_an_accepted_connection_is_closed_and_nothing_more_is_sent(guard, bearer, error, then):
    app = GuardMiddleware(After(*then, first=(ACCEPT,), error=error), guard)

    assert exchange(app, websocket(bearer())) == [ACCEPT, CLOSED]


def test_a_connection_that_the_application_closed_is_left_alone(guard, bearer):
    own_close = {"type": "websocket.close", "code": 1000}

    assert exchange(
        GuardMiddleware(After(TEXT, first=(own_close,)), guard), websocket(bearer())
    ) == [own_close]


def test_a_client_that_went_away_is_sent_nothing_more(guard, bearer):
    async def application(scope, receive, send):
        await send(ACCEPT)
        assert (await receive())["type"] == "websocket.disconnect"
        await refused(scope)

    app = GuardMiddleware(application, guard)

    assert exchange(app, websocket(bearer()), {"type": "websocket.disconnect", "code": 1001}) == [
        ACCEPT
    ]


def test_an_application_that_waits_for_messages_after_a_refusal_hears_that_the_client_left(
    guard, bearer
):
    heard = []

    async def application(scope, receive, send):
        await send(ACCEPT)
        await refused(scope)
        heard.extend([await receive(), await receive()])

    assert exchange(
        GuardMiddleware(application, guard), websocket(bearer()), {"type": "websocket.receive"}
    ) == [ACCEPT, CLOSED]
    assert heard == [{"type": "websocket.disconnect", "code": 1008, "reason": ""}] * 2


def test_a_message_that_arrives_while_another_task_is_refused_is_dropped(guard, bearer):
    heard = []

    async def application(scope, receive, send):
        await send(ACCEPT)
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await refused(scope)
        arrived.set()
        heard.append((await waiting)["type"])

    async def once():
        async def receive():
            await arrived.wait()
            return {"type": "websocket.receive", "text": "delete everything"}

        async def send(message):
            sent.append(message)

        await GuardMiddleware(application, guard)(websocket(bearer()), receive, send)

    arrived, sent = asyncio.Event(), []
    asyncio.run(once())
    assert heard == ["websocket.disconnect"]
    assert sent == [ACCEPT, CLOSED]


@pytest.mark.parametrize(
    "error", [None, RuntimeError("a failure of the application's")], ids=["returns", "raises"]
)
@pytest.mark.parametrize(
    "then",
    [[{"type": "websocket.http.response.body", "body": b"secret"}], []],
    ids=["body", "nothing"],
)
def test_a_denial_of_the_applications_that_has_started_is_aborted(guard, bearer, error, then):
    first = {"type": "websocket.http.response.start", "status": 200, "headers": []}
    sent = []

    async def send(message):
        sent.append(message)

    with pytest.raises((UsageError, RuntimeError)):
        asyncio.run(
            GuardMiddleware(After(*then, first=(first,), error=error), guard)(
                websocket(bearer()),
                None,  # type: ignore[arg-type]  # as above
                send,
            )
        )
    assert sent == [first]
