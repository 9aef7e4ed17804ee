"""Streaming responses end with their token behind permissions, `GuardAuth` and security schemes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client as DjangoClient
from django.urls import path
from fastapi import FastAPI, Security, WebSocket
from ninja import NinjaAPI
from rest_framework.response import Response
from rest_framework.views import APIView
from starlette.responses import StreamingResponse

from iiniit_guard import UsageError
from iiniit_guard.django.responses import RequestRefused
from iiniit_guard.fastapi import GuardScheme
from iiniit_guard.ninja import GuardAuth
from iiniit_guard.rest_framework import RequireAnyScope, RequireScope, RequireToken
from tests.contract.hosts import django_project
from tests.contract.hosts.django_site import GUARD
from tests.contract.hosts.long_lived import KINDS as CONNECTIONS
from tests.contract.hosts.long_lived import Steps, ended, opened, rest, run, wait

READ = "user:read"
PERMISSIONS = {
    "RequireScope": lambda **more: RequireScope(READ, **more),
    "RequireAnyScope": lambda **more: RequireAnyScope(READ, "other", **more),
    "RequireToken": RequireToken,
    "an expression": lambda **more: RequireToken(**more) & RequireScope(READ),
}
KINDS: dict[str, Any] = {**PERMISSIONS, "GuardAuth": lambda **more: GuardAuth(READ, **more)}


def patterns_of(kind, arguments, steps):
    """Return a view or an operation that streams, behind `KINDS[kind](**arguments)`."""
    made: Any = KINDS[kind](**arguments)
    if kind in PERMISSIONS:

        class Stream(APIView):
            permission_classes = (made if callable(made) else lambda: made,)

            def get(self, request):
                return StreamingHttpResponse(steps.chunks())

        return [path("x", Stream.as_view())]
    api = NinjaAPI(urls_namespace=f"streams-{id(steps)}")
    api.get("/x", auth=made)(lambda request: StreamingHttpResponse(steps.chunks()))
    return [path("", api.urls)]


def stream(guard, token, patterns, **settings):
    """Return what the client gets of the stream, and whether it was truncated."""
    sent = []
    with django_project.configured(
        ROOT_URLCONF=tuple(patterns),
        MIDDLEWARE=[GUARD],
        IINIIT_GUARD={"guard": guard, **settings},
    ):
        response: Any = DjangoClient().get("/x", headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 200
        try:
            sent.extend(response.streaming_content)
        except RequestRefused:
            return sent, True
    return sent, False


ALL = ([b"0", b"1", b"2", b"3"], False)
ENDED = ([b"0", b"1"], True)


@pytest.mark.parametrize(
    ("arguments", "settings", "expected"),
    [
        ({}, {}, ENDED),
        ({}, {"long_lived": "off"}, ALL),
        ({"long_lived": "off"}, {}, ALL),
        ({"long_lived": "end"}, {"long_lived": "off"}, ENDED),
        ({"long_lived": "stop_delivering"}, {"long_lived": "off"}, ENDED),
        ({}, {"enforce": "declared"}, ENDED),
        ({"long_lived": "off"}, {"enforce": "declared"}, ALL),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_of_django_ends(issuer, guard, kind, arguments, settings, expected):
    steps = Steps(*[lambda: issuer.clock.advance(15)] * 3)
    token = issuer.token(expires_in=20)

    assert stream(guard, token, patterns_of(kind, arguments, steps), **settings) == expected


@pytest.mark.parametrize("kind", ["RequireToken", "GuardAuth"])
def test_a_stream_of_django_ends_with_the_age_of_the_authentication(issuer, guard, events, kind):
    steps = Steps(*[lambda: issuer.clock.advance(400)] * 3)
    token = issuer.token(expires_in=9000, auth_time=int(issuer.now))
    patterns = patterns_of(kind, {"max_age": 500}, steps)

    assert stream(guard, token, patterns) == ENDED
    assert events[-1].reason == "insufficient_authentication"


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_value_is_refused(kind):
    with pytest.raises(UsageError, match="long_lived"):
        KINDS[kind](long_lived="sometimes")


def test_the_permission_of_another_method_does_not_count(issuer, guard):
    """The browsable API and OPTIONS check it only to find out which forms to show."""
    steps = Steps(*[lambda: issuer.clock.advance(15)] * 3)

    class Stream(APIView):
        def get_permissions(self):
            mode: Any = "end" if self.request.method == "GET" else "off"
            return [RequireScope(READ, long_lived=mode)]

        def get(self, request):
            self.response = Response()  # as while a response is rendered
            self.request.method = "POST"
            for permission in self.get_permissions():
                assert permission.has_permission(request, self)
            return StreamingHttpResponse(steps.chunks())

    token = issuer.token(expires_in=20)
    assert stream(guard, token, [path("x", Stream.as_view())]) == ENDED


def fastapi_app(arguments):
    app = FastAPI()
    guarded = Security(GuardScheme(**arguments), scopes=[READ])

    @app.websocket("/x")
    async def socket(websocket: WebSocket, who: Any = guarded) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    @app.get("/x")
    async def handler(who: Any = guarded) -> StreamingResponse:
        async def chunks():
            yield b"0"
            await asyncio.Event().wait()

        return StreamingResponse(chunks())

    return app


@pytest.mark.parametrize("connection", CONNECTIONS)
@pytest.mark.parametrize(
    ("arguments", "admission", "ends"),
    [
        ({}, {}, True),
        ({"long_lived": "off"}, {}, False),
        ({"long_lived": "end"}, {"long_lived": "off"}, True),
        ({}, {"enforce": "declared"}, True),
        ({"long_lived": "off"}, {"enforce": "declared"}, False),
    ],
)
def test_a_connection_of_fastapi_ends(issuer, scene, connection, arguments, admission, ends):
    async def work():
        middleware = scene(fastapi_app(arguments), admission=admission)
        scope = CONNECTIONS[connection](issuer.token(expires_in=20))
        async with opened(issuer, middleware, scope) as client:
            assert client.sent[0].get("status", 200) == 200
            assert client.closes == []
            await wait(issuer, middleware, 30)
            if ends:
                await ended(client, "expired")
            else:
                await rest()
                assert not client.task.done()

    run(work())
