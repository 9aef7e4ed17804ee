"""The endpoints for programs: token, introspection, revocation, keys and discovery."""

from __future__ import annotations

from urllib.parse import urlsplit

from authlib.integrations.flask_oauth2 import AuthorizationServer
from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from examples.authorization_server.dpop import ALGORITHMS, InvalidProofError, Proofs
from examples.authorization_server.settings import SCOPES, Settings
from examples.authorization_server.signing_keys import SigningKeys


def create_endpoints(
    server: AuthorizationServer, settings: Settings, keys: SigningKeys
) -> Blueprint:
    """Build the endpoints."""
    endpoints = Blueprint("endpoints", __name__)
    issuer = settings.issuer.rstrip("/")
    metadata = {
        "issuer": settings.issuer,
        "authorization_endpoint": issuer + "/authorize",
        "token_endpoint": issuer + "/token",
        "introspection_endpoint": issuer + "/introspect",
        "revocation_endpoint": issuer + "/revoke",
        "jwks_uri": issuer + "/jwks",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": ALGORITHMS,
    }

    proofs = Proofs(issuer + "/token")
    origins = {
        "{0.scheme}://{0.netloc}".format(urlsplit(uri))
        for client in settings.clients
        if not client.secret
        for uri in client.redirect_uris
    }

    @endpoints.after_request
    def share(response: Response) -> Response:
        # A public client is a page in a browser, which calls the token endpoint from its origin.
        if request.endpoint == "endpoints.token" and request.origin in origins:
            response.headers["Access-Control-Allow-Origin"] = request.origin
            response.headers["Access-Control-Allow-Headers"] = "X-Requested-With, DPoP"
            response.vary.add("Origin")
        return response

    # RFC 8414 §3 inserts the well-known part between host and path, OpenID Connect Discovery §4
    # appends it to the path. This issuer has no path.
    @endpoints.get("/.well-known/oauth-authorization-server")
    @endpoints.get("/.well-known/openid-configuration")
    def discovery() -> ResponseReturnValue:
        return _kept(jsonify(metadata))

    @endpoints.get("/jwks")
    def jwks() -> ResponseReturnValue:
        return _kept(jsonify(keys.published()))

    @endpoints.post("/token")
    def token() -> ResponseReturnValue:
        if request.query_string:
            # Servers log query strings. RFC 6749 §3.2 requires the parameters in the body.
            return jsonify(
                error="invalid_request", error_description="Parameters belong in the body."
            ), 400
        try:  # before the grant: a faulty proof must not use up the code
            g.key_thumbprint = proofs.check(request.headers.getlist("DPoP"))
        except InvalidProofError as error:
            return jsonify(dict(error.get_body())), 400
        return server.create_token_response()  # type: ignore[no-any-return]  # Authlib has no types

    @endpoints.post("/introspect")
    def introspect() -> ResponseReturnValue:
        # Authlib has no types
        return server.create_endpoint_response("introspection")  # type: ignore[no-any-return]

    @endpoints.post("/revoke")
    def revoke() -> ResponseReturnValue:
        # Authlib has no types
        return server.create_endpoint_response("revocation")  # type: ignore[no-any-return]

    @endpoints.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return jsonify(status="ok")

    return endpoints


def _kept(response: Response) -> Response:
    response.headers["Cache-Control"] = "public, max-age=300"
    return response
