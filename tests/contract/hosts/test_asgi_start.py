"""Checks of the ASGI middleware at the start of an application: misplaced decorators, CORS
middleware inside the guard.
"""

from __future__ import annotations

import logging

import pytest

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.errors import UsageError
from iiniit_guard.starlette import require_scope
from tests.contract.hosts.asgi_exchange import OK, Application, Layer, exchange, http


class Route:
    def __init__(self, endpoint):
        self.endpoint = endpoint


class Router(Application):
    def __init__(self, *routes):
        super().__init__(*OK)
        self.routes = list(routes)


def route_decorator(handler):
    registered.append(handler)
    return handler


registered = []


@require_scope("user:read")
@route_decorator
async def misplaced(request):
    raise AssertionError


(undecorated,) = registered


async def decorated_by_a_call(request):
    raise AssertionError


guarded_twin = require_scope("user:read")(decorated_by_a_call)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda router: router,
        Layer,
        lambda router: Layer(Layer(router)),
        lambda router: Router(router),
    ],
)
def test_a_decorator_above_its_route_stops_the_start(guard, wrap):
    app = GuardMiddleware(wrap(Router(Route(undecorated))), guard)

    (failed,) = exchange(app, {"type": "lifespan"}, {"type": "lifespan.startup"})

    assert failed["type"] == "lifespan.startup.failed"
    assert failed["message"].endswith(": tests.contract.hosts.test_asgi_start.misplaced")
    for _ in range(2):  # a server without lifespan: every request fails, none passes
        with pytest.raises(UsageError, match="misplaced"):
            exchange(app, http())


def test_each_start_checks_the_routes_that_were_added_since_the_last_one(guard, bearer):
    router = Router(Route(decorated_by_a_call))
    router.sends = ()
    app = GuardMiddleware(router, guard)
    start = {"type": "lifespan"}, {"type": "lifespan.startup"}

    assert exchange(app, *start) == []
    router.sends = OK
    assert exchange(app, http(bearer()))[0]["status"] == 200
    router.routes.append(Route(undecorated))
    assert exchange(app, http(bearer()))[0]["status"] == 200  # one check for all requests
    (failed,) = exchange(app, *start)
    assert failed["message"].endswith(": tests.contract.hosts.test_asgi_start.misplaced")


@pytest.mark.parametrize(
    "routes",
    [
        (guarded_twin,),
        (misplaced, undecorated),
        (decorated_by_a_call, guarded_twin),
        (decorated_by_a_call,),
        (),
    ],
)
def test_decorators_in_their_place_are_no_fault(guard, bearer, routes):
    app = GuardMiddleware(Router(*map(Route, routes)), guard)

    assert exchange(app, http(bearer()))[0]["status"] == 200


def test_an_application_that_answers_any_attribute_is_survived(guard, bearer):
    class Anything(Application):
        def __getattr__(self, name):
            return self if name == "app" else ()

    assert exchange(GuardMiddleware(Anything(*OK), guard), http(bearer()))[0]["status"] == 200


class CORSMiddleware(Layer):
    pass


class Entry:
    cls = CORSMiddleware


class Configured(Application):
    user_middleware = (Entry(),)


@pytest.mark.parametrize(
    ("app", "warned"),
    [
        (CORSMiddleware(Application(*OK)), True),
        (Layer(CORSMiddleware(Application(*OK))), True),
        (Configured(*OK), True),
        (Layer(Application(*OK)), False),
    ],
)
def test_cors_inside_the_guard_is_warned_about_once(guard, caplog, app, warned):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    guarded = GuardMiddleware(app, guard)

    exchange(guarded, http())
    exchange(guarded, http())

    assert ["CORS" in record.getMessage() for record in caplog.records] == [True] * warned
