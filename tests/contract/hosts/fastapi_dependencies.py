"""FastAPI dependencies of every kind that can be guarded, and a log of their calls."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import Request
from fastapi.requests import HTTPConnection

from iiniit_guard.errors import UsageError
from iiniit_guard.starlette import access_token, require_any_scope, require_scope, require_token


class Log:
    """The log of calls, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


def kinds(log: Log) -> dict[str, Any]:
    """Return every kind of dependency that can be guarded; each returns the subject."""

    @require_scope("admin")
    async def asynchronous(request: Request) -> str | None:
        log("dependency")
        return access_token(request).subject

    @require_scope("admin")
    def synchronous(request: Request) -> str | None:
        assert threading.current_thread() is not threading.main_thread()
        log("dependency")
        return access_token(request).subject

    @require_scope("admin")
    async def asynchronous_generator(request: Request) -> AsyncIterator[str | None]:
        log("dependency")
        yield access_token(request).subject
        log("end")

    @require_scope("admin")
    def generator(request: Request) -> Iterator[str | None]:
        log("dependency")
        yield access_token(request).subject
        log("end")

    @require_scope("admin")
    async def any_connection(connection: HTTPConnection) -> str | None:
        log("dependency")
        return access_token(connection).subject

    class Callable:
        @require_scope("admin")
        async def __call__(self, request: Request) -> str | None:
            log("dependency")
            return access_token(request).subject

    class Generating:
        @require_scope("admin")
        def __call__(self, request: Request) -> Iterator[str | None]:
            log("dependency")
            yield access_token(request).subject
            log("end")

    class Made:
        @require_scope("admin")
        def __init__(self, request: Request) -> None:
            log("dependency")
            self.subject = access_token(request).subject

        def __eq__(self, other: object) -> bool:
            return self.subject == other

        __hash__ = object.__hash__

    async def prefixed(prefix: str, request: Request) -> str | None:
        log("dependency")
        return access_token(request).subject

    return {
        "async": asynchronous,
        "sync": synchronous,
        "async generator": asynchronous_generator,
        "generator": generator,
        "any connection": any_connection,
        "callable": Callable(),
        "generating callable": Generating(),
        "class": Made,
        "stacked": require_token()(require_any_scope("admin", "user:read")(asynchronous)),
        "stacked generators": require_any_scope("admin", "user:read")(generator),
        "stacked async generators": require_any_scope("admin", "user:read")(asynchronous_generator),
        "partial": functools.partial(require_scope("admin")(prefixed), "x"),
    }


KINDS = list(kinds(Log()))


def scope_of(guard, lines=(), **more):
    return {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "query_string": b"",
        "headers": list(lines),
        "iiniit_guard.engine": guard and guard._engine,
        **more,
    }


def aborted(app, lines):
    """Return the messages that are sent until the middleware raises, and the exception."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises((RuntimeError, UsageError)) as raised:
        asyncio.run(
            app(
                {**scope_of(None, lines), "asgi": {"version": "3.0", "spec_version": "2.4"}},
                receive,
                send,
            )
        )
    return sent, raised.value


def text(lines):
    return [(name.decode(), value.decode()) for name, value in lines]
