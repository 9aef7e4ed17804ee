"""A page whose script is the client, and the API that it calls.

The page can bind its access token to a key of the browser (DPoP, RFC 9449). A second part of the
page is a thief, who has the token and the last proof, but not the key.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, jsonify, render_template, send_from_directory
from flask.typing import ResponseReturnValue

from examples.profile_api.profiles import Profiles
from iiniit_guard import Guard
from iiniit_guard.flask import IiniitGuard, access_token, public, require_scope

CLIENT_ID = "profile-browser"
HERE = Path(__file__).resolve().parent


def create_app(issuer: str, guard: Guard | None = None) -> Flask:
    """Build the page and the API.

    Args:
        issuer: The authorization server that the script of the page uses.
        guard: The guard of the API; None means one from `IINIIT_GUARD_ISSUER` etc.
    """
    app = Flask(__name__, static_folder=None)
    profiles = Profiles()
    IiniitGuard(app, guard or Guard.from_env())

    @app.get("/v1/user/profile")
    @require_scope("user:read")
    def read_profile() -> ResponseReturnValue:
        return jsonify(profiles.read(access_token().subject or "", with_email=False))

    # The browser loads the page and its files without a token. The script sends it to the API.
    @app.get("/")
    @public
    def page() -> ResponseReturnValue:
        return render_template("page.html", issuer=issuer.rstrip("/"), client_id=CLIENT_ID)

    @app.get("/scripts/<name>")
    @public
    def script(name: str) -> ResponseReturnValue:
        return send_from_directory(HERE / "scripts", name)

    @app.get("/style.css")
    @public
    def style() -> ResponseReturnValue:
        return send_from_directory(HERE.parent / "web", "style.css")

    @app.get("/healthz")
    @public
    def healthz() -> ResponseReturnValue:
        return {"status": "ok"}

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        # No inline script runs. The script may connect to this API and to the token endpoint.
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
            f"connect-src 'self' {issuer}; form-action 'none'; frame-ancestors 'none'; "
            "base-uri 'none'"
        )
        return response

    return app
