"""The gateway listener: `/auth`, `/answer`, `/introspect`, and the two health endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from iiniit_guard.sidecar.apps.health import health_routes
from iiniit_guard.sidecar.gateway.authorize import GRANT
from iiniit_guard.sidecar.gateway.introspect import introspect
from iiniit_guard.sidecar.gateway.refusal_header import unfold
from iiniit_guard.sidecar.gateway.wire import find_cycle_type, grant_bytes, write_whole

if TYPE_CHECKING:
    from iiniit_guard.asgi import Receive, Scope, Send
    from iiniit_guard.sidecar.gateway.reply import Reply
    from iiniit_guard.sidecar.sidecar import Sidecar


class GatewayApp:
    """The ASGI application of the gateway listener.

    The application handles `/auth` before any routing, because the gateway calls it for each
    request to each API.
    """

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._cycle = find_cycle_type()
        self._rest = Starlette(
            routes=[
                Route("/answer", _Answer(sidecar)),
                Route("/introspect", _Introspect(sidecar)),
                *health_routes(sidecar, says_why=self._hears),
            ]
        )
        self._rest.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path == "/auth" or path.startswith("/auth/"):
                running = self._sidecar.current
                identity = running.authorizer.check_cached(scope)
                if identity is not None:
                    cycle = getattr(send, "__self__", None)
                    if (
                        type(cycle) is self._cycle
                        and scope["method"] != "HEAD"
                        and write_whole(cycle, grant_bytes(identity, GRANT))
                    ):
                        return
                    reply: Reply = (200, [*GRANT, *identity], b"")
                else:
                    with running.request():
                        reply = await running.authorizer.check(scope)
                await send({"type": "http.response.start", "status": reply[0], "headers": reply[1]})
                await send({"type": "http.response.body", "body": reply[2]})
                return
        await self._rest(scope, receive, send)

    def _hears(self, scope: Scope) -> bool:
        return self._sidecar.current.peers.trusts(scope)


class _Answer:
    """The endpoint `/answer`: render a refusal that `/auth` encoded into a header.

    The endpoint makes no decision and can only refuse.
    """

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        values = [value for name, value in scope["headers"] if name == b"x-iiniit-answer"]
        heard = len(values) == 1 and self._sidecar.current.peers.trusts(scope)
        await send_reply(send, unfold(values[0] if heard else None, head=scope["method"] == "HEAD"))


class _Introspect:
    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        running = self._sidecar.current
        if not running.introspection_clients:
            await send_reply(send, (404, [(b"content-length", b"0")], b""))
        elif not running.peers.trusts(scope):
            await send_reply(send, unfold(None))
        else:
            with running.request():
                await send_reply(
                    send,
                    await introspect(
                        scope,
                        receive,
                        running.engine,
                        running.introspection_clients,
                        self._sidecar.observe,
                        running.authorizer.count_local_hit,
                    ),
                )


async def send_reply(send: Send, reply: Reply) -> None:
    """Send a complete response."""
    status, headers, body = reply
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
