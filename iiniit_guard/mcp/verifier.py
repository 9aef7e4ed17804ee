"""A `TokenVerifier` for a server of the official SDK that must use its own authorization."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from mcp.server.auth.provider import AccessToken as SdkAccessToken

from iiniit_guard.adapting.admission import engine_of
from iiniit_guard.adapting.types import Application, Message, Receive, Scope, Send
from iiniit_guard.asgi import refuse
from iiniit_guard.core.model.decision import Allow, Unavailable
from iiniit_guard.core.model.request import Request, route_path
from iiniit_guard.errors import GuardError, UsageError
from iiniit_guard.mcp.identity import sdk_fields
from iiniit_guard.mcp.message_check import HOST

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

# The statuses with which the server answers a token that was not verified, or an exception.
_OF_AN_OUTAGE: Final = frozenset({401, 500})


class OutageError(GuardError):
    """The token could not be verified, and it may be valid.

    Attributes:
        response: The complete response, with status 503.
    """

    def __init__(self, response: Unavailable) -> None:
        super().__init__(
            "the authorization server is not available; put OutageMiddleware around the "
            "application of the MCP server, which then answers 503"
        )
        self.response = response


class _Current:
    """The current request, and the outage that made one of its verifications fail.

    The task of a session keeps the context of its first request, so this holds no header fields.
    """

    def __init__(self, method: str, path: str) -> None:
        self.method, self.path = method, path
        self.outage: Unavailable | None = None


_current: Final[ContextVar[_Current | None]] = ContextVar("iiniit_guard.mcp", default=None)


class OutageMiddleware:
    """Middleware that answers 503 if `GuardTokenVerifier` could not verify the token.

    The interface of the SDK has no result for this case. Without this middleware the server answers
    500, which makes a client give up; 401 would make it discard a valid token.

    Args:
        app: The application of the MCP server. It may also be around a part of it, if the part
            contains the authentication of the SDK.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, and send the 503 in place of its answer to an outage."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        current = _Current(scope["method"], route_path(scope))
        answer = _Answer(current, send)
        before = _current.set(current)
        try:
            await self.app(scope, receive, answer.send)
        except OutageError:
            # Starlette raises the exception again after it has sent its 500.
            if answer.has_started and not answer.is_replaced:
                raise
            answer.is_replaced = True
        finally:
            _current.reset(before)
        if answer.is_replaced and current.outage is not None:
            await refuse(scope, receive, send, current.outage)


class _Answer:
    """The answer of the application, of which nothing is sent if an outage replaces it."""

    def __init__(self, current: _Current, send: Send) -> None:
        self._current = current
        self._send = send
        self.is_replaced = False
        self.has_started = False

    async def send(self, message: Message) -> None:
        """Pass a message of the application on, or drop it."""
        if message["type"] == "http.response.start" and not self.has_started:
            self.is_replaced = (
                self._current.outage is not None and message["status"] in _OF_AN_OUTAGE
            )
            self.has_started = True
        if not self.is_replaced:
            await self._send(message)


class GuardTokenVerifier:
    """The `TokenVerifier` of the official SDK: `MCPServer(token_verifier=..., auth=...)`.

    The guard logs why it refuses a token, and emits events. If a token cannot be verified because
    of an outage, `OutageMiddleware` answers 503. `guard_mcp` does more: the SDK answers 401 without
    a reason and without a scope, 403 with one missing scope only, and requires no scopes by tool.

    Args:
        guard: The guard that checks the tokens. It must have the setting `resource`.

    Raises:
        UsageError: The guard needs more of a request than the token, or has no `resource`.
    """

    def __init__(self, guard: Guard) -> None:
        self._engine = engine_of(guard)
        resource = self._engine.resource
        if not resource.has_fast_path:
            raise UsageError(
                "guard: validators, issuer_resolver, token_header and assertions need the request, "
                "which the SDK does not pass to a verifier; use guard_mcp()"
            )
        if resource.settings.resource is None:
            raise UsageError("guard: set resource to the URL of the MCP endpoint")

    async def verify_token(self, token: str) -> SdkAccessToken | None:
        """Return what the SDK must know of a valid token; None if the guard refuses it.

        Raises:
            OutageError: The token could not be verified.
        """
        fields = await self.verified_fields(token)
        return None if fields is None else SdkAccessToken(**fields)

    async def verified_fields(self, token: str) -> dict[str, Any] | None:
        """Return the members of the SDK's access token. In other respects like `verify_token`."""
        current = _current.get()
        presented = token.encode("utf-8", "replace")
        request = Request(
            method="POST" if current is None else current.method,
            path="/" if current is None else current.path,
            headers=[(b"authorization", b"Bearer " + presented)],
        )
        decision = await self._engine.authenticate_async(request, host=HOST)
        if isinstance(decision, Unavailable):
            if current is not None:
                current.outage = decision
            raise OutageError(decision)
        if isinstance(decision, Allow) and decision.token is not None:
            return sdk_fields(decision.token, presented, self._engine.resource.settings.resource)
        return None
