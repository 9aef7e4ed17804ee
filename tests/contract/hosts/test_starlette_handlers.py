"""Starlette handlers: the place of their request, threads, classes."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.errors import UsageError
from iiniit_guard.starlette import access_token, require_any_scope, require_scope, require_token
from tests.contract.hosts.starlette_handlers import (
    Whole,
    by_name,
    clients,
    guarded_class,
    subject,
    threaded,
)

READ = make_policy(["user:read"])


@pytest.fixture
def client(guard):
    return clients(guard)


@require_scope("user:read")
async def by_another_name(anything: Request):
    return subject(anything)


class Methods(HTTPEndpoint):
    @require_scope("user:read")
    async def get(self, request):
        return subject(request)

    @require_scope("user:read")
    def post(self, request):
        return subject(request)


class Holder:
    @require_scope("user:read")
    async def handle(self, request):
        return subject(request)


async def prefixed(prefix, request):
    return subject(request)


HANDLERS: dict[str, Any] = {
    "async function": by_name,
    "another name": by_another_name,
    "sync function": threaded,
    "class": guarded_class,
    "methods": Methods,
    "bound method": Holder().handle,
    "partial inside": require_scope("user:read")(functools.partial(prefixed, "x")),
    "partial outside": functools.partial(require_scope("user:read")(prefixed), "x"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("name", HANDLERS)
@pytest.mark.parametrize(
    "middleware",
    [{}, {"enforce": "declared"}, {"public": ("/x",)}, {"optional_token": True}],
    ids=str,
)
def test_every_kind_of_handler_is_guarded(client, bearer, events, name, method, middleware):
    is_class = isinstance(HANDLERS[name], type)
    route = (
        Route("/x", HANDLERS[name])
        if is_class
        else Route("/x", HANDLERS[name], methods=["GET", "POST"])
    )
    application = client(route, **middleware)

    assert application.request(method, "/x", headers=bearer(subject="alice")).text == "alice"
    refused = application.request(method, "/x", headers=bearer("other"))
    assert refused.status_code == 403
    assert refused.json()["reason"] == "missing_scope"
    assert "charset" not in refused.headers["content-type"]
    assert application.request(method, "/x").status_code == 401
    assert events[-1].reason == "no_token"


def test_decorated_handlers_keep_their_looks():
    assert inspect.iscoroutinefunction(by_name)
    assert not inspect.iscoroutinefunction(threaded)
    assert list(inspect.signature(by_another_name).parameters) == ["anything"]
    assert guarded_class is Whole
    assert Whole.dispatch.__name__ == "dispatch"


def test_policies_are_on_the_handler_the_outermost_first():
    @require_any_scope("a", "b")
    @require_token(max_age=60)
    @require_scope("user:read")
    async def handler(request):
        raise AssertionError

    assert policies_of(handler) == (
        make_policy(["a", "b"], match="any"),
        make_policy(max_age=60),
        READ,
    )
    assert policies_of(by_name) == (READ,)
    assert policies_of(Whole) == (READ,)


def test_stacked_decorators_all_decide(client, bearer):
    @require_scope("user:write")
    @require_scope("user:read")
    async def handler(request):
        return subject(request)

    application = client(Route("/x", handler))

    assert application.get("/x", headers=bearer("user:read user:write")).status_code == 200
    assert application.get("/x", headers=bearer("user:read")).status_code == 403
    assert application.get("/x", headers=bearer("user:write")).status_code == 403


def test_a_subclass_is_guarded_and_its_base_is_not(client, bearer):
    class Base(HTTPEndpoint):
        async def get(self, request):
            return Response("base")

    @require_scope("user:write")
    class Sub(Base):
        pass

    application = client(Route("/base", Base), Route("/sub", Sub))

    assert application.get("/base", headers=bearer()).status_code == 200
    assert application.get("/sub", headers=bearer()).status_code == 403


def test_a_handler_without_request_fails(client, bearer):
    @require_scope("user:read")
    async def handler():
        raise AssertionError

    with pytest.raises(UsageError, match="needs the Request"):
        asyncio.run(handler())


def test_keyword_arguments_are_searched(guard, bearer):
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/x",
        "headers": bearer(subject="alice"),
        "query_string": b"",
        "iiniit_guard.engine": guard._engine,
    }

    handler: Any = by_another_name
    answer = asyncio.run(handler(anything=Request(scope)))

    assert answer.body == b"alice"
    with pytest.raises(UsageError, match="needs the Request"):
        asyncio.run(handler(anything=scope))


def test_access_token_is_found_or_missed(guard, bearer):
    token = guard.verify(bearer()[0][1][7:].decode())

    assert access_token({"iiniit_guard.access_token": token}) is token
    assert access_token(Request({"type": "http", "iiniit_guard.access_token": token})) is token
    for scope in ({}, {"iiniit_guard.access_token": None}):
        with pytest.raises(UsageError, match="no access token"):
            access_token(scope)


@pytest.mark.parametrize(
    "thing",
    [
        Route("/x", by_name),
        None,
        3,
        Starlette(),
        staticmethod(prefixed),
        Middleware(CORSMiddleware),
        Exception,
        CORSMiddleware,
    ],
    ids=repr,
)
def test_what_is_no_handler_cannot_be_guarded(thing):
    with pytest.raises(UsageError, match="can be guarded"):
        require_scope("user:read")(thing)


@pytest.mark.parametrize("scopes", [(), ("two words",), (by_name,), ("",)], ids=str)
def test_unusable_scopes_are_refused_at_decoration(scopes):
    with pytest.raises(UsageError):
        require_scope(*scopes)
