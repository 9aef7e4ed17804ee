"""The profile API on FastAPI, with docs pages at which users sign in.

Run it alone, against any authorization server:

    IINIIT_GUARD_ISSUER=https://auth.example IINIIT_GUARD_AUDIENCE=https://api.example \
        uvicorn --factory examples.profile_api.fastapi_app:create_app
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, FastAPI, Security
from fastapi.responses import JSONResponse

from examples.profile_api.profiles import Profiles, problem
from iiniit_guard import AccessToken, Guard
from iiniit_guard.fastapi import GuardScheme, install

scheme = GuardScheme()
Reader = Annotated[AccessToken, Security(scheme, scopes=["user:read"])]
Writer = Annotated[AccessToken, Security(scheme, scopes=["user:write"])]


def create_app(guard: Guard | None = None) -> FastAPI:
    """Build the API.

    Without `guard`, a guard is created from `IINIIT_GUARD_ISSUER`, `IINIIT_GUARD_AUDIENCE` etc.
    """
    app = FastAPI(title="Profile API")
    profiles = Profiles()
    # Every request needs a valid access token, except the health check and the docs pages.
    install(
        app,
        guard or Guard.from_env(),
        public=["/healthz"],
        public_docs=True,
        client_id="profile-docs",  # the public client that the docs page signs users in as
        scopes={
            "user:read": "See your profile",
            "user:write": "Change your profile",
            "email": "See your e-mail address",
        },
    )

    @app.get("/v1/user/profile")
    async def read_profile(token: Reader) -> dict[str, str]:
        return profile_of(token)

    @app.patch("/v1/user/profile", response_model=dict[str, str])
    async def change_profile(token: Writer, changes: Annotated[Any, Body()] = None) -> Any:
        try:
            profiles.change(token.subject or "", changes)
        except ValueError as error:
            return JSONResponse(
                problem(400, str(error)), 400, media_type="application/problem+json"
            )
        return profile_of(token)

    def profile_of(token: AccessToken) -> dict[str, str]:
        # The subject of the token selects the profile, so no caller can read that of another user.
        # The member `email` requires a scope of its own, which the handler reads from the token.
        return profiles.read(token.subject or "", with_email="email" in token.scopes)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
