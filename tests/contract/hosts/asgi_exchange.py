"""Bare ASGI: an application that notes what it gets, one around another, and the messages that go to and fro."""

from __future__ import annotations

import asyncio


class Application:
    """Notes what it gets, and answers nothing unless told."""

    def __init__(self, *sends):
        self.scopes = []
        self.sends = sends

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        for message in self.sends:
            await send(message)


OK = ({"type": "http.response.start", "status": 200, "headers": []}, {"type": "http.response.body", "body": b""})


def exchange(app, scope, *received):
    """Run `app` once: what it sends when it receives these messages."""
    sent, waiting = [], list(received)

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def http(lines=(), **more):
    return {"type": "http", "method": "GET", "path": "/x", "query_string": b"", "headers": list(lines), **more}


class Layer:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)
