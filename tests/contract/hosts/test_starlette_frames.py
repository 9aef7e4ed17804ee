"""No frame of the package holds the connection during a handler or in its traceback."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.requests import HTTPConnection, Request

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import require_scope, require_token
from tests.contract.hosts.asgi_exchange import exchange, http


def variables(value: Any, depth: int = 3) -> list[Any]:
    """Return `value` and what an error reporter shows of it: items of mappings and sequences,
    arguments of a partial function.
    """
    found = [value]
    inside: list[Any] = []
    if isinstance(value, Mapping):
        inside = list(value.values())
    elif isinstance(value, list | tuple):
        inside = list(value)
    elif isinstance(value, functools.partial):
        inside = [*value.args, *value.keywords.values()]
    return found + [more for each in inside if depth for more in variables(each, depth - 1)]


def is_exposed(frame: Any) -> bool:
    if not frame.f_globals.get("__name__", "").startswith("iiniit_guard"):
        return False
    shown = [value for local in frame.f_locals.values() for value in variables(local)]
    return any(
        isinstance(value, HTTPConnection) or (isinstance(value, bytes) and b"Bearer" in value)
        for value in shown
    )


def exposed_in(error: BaseException | None) -> list[str]:
    names = []
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            names += [trace.tb_frame.f_code.co_qualname] * is_exposed(trace.tb_frame)
            trace = trace.tb_next
        error = error.__context__
    return names


class Failing(Exception):
    def __init__(self) -> None:
        """Note which running frames hold the connection."""
        super().__init__()
        self.names: list[str] = []
        frame: Any = sys._getframe(1)
        while frame is not None:
            self.names += [frame.f_code.co_qualname] * is_exposed(frame)
            frame = frame.f_back


def fail() -> Any:
    raise Failing


def synchronous(request):
    raise Failing


async def asynchronous(request):
    raise Failing


def generator(request):
    yield fail()


async def asynchronous_generator(request):
    yield fail()


@require_scope("user:read")
class Endpoint(HTTPEndpoint):
    async def get(self, request):
        raise Failing


def raising_before(function: Any) -> Any:
    """A decorator of the application's whose wrapper is a plain function, whatever it wraps."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        raise Failing

    return wrapper


KINDS: dict[str, Any] = {
    "sync": synchronous,
    "async": asynchronous,
    "generator": generator,
    "async generator": asynchronous_generator,
    "sync, raising before": raising_before(synchronous),
    "generator, raising before": raising_before(generator),
    "async generator, raising before": raising_before(asynchronous_generator),
    "async, raising before": raising_before(asynchronous),
}


async def call(handler: Any, scope: Any, *, keyword: bool) -> None:
    if isinstance(handler, type):
        await handler(scope, None, None)
        return
    request = Request(scope)
    made = handler(request=request) if keyword else handler(request)
    del request
    if hasattr(made, "__await__"):
        await made
    elif hasattr(made, "__anext__"):
        await anext(made)
    elif hasattr(made, "__next__"):
        next(made)


def errors_of(guard: Any, lines: Any, handler: Any, *, keyword: bool, **settings: Any) -> list[Any]:
    """Return what the application sees raised, and what the middleware raises."""
    raised: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        try:
            await call(handler, scope, keyword=keyword)
        except Exception as error:
            raised.append(error)
            raise

    try:
        exchange(GuardMiddleware(application, guard, **settings), http(lines))
    except Exception as error:
        raised.append(error)
    return raised


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
@pytest.mark.parametrize("keyword", [False, True], ids=["positional", "keyword"])
@pytest.mark.parametrize(
    "decorators",
    [(require_scope("user:read"),), (require_token(), require_scope("user:read"))],
    ids=["one", "two"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_that_fails(guard, bearer, kind, decorators, keyword, settings):
    handler = functools.reduce(lambda made, decorator: decorator(made), decorators, KINDS[kind])

    errors = errors_of(guard, bearer(), handler, keyword=keyword, **settings)

    assert [type(error) for error in errors] == [Failing, Failing]
    assert [exposed_in(error) for error in errors] == [[], []]
    if (
        kind != "async, raising before"
    ):  # the wrapper of a coroutine function calls it, so that its own plain wrapper runs within
        assert errors[0].names == []


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
@pytest.mark.parametrize("keyword", [False, True], ids=["positional", "keyword"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_of_the_inner_decorator(guard, bearer, kind, keyword, settings):
    handler = require_token()(require_scope("admin")(KINDS[kind]))

    errors = errors_of(guard, bearer(), handler, keyword=keyword, **settings)

    assert [type(error).__name__ for error in errors] == ["HTTPException"]
    assert exposed_in(errors[0]) == []


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
def test_an_endpoint_that_fails(guard, bearer, settings):
    errors = errors_of(guard, bearer(), Endpoint, keyword=False, **settings)

    assert [type(error) for error in errors] == [Failing, Failing]
    assert [exposed_in(error) for error in errors] == [[], []]
    assert errors[0].names == []


def test_what_looks_for_the_connection_finds_it(bearer):
    """Check that the tests above can fail."""

    def holding(request):
        raise Failing

    holding = type(holding)(holding.__code__, {"__name__": "iiniit_guard.x", "Failing": Failing})
    with pytest.raises(Failing) as raised:
        asyncio.run(call(holding, http(bearer()), keyword=False))
    assert exposed_in(raised.value) == raised.value.names != []
