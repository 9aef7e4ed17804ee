"""The admin listener: the status page and the metrics, for operators and their monitoring.

Every endpoint is read-only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from iiniit_guard.errors import MissingExtra, needs_extra
from iiniit_guard.sidecar.apps.health import health_routes
from iiniit_guard.sidecar.status.page import render

if TYPE_CHECKING:
    from iiniit_guard.asgi import Receive, Scope, Send
    from iiniit_guard.sidecar.sidecar import Sidecar

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
# Health checks call an IP address, so these paths accept any `Host`. If `Host` is not an admin
# host, `/readyz` returns no reasons.
_HEALTH: Final = ("/healthz", "/readyz")
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri "
        "'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class AdminApp:
    """The ASGI application of the admin listener.

    The application checks `Host` against DNS rebinding: a web page that points its own host name
    to loopback could otherwise read the responses.
    """

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar

        async def status(request: Request) -> Response:
            live = request.query_params.get("live") != "no"
            return HTMLResponse(render(sidecar.snapshot(), live=live), headers=_HEADERS)

        async def numbers(_: Request) -> Response:
            return JSONResponse(sidecar.snapshot(), headers=_HEADERS)

        async def metrics(_: Request) -> Response:
            try:
                with needs_extra("prometheus", "/metrics"):
                    from iiniit_guard.sidecar.status.metrics import exposition
            except MissingExtra as missing:
                return PlainTextResponse(f"{missing}\n", 501, headers=_HEADERS)
            body, media_type = exposition(sidecar.snapshot())
            return Response(body, headers={**_HEADERS, "Content-Type": media_type})

        self._rest = Starlette(
            routes=[
                Route("/", status),
                Route("/status.json", numbers),
                Route("/metrics", metrics),
                *health_routes(sidecar, says_why=self._is_ours),
            ]
        )
        self._rest.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http" and scope["path"] not in _HEALTH and not self._is_ours(scope):
            response = PlainTextResponse(
                "this name is not among admin_hosts\n", 421, headers=_HEADERS
            )  # RFC 9110 §15.5.20
            await response(scope, receive, send)
            return
        await self._rest(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return False
        host = hosts[0].decode("latin-1").lower()
        name = (
            host[: host.index("]") + 1]
            if host.startswith("[") and "]" in host
            else host.partition(":")[0]
        )
        return name in _LOOPBACK or name in self._sidecar.current.settings.admin_hosts
