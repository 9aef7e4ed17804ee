"""Guard an ASGI application, HTTP and WebSocket, without changes to its code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from iiniit_guard.adapting.admission import Admission, Enforce, Preflights, Rules, make_admission
from iiniit_guard.adapting.asgi_exchange import (
    Application,
    HttpExchange,
    Message,
    Receive,
    Scope,
    Send,
    WebsocketExchange,
    begin_scope,
    refuse,
)
from iiniit_guard.adapting.decorator_order import find_misordered
from iiniit_guard.adapting.middleware import admit_async, engine_of
from iiniit_guard.adapting.request_state import (
    ENGINE_KEY,
    PRINCIPAL_KEY,
    RECORD_KEY,
    TOKEN_KEY,
    RefusalRecord,
    record_refusal,
)
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.errors import UsageError

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

__all__ = ["Application", "GuardMiddleware", "Message", "Receive", "Scope", "Send", "refuse"]

_HOST: Final = "asgi"
_log: Final = logging.getLogger("iiniit_guard")


class GuardMiddleware:
    """Middleware that lets a connection reach `app` only with a valid access token.

    When the lifespan of the application ends, the middleware closes the resources that the guard
    holds on this event loop. The guard remains usable.

    Args:
        app: The application to guard. It can read the token from
            `scope["iiniit_guard.access_token"]`, which is None if there is no token.
        guard: The guard that checks the credentials.
        public: Complete decoded paths that pass without a token. `/x/*` matches every path below
            `/x/`.
        rules: Policies by method and path (`iiniit_guard.rules`). Requests that no rule matches are
            refused.
        enforce: `all` requires a token for every request. `declared` requires one only in decorated
            handlers.
        optional_token: Whether requests without credentials pass. Invalid credentials are refused
            in any case.
        preflights: `auto` lets a CORS preflight pass only if `app` is Starlette's `CORSMiddleware`,
            which answers preflights without calling the application. `pass` lets every preflight
            reach `app` without a token, unless a rule names OPTIONS for the path. Use it only if no
            handler of the application runs for OPTIONS. `guard` treats preflights like any request.

    Raises:
        SettingsError: An argument is invalid. The exception lists every fault.
    """

    def __init__(
        self,
        app: Application,
        guard: Guard,
        *,
        public: Iterable[str] = (),
        rules: Rules | None = None,
        enforce: Enforce = "all",
        optional_token: bool = False,
        preflights: Preflights = "auto",
    ) -> None:
        self.app = app
        self.guard: Guard = guard
        self._engine = engine_of(guard)
        self.admission: Admission = make_admission(
            public,
            rules=rules,
            enforce=enforce,
            optional_token=optional_token,
            preflights=preflights,
        )
        self._looked = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the connection, or pass it to the application.

        Raises:
            UsageError: The guard does not support the type of the scope, or a handler refused the
                request after its response had started.
        """
        kind = scope["type"]
        if kind != "http" and kind != "websocket":
            await self._lifespan(scope, receive, send)
            return
        if not self._looked:
            self._look()
        exchange: HttpExchange | WebsocketExchange
        if kind == "http":
            exchange = HttpExchange(scope, send)
        else:
            exchange = WebsocketExchange(scope, receive, send)
            receive = exchange.receive
        # The ASGI specification requires middleware to copy the scope. An outer application that
        # continues with its own scope (another route, another guard) must not find the result of
        # this guard. The copy is shallow (it shares state and path_params) except for the header
        # fields: uvicorn with httptools appends the trailers of the request to its list while the
        # application runs.
        inner = {
            **scope,
            "headers": [*scope["headers"]],
            ENGINE_KEY: self._engine,
            RECORD_KEY: exchange,
        }
        outer = scope.get(RECORD_KEY)
        if isinstance(outer, RefusalRecord):
            exchange.outer = outer
        token, principal = begin_scope(self._engine, self.admission, inner, _HOST), None
        if not isinstance(token, AccessToken):
            answers = kind == "http" and _answers_preflights(self.app)
            decision = await admit_async(
                self._engine,
                self.admission,
                request_from_scope(inner),
                _HOST,
                begun=token,
                host_answers=answers,
            )
            if not isinstance(decision, Allow):
                if isinstance(decision, Refusal):
                    record_refusal(scope, decision)  # for a guard around this one
                await refuse(scope, receive, send, decision)
                return
            token, principal = decision.token, decision.principal
        inner[TOKEN_KEY], inner[PRINCIPAL_KEY] = token, principal
        try:
            running = self.app(inner, receive, exchange.send)
            # Error reporters send the local variables of each frame of a traceback. The scope holds
            # the Authorization field.
            del scope, inner, receive, send
            await running
        except Exception:
            # The refusal caused the exception of the application and replaces it. A response that
            # has started cannot be replaced.
            if exchange.refusal is None or exchange.started:
                raise
            await exchange.finish(exchange.refusal)
        else:
            if exchange.refusal is not None:
                await exchange.finish(exchange.refusal)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            # The guard cannot decide about an unknown type, so it must not pass. ASGI 3.0,
            # "Applications": raise an exception for an unknown type.
            raise UsageError(
                "unsupported ASGI scope type; the guard supports http, websocket and lifespan"
            )
        try:
            self._look()
        except UsageError as fault:
            # The server would treat an exception as missing lifespan support, and would start.
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(fault)})
            return

        async def close_at_end(message: Message) -> None:
            if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self._engine.release_loop()
            await send(message)

        await self.app(scope, receive, close_at_end)

    def _look(self) -> None:
        """Check the order of decorators and middleware in the application, once.

        The application is complete when its lifespan starts, or at the first request.

        Raises:
            UsageError: A decorator of the guard is above a route decorator.
        """
        names = find_misordered(_endpoints(self.app))
        if names:
            raise UsageError(
                "the guard's decorator is above the route decorator and has no effect; "
                f"move it below: {', '.join(names)}"
            )
        if any(name.endswith("CORSMiddleware") for name in _middleware_names(self.app)):
            _log.warning(
                "the CORS middleware is inside the guard: refusals will not reach scripts of other "
                "origins; put it outside"
            )
        if any(_has_root_path(layer) for layer in _layers(self.app)):
            _log.warning(
                "root_path: the guarded application sets it itself, so the guard decides on "
                "another path than the application routes; set root_path in the server, or add "
                "the guard to the application with add_middleware"
            )
        self._looked = True


# Starlette and the frameworks on top of it store the inner application in `.app` and the routes in
# `.routes`, each with a handler in `.endpoint`. FastAPI 0.165 stores the routes of an included
# router in `.original_router`. Other applications are not inspected. The bound ends the iteration
# for objects that have every attribute, and for cycles.
_MAX_LAYERS: Final = 100


def _layers(app: object) -> Iterator[object]:
    for _ in range(_MAX_LAYERS):
        yield app
        app = getattr(app, "app", None)
        if app is None:
            return


def _answers_preflights(app: object) -> bool:
    """Return whether `app` answers every CORS preflight itself.

    The type must be exactly `CORSMiddleware`: a subclass may pass preflights to the application.
    """
    # Starlette may not be installed. If it was not imported, `app` cannot be its middleware.
    cors = sys.modules.get("starlette.middleware.cors")
    return cors is not None and type(app) is cors.CORSMiddleware


def _middleware_names(app: object) -> Iterator[str]:
    for layer in _layers(app):
        yield type(layer).__name__
        for entry in getattr(layer, "user_middleware", ()):
            yield str(getattr(getattr(entry, "cls", None), "__name__", ""))


def _has_root_path(app: object) -> bool:
    # FastAPI(root_path=...) sets root_path in the scope itself. The type check excludes objects
    # that have every attribute.
    root_path = getattr(app, "root_path", "")
    return isinstance(root_path, str) and root_path != ""


def _endpoints(app: object) -> Iterator[object]:
    waiting, seen = [app], set[int]()
    while waiting:
        for layer in _layers(waiting.pop()):
            if id(layer) in seen:
                break
            seen.add(id(layer))
            if hasattr(layer, "endpoint"):
                yield layer.endpoint
            waiting.extend(getattr(layer, "routes", None) or ())
            waiting.append(getattr(layer, "original_router", None))
