"""An authorization server on Authlib, Flask and SQLite, with the features that the demo needs."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, Response, g, render_template
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from examples.authorization_server.endpoints import create_endpoints
from examples.authorization_server.grants import (
    OwnResource,
    RequiredS256,
    authorization_code_grant,
    refresh_token_grant,
)
from examples.authorization_server.pages import create_pages
from examples.authorization_server.settings import SCOPES, Settings
from examples.authorization_server.signing_keys import SigningKeys
from examples.authorization_server.store import Store
from examples.authorization_server.tokens import (
    client_secret_basic,
    introspection_endpoint,
    revocation_endpoint,
    save_token_to,
    token_generator,
)
from examples.authorization_server.witness import Witness

__all__ = ["create_app"]


def create_app(settings: Settings) -> Flask:
    """Build the authorization server."""
    # Authlib writes complete tokens and client records to its debug log.
    logging.getLogger("authlib").setLevel(logging.INFO)
    store = Store(settings.database)
    store.register(settings)
    keys = SigningKeys(store, settings.signing_algorithm, settings.access_token_seconds)

    app = Flask(__name__, static_folder="../web")
    app.config.update(
        SECRET_KEY=settings.session_secret,
        # Browsers ignore the port of a cookie, so two applications on one host need two names.
        SESSION_COOKIE_NAME="authorization_server",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=urlsplit(settings.issuer).scheme == "https",
        MAX_CONTENT_LENGTH=64 * 1024,
        OAUTH2_SCOPES_SUPPORTED=list(SCOPES),
    )
    server = AuthorizationServer(
        app, query_client=store.client, save_token=save_token_to(store, settings)
    )
    server.register_client_auth_method("client_secret_basic", client_secret_basic)
    server.register_token_generator("default", token_generator(settings, keys))
    server.register_grant(
        authorization_code_grant(store), [RequiredS256(), OwnResource(settings.audience)]
    )
    server.register_grant(refresh_token_grant(store))
    server.register_endpoint(introspection_endpoint(store, settings))
    server.register_endpoint(revocation_endpoint(store))
    server.register_extension(_issuer_parameter(settings.issuer))
    app.register_blueprint(create_pages(server, store))
    app.register_blueprint(create_endpoints(server, settings, keys))
    if settings.witness:
        Witness().join(app, server)

    @app.errorhandler(HTTPException)
    def say_why(error: HTTPException) -> ResponseReturnValue:
        return render_template("error.html", error=error), error.code or 500

    @app.after_request
    def harden(response: Response) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        # form-action also applies to the redirect after a form, which leads from the consent page
        # to the client.
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self' "
            f"{g.get('form_targets', '')}; "
            "frame-ancestors 'none'; base-uri 'none'"
        )
        return response

    return app


def _issuer_parameter(issuer: str) -> type[IssuerParameter]:
    class Issuer(IssuerParameter):
        def __init__(self, server: AuthorizationServer) -> None:
            self(server)

        def get_issuer(self) -> str:
            return issuer

    return Issuer
