"""The health endpoints: liveness (`/healthz`) and readiness (`/readyz`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from iiniit_guard.adapting.types import JsonObject

if TYPE_CHECKING:
    from iiniit_guard.asgi import Scope
    from iiniit_guard.sidecar.sidecar import Sidecar

_NO_STORE = {"Cache-Control": "no-store"}


def health_routes(sidecar: Sidecar, *, says_why: Callable[[Scope], bool]) -> list[Route]:
    """Create the routes `/healthz` and `/readyz`.

    Args:
        sidecar: The sidecar of this process.
        says_why: Return whether the response of `/readyz` to this request includes the reasons.
            They name issuers and their failures, which untrusted callers must not learn.
    """

    async def healthz(_: Request) -> Response:
        return JSONResponse({"alive": True}, headers=_NO_STORE)

    async def readyz(request: Request) -> Response:
        ready = not sidecar.unready
        told: JsonObject = {"ready": ready}
        if says_why(request.scope):
            # An outage of an issuer does not make a process unready, but operators look here.
            why = list(sidecar.failing if ready else sidecar.unready)
            told |= {"failing" if ready else "reasons": why} if why else {}
        return JSONResponse(told, 200 if ready else 503, headers=_NO_STORE)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
