"""Clients of guarded Starlette applications, and the handlers that several of their tests need."""

from __future__ import annotations

import asyncio
import threading

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.testclient import TestClient

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import access_token, require_scope


def clients(guard):
    """Return a function that makes a client of an application with these routes."""

    def make(*routes, outside=None, **middleware):
        app = Starlette(
            routes=list(routes), middleware=[Middleware(GuardMiddleware, guard=guard, **middleware)]
        )
        return TestClient(app if outside is None else outside(app), raise_server_exceptions=False)

    return make


def subject(connection):
    return Response(access_token(connection).subject)


@require_scope("user:read")
async def by_name(request):
    return subject(request)


@require_scope("user:read")
def threaded(request):
    assert threading.current_thread() is not threading.main_thread()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    return subject(request)


class Whole(HTTPEndpoint):
    async def get(self, request):
        return subject(request)

    def post(self, request):
        return subject(request)


guarded_class = require_scope("user:read")(Whole)
