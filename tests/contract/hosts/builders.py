"""One builder per host: the same small API under each adapter, called in the same way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from iiniit_guard.adapting.admission import PASS
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from tests.contract.hosts import django_builders as on_django
from tests.contract.hosts.calling import Answer, Lines, answer_of, drive, joined
from tests.contract.hosts.handlers import POLICIES, decorated_views

if TYPE_CHECKING:
    from flask import Flask
    from starlette.routing import BaseRoute

    from iiniit_guard.core.model.request import Request as GuardRequest
    from iiniit_guard.guard import Guard

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Site(Protocol):
    """An application and a function that calls it."""

    def __call__(self, method: str, path: str, headers: Lines, query: str) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Host:
    """An adapter under its framework.

    Attributes:
        name: Of the row in the matrix; the event's `host` is in `events`.
        build: Makes the application: guard, arguments of the middleware.
        events: Names that this host's events may have.
        knows_policy: Whether the policy of the handler is known when the token is checked. In other
            hosts the middleware checks the token before the decorator checks the scopes.
        knows_policy_without_token: Whether it is known at least if the request has no token.
    """

    name: str
    build: Callable[[Guard, Mapping[str, Any]], Site]
    events: frozenset[str]
    knows_policy: bool = True
    knows_policy_without_token: bool = False

    def __str__(self) -> str:
        return self.name

    def site(self, guard: Guard, **middleware: Any) -> Site:
        """Create the application once, for several calls."""
        return self.build(guard, middleware)

    def call(
        self,
        guard: Guard,
        method: str = "GET",
        path: str = "/token",
        headers: Iterable[tuple[bytes, bytes]] = (),
        query: str = "",
        **middleware: Any,
    ) -> Answer:
        """Create the application and call it."""
        return self.site(guard, **middleware)(method, path, tuple(headers), query)


def seen(token: Any) -> bytes:
    """Return the response of every handler: the subject and the scopes that it sees."""
    if token is None:
        return b'{"subject": null, "scopes": null}'
    return json.dumps({"subject": token.subject, "scopes": sorted(token.scopes)}).encode()


class Table:
    """Rules for the hosts that have no decorators."""

    def policy_for(self, request: GuardRequest) -> Policy | Any:
        """Return the policy of a path; any token without a row, as frameworks do for 404."""
        return PASS if request.path == "/public" else POLICIES.get(request.path, ANY_TOKEN)


def _with_rules(middleware: Mapping[str, Any]) -> dict[str, Any]:
    # Rules exclude these two settings; a plain middleware then requires any token or none.
    if middleware.get("enforce") == "declared" or middleware.get("optional_token"):
        return {**middleware, "public": (*middleware.get("public", ()), "/public")}
    return {"rules": Table(), **middleware}


# WSGI


def build_wsgi(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from webtest import TestApp, TestRequest

    from iiniit_guard.wsgi import GuardMiddleware

    def application(environ: Any, start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        status = "200 OK" if path in POLICIES or path == "/public" else "404 Not Found"
        body = (
            b""
            if environ["REQUEST_METHOD"] == "HEAD"
            else seen(environ["iiniit_guard.access_token"])
        )
        start_response(
            status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        )
        return [body]

    client = TestApp(GuardMiddleware(application, guard, **_with_rules(middleware)))

    def call(method: str, path: str, headers: Lines, query: str) -> Answer:
        environ = {
            "REQUEST_METHOD": method,
            "QUERY_STRING": query,
            "PATH_INFO": path.encode().decode("latin-1"),
            "REMOTE_ADDR": "127.0.0.1",
            **joined(headers),
        }
        answer = client.do_request(TestRequest.blank("/", environ), expect_errors=True)
        return answer_of(answer.status_int, answer.headerlist, answer.body)

    return call


def build_flask(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from flask import Flask

    from iiniit_guard.flask import IiniitGuard

    app = Flask("profile", static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    IiniitGuard(app, guard, **middleware)
    views = _flask_views()
    app.url_map = views.url_map
    app.view_functions.update(views.view_functions)
    client = app.test_client()

    def call(method: str, path: str, headers: Lines, query: str) -> Answer:
        answer = client.open(
            path, method=method, query_string=query, environ_overrides=joined(headers)
        )
        return answer_of(answer.status_code, list(answer.headers), answer.data)

    return call


@cache
def _flask_views() -> Flask:
    # Werkzeug compiles a function for each rule, in longer than all else of a row. Views know
    # nothing of the guard, so all applications have the same.
    from flask import Flask, Response, request

    import iiniit_guard.flask
    from iiniit_guard.flask import public

    app = Flask("profile", static_folder=None)

    def view() -> Response:
        return Response(
            seen(request.environ["iiniit_guard.access_token"]), content_type="application/json"
        )

    decorated = {**decorated_views(iiniit_guard.flask, view), "/public": public(view)}
    for path, handler in decorated.items():
        app.add_url_rule(path, path[1:], handler, methods=METHODS, provide_automatic_options=False)
    return app


# ASGI


def build_asgi(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from iiniit_guard.asgi import GuardMiddleware

    async def application(scope: Any, receive: Any, send: Any) -> None:
        known = scope["path"] in POLICIES or scope["path"] == "/public"
        body = b"" if scope["method"] == "HEAD" else seen(scope["iiniit_guard.access_token"])
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send(
            {"type": "http.response.start", "status": 200 if known else 404, "headers": headers}
        )
        await send({"type": "http.response.body", "body": body})

    app = GuardMiddleware(application, guard, **_with_rules(middleware))
    return lambda method, path, headers, query: drive(app, method, path, headers, query)


def build_starlette(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware

    from iiniit_guard.asgi import GuardMiddleware

    arguments = {**middleware, "public": (*middleware.get("public", ()), "/public")}
    app = Starlette(
        routes=_starlette_routes(),
        middleware=[Middleware(GuardMiddleware, guard=guard, **arguments)],
    )
    # Not the test client of Starlette, which starts a thread for each request.
    return lambda method, path, headers, query: drive(app, method, path, headers, query)


@cache
def _starlette_routes() -> list[BaseRoute]:
    # Routes know nothing of the guard, so all applications have the same.
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    import iiniit_guard.starlette

    async def handler(request: Request) -> Response:
        return Response(
            seen(request.scope["iiniit_guard.access_token"]), media_type="application/json"
        )

    decorated = {**decorated_views(iiniit_guard.starlette, handler), "/public": handler}
    return [Route(path, endpoint, methods=METHODS) for path, endpoint in decorated.items()]


def build_fastapi(guard: Guard, middleware: Mapping[str, Any]) -> Site:
    from tests.contract.hosts.fastapi_host import application

    app = application(guard, middleware, seen, METHODS)
    # Not the test client of Starlette, which resolves dot segments in paths.
    return lambda method, path, headers, query: drive(app, method, path, headers, query)


HOSTS: Final = (
    Host("wsgi", build_wsgi, frozenset({"wsgi"})),
    Host("asgi", build_asgi, frozenset({"asgi"})),
    Host("flask", build_flask, frozenset({"flask"})),
    Host("django", on_django.build_django, frozenset({"django"}), knows_policy=False),
    Host("django async", on_django.build_django_async, frozenset({"django"}), knows_policy=False),
    Host(
        "rest framework", on_django.build_rest_framework, frozenset({"django"}), knows_policy=False
    ),
    Host("ninja", on_django.build_ninja, frozenset({"django"}), knows_policy=False),
    Host("starlette", build_starlette, frozenset({"asgi", "starlette"}), knows_policy=False),
    Host("fastapi", build_fastapi, frozenset({"asgi", "fastapi"}), knows_policy=False),
)

# The middleware of these two is that of Django, so in the matrix their views decide.
_DECIDED_BY_VIEWS: Final = {
    "rest framework": Host(
        "rest framework",
        partial(on_django.build_rest_framework, views_decide=True),
        frozenset({"django"}),
        knows_policy=False,
        knows_policy_without_token=True,
    ),
    "ninja": Host(
        "ninja", partial(on_django.build_ninja, views_decide=True), frozenset({"django"})
    ),
}
MATRIX: Final = tuple(_DECIDED_BY_VIEWS.get(host.name, host) for host in HOSTS)
"""The hosts of the matrix."""
