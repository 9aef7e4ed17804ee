"""A guarded function that FastAPI calls as a dependency stops the handler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.errors import UsageError
from iiniit_guard.starlette import require_scope, require_token
from tests.contract.hosts.fastapi_dependencies import KINDS, Log, kinds, scope_of


@pytest.fixture
def log():
    return Log()


WAYS = ("parameter", "route", "router", "below another", "application")


def serve(guard, log, dependency, way="parameter", **settings):
    app = FastAPI(dependencies=[Depends(dependency)] if way == "application" else [])
    router = APIRouter()

    async def handler() -> str:
        log("handler")
        return "alice"

    wanted: Any = Depends(dependency)

    async def with_parameter(subject: Any = wanted) -> bool:
        log("handler")
        return bool(subject == "alice")

    async def another(subject: Any = wanted) -> None:
        log("another")

    if way == "parameter":
        router.get("/x")(with_parameter)
    elif way == "route":
        router.get("/x", dependencies=[Depends(dependency)])(handler)
    elif way == "below another":
        router.get("/x", dependencies=[Depends(another)])(handler)
    else:
        router.get("/x")(handler)
    app.include_router(router, dependencies=[Depends(dependency)] if way == "router" else [])
    return TestClient(GuardMiddleware(app, guard, **settings))


@pytest.mark.parametrize(
    "settings", [{}, {"enforce": "declared"}, {"optional_token": True}, {"public": ["/x"]}], ids=str
)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_guarded_dependency_stops_the_handler(guard, bearer, events, log, kind, way, settings):
    client = serve(guard, log, kinds(log)[kind], way, **settings)

    refused = client.get("/x", headers=bearer("user:read"))
    assert (refused.status_code, refused.json()["reason"]) == (403, "missing_scope")
    assert events[-1].reason == "missing_scope"
    anonymous = client.get("/x")
    assert (anonymous.status_code, anonymous.json()["reason"]) == (401, "no_token")
    assert log.lines == []

    good = client.get("/x", headers=bearer("admin", subject="alice"))
    assert (good.status_code, good.json()) == (200, True if way == "parameter" else "alice")
    assert [line for line in log.lines if line != "another"] in (
        ["dependency", "handler"],
        ["dependency", "handler", "end"],
    )


@pytest.mark.parametrize("settings", [{}, {"enforce": "declared"}], ids=str)
@pytest.mark.parametrize(
    "kind", ["async generator", "generator", "stacked generators", "stacked async generators"]
)
def test_a_generator_hears_what_became_of_the_handler(guard, bearer, kind, settings):
    """FastAPI throws an exception into the dependency at its yield, to roll back a transaction."""
    heard = []

    @require_scope("admin")
    async def asynchronous(request: Request) -> AsyncIterator[int]:
        try:
            yield 1
        except LookupError as error:
            heard.append(str(error))
            raise

    @require_scope("admin")
    def synchronous(request: Request) -> Iterator[int]:
        try:
            yield 1
        except LookupError as error:
            heard.append(str(error))
            raise

    dependency: Any = asynchronous if "async" in kind else synchronous
    wanted: Any = Depends(require_token()(dependency) if "stacked" in kind else dependency)
    app = FastAPI()

    @app.get("/x")
    async def handler(number: int = wanted) -> None:
        raise LookupError("rolled back")

    client = TestClient(GuardMiddleware(app, guard, **settings), raise_server_exceptions=False)
    assert client.get("/x", headers=bearer("admin")).status_code == 500
    assert heard == ["rolled back"]


def test_an_asynchronous_generator_is_stepped_sent_to_thrown_into_and_closed_as_it_is(
    guard, bearer
):
    heard = []

    @require_scope("user:read")
    async def echo(request):
        value = "first"
        try:
            while True:
                try:
                    value = yield value
                except LookupError as error:
                    value = f"caught {error}"
                if value == "end":
                    return
        finally:
            heard.append("closed")

    async def drive_it():
        first: Any = echo(Request(scope_of(guard, bearer())))
        assert [
            await anext(first),
            await first.asend("a"),
            await first.athrow(LookupError("b")),
        ] == ["first", "a", "caught b"]
        await first.aclose()
        second: Any = echo(Request(scope_of(guard, bearer())))
        assert await anext(second) == "first"
        with pytest.raises(StopAsyncIteration):
            await second.asend("end")
        third: Any = echo(Request(scope_of(guard, bearer("other"))))
        with pytest.raises(HTTPException):
            await anext(third)

    asyncio.run(drive_it())
    assert heard == ["closed", "closed"]


def test_generator_functions_without_a_middleware_fail(bearer):
    for function in (kinds(Log())["generator"], kinds(Log())["async generator"]):
        with pytest.raises(UsageError, match="without the guard's middleware"):
            function(Request({"type": "http", "headers": bearer()}))


class NoEndpoint:
    def __call__(self, request):
        raise AssertionError


@pytest.mark.parametrize(
    "thing",
    [NoEndpoint(), NoEndpoint, Depends(NoEndpoint()), NoEndpoint.__call__.__get__, "name"],
    ids=repr,
)
def test_what_cannot_be_guarded_is_told_at_decoration(thing):
    with pytest.raises(UsageError, match="can be guarded"):
        require_scope("admin")(thing)


def test_a_dependency_without_a_connection_stops_the_handler(guard, bearer, log):
    @require_scope("admin")
    async def blind() -> None:
        raise AssertionError

    with pytest.raises(UsageError, match="needs the Request"):
        serve(guard, log, blind).get("/x", headers=bearer("admin"))
    assert log.lines == []
