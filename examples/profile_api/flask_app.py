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
    """Build the API; without a guard, one is made from `IINIIT_GUARD_ISSUER`, `IINIIT_GUARD_AUDIENCE` and so on."""
    app = Flask(__name__)
    profiles = Profiles()

    # From here on no request gets anywhere without a valid access token, except to the path that says whether we are up.
    IiniitGuard(app, guard or Guard.from_env(), public=("/healthz",))

    # The route decorator stays outermost: it registers what require_scope made of the function.
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
        # The token says whose profile this is: nobody can ask for another's.
        token = access_token()
        # One member needs a scope of its own. No decorator is needed: the token tells what it allows.
        return profiles.read(token.subject or "", with_email="email" in token.scopes)

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "ok"}

    return app
