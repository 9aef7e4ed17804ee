"""The public listener: RFC 9728 metadata for clients, and assertion keys for upstreams.

Apart from the health endpoints, the listener serves nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.sidecar.apps.gateway_app import send_reply
from iiniit_guard.sidecar.apps.health import health_routes

if TYPE_CHECKING:
    from iiniit_guard.asgi import Receive, Scope, Send
    from iiniit_guard.sidecar.sidecar import Sidecar

# A new key must be published for two of these periods before it signs. The how-to describes the
# order of a key rotation.
_KEYS_SECONDS = 600


class PublicApp:
    """The ASGI application of the public listener."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar

        async def jwks(_: Request) -> Response:
            assertions = sidecar.current.assertions
            keys = {"keys": []} if assertions is None else assertions.jwk_set()
            headers = {
                "Cache-Control": f"public, max-age={_KEYS_SECONDS}",
                "Access-Control-Allow-Origin": "*",
            }
            return JSONResponse(keys, headers=headers, media_type="application/jwk-set+json")

        self._rest = Starlette(
            routes=[Route("/jwks", jwks), *health_routes(sidecar, says_why=lambda _: False)]
        )
        self._rest.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        published = (
            self._sidecar.current.engine.metadata_response(request_from_scope(scope))
            if scope["type"] == "http"
            else None
        )
        if published is None:
            await self._rest(scope, receive, send)
            return
        headers = [
            (name.lower().encode("ascii"), value.encode("ascii"))
            for name, value in published.headers
        ]
        await send_reply(send, (published.status, headers, published.body))
