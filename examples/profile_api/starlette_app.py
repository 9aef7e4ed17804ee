"""The profile API on Starlette.

Run it alone, against any authorization server:

    IINIIT_GUARD_ISSUER=https://auth.example IINIIT_GUARD_AUDIENCE=https://api.example \
        uvicorn --factory examples.profile_api.starlette_app:create_app
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.profile_api.profiles import Profiles, problem
from iiniit_guard import Guard
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.starlette import access_token, require_scope


def create_app(guard: Guard | None = None) -> Starlette:
    """Build the API.

    Without `guard`, a guard is created from `IINIIT_GUARD_ISSUER`, `IINIIT_GUARD_AUDIENCE` etc.
    """
    profiles = Profiles()

    @require_scope("user:read")
    async def read_profile(request: Request) -> Response:
        return JSONResponse(_profile(request))

    @require_scope("user:write")
    async def change_profile(request: Request) -> Response:
        try:
            profiles.change(access_token(request).subject or "", await _json(request))
        except ValueError as error:
            return JSONResponse(
                problem(400, str(error)), 400, media_type="application/problem+json"
            )
        return JSONResponse(_profile(request))

    def _profile(request: Request) -> dict[str, str]:
        # The subject of the token selects the profile, so no caller can read that of another user.
        token = access_token(request)
        # The member `email` requires a scope of its own, which the handler reads from the token.
        return profiles.read(token.subject or "", with_email="email" in token.scopes)

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/v1/user/profile", read_profile, methods=["GET"]),
            Route("/v1/user/profile", change_profile, methods=["PATCH"]),
            Route("/healthz", healthz),
        ],
        # The middleware requires a valid access token for every request except the health check.
        middleware=[
            Middleware(GuardMiddleware, guard=guard or Guard.from_env(), public=("/healthz",))
        ],
    )


async def _json(request: Request) -> object:
    try:
        return await request.json()
    except ValueError:
        return None
