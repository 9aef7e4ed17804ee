"""The profile API without a guard: it stands behind a gateway that asks one.

It reads two header fields, `X-Iiniit-Subject` and `X-Iiniit-Scope`, and knows nothing of tokens. So
nobody but the gateway may reach it: the demo serves it on a Unix socket in a private directory.
"""

from __future__ import annotations

from flask import Flask, abort, jsonify, request
from flask.typing import ResponseReturnValue

from examples.profile_api.profiles import Profiles, problem


def create_app() -> Flask:
    """Build the API."""
    app = Flask(__name__)
    profiles = Profiles()

    @app.get("/v1/user/profile")
    def read_profile() -> ResponseReturnValue:
        return jsonify(_profile())

    @app.patch("/v1/user/profile")
    def change_profile() -> ResponseReturnValue:
        try:
            profiles.change(_subject(), request.get_json(silent=True))
        except ValueError as error:
            return problem(400, str(error)), 400, {"Content-Type": "application/problem+json"}
        return jsonify(_profile())

    def _profile() -> dict[str, str]:
        scopes = request.headers.get("X-Iiniit-Scope", "").split(" ")
        return profiles.read(_subject(), with_email="email" in scopes)

    @app.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return {"status": "ok"}

    return app


def _subject() -> str:
    # The gateway sets this field on every request that it forwards to a guarded path.
    return request.headers.get("X-Iiniit-Subject") or abort(500)
