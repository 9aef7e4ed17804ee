"""Guard an ASGI application, HTTP and WebSocket, without changes to its code."""

from __future__ import annotations

from asyncio import _get_running_loop, current_task
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Unpack

from iiniit_guard.adapting.admission import (
    Admission,
    AdmissionKeywords,
    engine_of,
    make_admission,
)
from iiniit_guard.adapting.asgi_exchange import (
    HttpExchange,
    answers_preflights,
    begin_scope,
    refuse,
)
from iiniit_guard.adapting.decorator_order import check_application
from iiniit_guard.adapting.decorators import decide_async
from iiniit_guard.adapting.lifespan import run_lifespan
from iiniit_guard.adapting.loop_watcher import LoopWatcher
from iiniit_guard.adapting.middleware import admit_async
from iiniit_guard.adapting.request_state import (
    ENGINE_KEY,
    PRINCIPAL_KEY,
    RECORD_KEY,
    TOKEN_KEY,
    record_refusal,
)
from iiniit_guard.adapting.subprotocol import move_token
from iiniit_guard.adapting.types import Application, Message, Receive, Scope, Send
from iiniit_guard.adapting.websocket_exchange import WebsocketExchange
from iiniit_guard.core.decide import Unfinished
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Decision, Refusal, Response
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.request import Request, request_from_scope

if TYPE_CHECKING:
    from functools import _lru_cache_wrapper

    from iiniit_guard.guard import Guard

__all__ = [
    "Application",
    "GuardMiddleware",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "authorize",
    "refuse",
]

_HOST: Final = "asgi"
_EXCHANGES: Final[dict[str, type[HttpExchange | WebsocketExchange]]] = {
    "http": HttpExchange,
    "websocket": WebsocketExchange,
}


class GuardMiddleware:
    """Middleware that lets a connection reach `app` only with a valid access token.

    When the lifespan of the application ends, the middleware closes the resources that the guard
    holds on this event loop. The guard remains usable.

    Args:
        app: The application to guard. It can read the token from
            `scope["iiniit_guard.access_token"]`, which is None if there is no token.
        guard: The guard that checks the credentials.
        settings: See `AdmissionKeywords`. With `preflights="auto"`, a CORS preflight passes only if
            `app` is Starlette's `CORSMiddleware`, which answers preflights without calling the
            application.

    Raises:
        SettingsError: An argument is invalid. The exception lists every fault.
    """

    def __init__(
        self, app: Application, guard: Guard, **settings: Unpack[AdmissionKeywords]
    ) -> None:
        self.app = app
        self.guard: Guard = guard
        self._engine = engine_of(guard)
        self.admission: Admission = make_admission(**settings)
        self._reads_subprotocol = self._engine.resource.settings.websocket_subprotocol_token
        # `cache` stores no exception, so a failed check runs again at the next request.
        self._check: _lru_cache_wrapper[None] = cache(partial(check_application, app))
        self._watcher = LoopWatcher(self._engine, self.admission, _HOST, self._read)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the connection, or pass it to the application.

        Raises:
            UsageError: The type of the scope is unknown, or a handler refused too late.
        """
        make = _EXCHANGES.get(scope["type"])
        if make is None:
            self._check.cache_clear()  # the application may have more routes than at its last start
            await run_lifespan(self.app, self._engine, self._check, scope, receive, send)
            return
        self._check()
        exchange = make(self._watcher, scope, receive, send)
        if (loop := _get_running_loop()) is None:  # the event loop is not one of asyncio
            exchange.watcher = None
        else:
            exchange.task = current_task(loop)
        # The ASGI specification requires a copy: an outer application that continues with its own
        # scope (another route, another guard) must not find the result of this guard. The copy is
        # shallow except for the header fields, because uvicorn with httptools appends the trailers
        # of the request to its list while the application runs.
        inner = dict(scope)
        inner["headers"] = [*scope["headers"]]
        inner[ENGINE_KEY] = engine = self._engine
        inner[RECORD_KEY] = exchange
        inner[TOKEN_KEY] = inner[PRINCIPAL_KEY] = None
        if self._reads_subprotocol and scope["type"] == "websocket":
            move_token(inner)
        found = begin_scope(engine, self.admission, inner, _HOST)
        if isinstance(found, AccessToken):
            inner[TOKEN_KEY] = found
        elif not await self._admits(scope, receive, send, inner, found):
            return
        try:
            running = self.app(inner, exchange.receive, exchange.send)
            # Error reporters send the local variables of each frame. The scope holds the token.
            del scope, inner, receive, send
            await running
        except BaseException as error:
            # A refusal caused the exception and replaces it, unless a response has started.
            if not exchange.is_affected or await exchange.finish(error):
                raise
        else:
            if exchange.is_affected:
                await exchange.finish(None)

    def _read(self, scope: Scope) -> Request:
        """Return the request that the guard decided about."""
        if self._reads_subprotocol and scope["type"] == "websocket":
            scope = {**scope}
            move_token(scope)
        return request_from_scope(scope)

    async def _admits(
        self, scope: Scope, receive: Receive, send: Send, inner: Scope, begun: Unfinished | None
    ) -> bool:
        """Store the token or principal in `inner` and return True, or refuse the connection."""
        decision: Decision | Response
        engine, admission = self._engine, self.admission
        if begun is not None:
            decision = await engine.finish_async(begun, admission.policy)
        else:
            request = request_from_scope(inner)
            is_options = scope["type"] == "http" and request.method == "OPTIONS"
            answers = is_options and answers_preflights(self.app)
            decision = await admit_async(engine, admission, request, _HOST, host_answers=answers)
        if isinstance(decision, Allow):
            inner[TOKEN_KEY], inner[PRINCIPAL_KEY] = decision.token, decision.principal
            record = inner[RECORD_KEY]
            record.added, record.has_token = decision.headers, decision.token is not None
            return True
        if isinstance(decision, Refusal):
            record_refusal(scope, decision)  # for a guard around this one
        await refuse(scope, receive, send, decision)
        return False


async def authorize(scope: Any, policy: Policy, *, host: str = _HOST) -> Decision:
    """Decide whether a handler behind `GuardMiddleware` may run.

    Frameworks without decorators of their own call this function. If the decision is not `Allow`,
    the handler must not run. The middleware then sends the refusal in place of the response.

    Args:
        scope: The scope that the middleware passed to the application, or a copy of it. Frameworks
            give it different types.
        policy: What the handler requires.
        host: The name of the framework, for events.

    Raises:
        UsageError: No middleware ran.
    """
    return await decide_async(scope, partial(request_from_scope, scope), policy, host)
