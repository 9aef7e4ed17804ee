"""A client web application that runs the authorization code flow and displays its steps."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx2
from flask import Flask, Response, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from examples.client_app.gateway_views import create_gateway_views
from examples.client_app.line_breaks import pieces
from examples.client_app.oauth import OAuthClient
from examples.client_app.settings import Settings
from examples.client_app.views import create_views
from examples.client_app.visit import Visits

__all__ = ["create_app"]


def create_app(settings: Settings, transport: httpx2.BaseTransport | None = None) -> Flask:
    """Build the client.

    Args:
        settings: The authorization server, the APIs and the registrations of the client.
        transport: A replacement of the network, for tests.
    """
    app = Flask(__name__, static_folder="../web")
    app.config.update(
        SECRET_KEY=settings.session_secret,
        # Browsers ignore the port of a cookie, so two applications on one host need two names.
        SESSION_COOKIE_NAME="profile_viewer",
        SESSION_COOKIE_HTTPONLY=True,
        # Lax, not Strict: the redirect from the authorization server is a cross-site navigation.
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=urlsplit(settings.redirect_uri).scheme == "https",
        MAX_CONTENT_LENGTH=64 * 1024,
    )
    app.jinja_env.filters["pieces"] = pieces
    oauth, visits = OAuthClient(settings, transport), Visits()
    app.register_blueprint(create_views(settings, oauth, visits))
    app.register_blueprint(create_gateway_views(settings, oauth, visits))

    @app.errorhandler(HTTPException)
    def say_why(error: HTTPException) -> ResponseReturnValue:
        return render_template("error.html", error=error), error.code or 500

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        # The pages have no scripts. form-action also applies to the redirect after a form:
        # "connect" redirects to the authorization server.
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' "
            f"{settings.issuer}; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        return response

    return app
