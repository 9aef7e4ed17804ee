"""Bare ASGI applications that record their messages, and a driver for them."""

from __future__ import annotations

import asyncio


class Application:
    """Records what it receives, and sends nothing by default."""

    def __init__(self, *sends):
        self.scopes = []
        self.sends = sends

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        for message in self.sends:
            await send(message)


OK = (
    {"type": "http.response.start", "status": 200, "headers": []},
    {"type": "http.response.body", "body": b""},
)


def exchange(app, scope, *received):
    """Run `app` once with these messages; return the messages that it sends."""
    sent, waiting = [], list(received)

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def http(lines=(), **more):
    return {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "query_string": b"",
        "headers": list(lines),
        **more,
    }


class Layer:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)
