"""The profile API on Flask.

Run it alone, against any authorization server:

    IINIIT_GUARD_ISSUER=https://auth.example IINIIT_GUARD_AUDIENCE=https://api.example \
        flask --app "examples.profile_api.flask_app:create_app()" run
"""

from __future__ import annotations

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from examples.profile_api.profiles import Profiles, problem
from iiniit_guard import Guard
from iiniit_guard.flask import IiniitGuard, access_token, require_scope


def create_app(guard: Guard | None = None) -> Flask:
    """Build the API.

    Without `guard`, a guard is created from `IINIIT_GUARD_ISSUER`, `IINIIT_GUARD_AUDIENCE` etc.
    """
    app = Flask(__name__)
    profiles = Profiles()

    # The extension requires a valid access token for every request except the health check.
    IiniitGuard(app, guard or Guard.from_env(), public=("/healthz",))

    # The route decorator must be outermost, so that it registers the guarded function.
    @app.get("/v1/user/profile")
    @require_scope("user:read")
    def read_profile() -> ResponseReturnValue:
        return jsonify(_profile())

    @app.patch("/v1/user/profile")
    @require_scope("user:write")
    def change_profile() -> ResponseReturnValue:
        try:
            profiles.change(access_token().subject or "", request.get_json(silent=True))
        except ValueError as error:
            return problem(400, str(error)), 400, {"Content-Type": "application/problem+json"}
        return jsonify(_profile())

    def _profile() -> dict[str, str]:
        # The subject of the token selects the profile, so no caller can read that of another user.
        token = access_token()
        # The member `email` requires a scope of its own, which the handler reads from the token.
        return profiles.read(token.subject or "", with_email="email" in token.scopes)

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "ok"}

    return app
