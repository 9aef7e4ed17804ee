"""The protected resource metadata document, which names the authorization servers for clients.

Spec: RFC 9728 §2 and §3.
"""

from __future__ import annotations

import json

from iiniit_guard.core.http.scope_names import requested_names
from iiniit_guard.core.model.decision import Response
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.core.settings.guard_settings import GuardSettings

_LIFETIME_SECONDS = 3_600


def resource_document(settings: GuardSettings) -> JsonObject:
    """Return the metadata document. It holds no data of a request."""
    issuers = settings.issuers if isinstance(settings.issuers, tuple) else ()
    # A client requests a scope from one of these servers, under the name that this server requires.
    prefixes = dict.fromkeys(issuer.scope_prefix for issuer in issuers) or {None: None}
    scopes = [
        name for prefix in prefixes for name in requested_names(settings.resource_scopes, prefix)
    ]
    bound = settings.client_certificate is not None or any(
        issuer.bound_tokens == "certificate" for issuer in issuers
    )
    document: JsonObject = {
        "resource": settings.resource,
        "authorization_servers": [issuer.issuer for issuer in issuers],
        "scopes_supported": list(dict.fromkeys(scopes)),
        "authorization_details_types_supported": list(
            settings.resource_authorization_details_types
        ),
        "bearer_methods_supported": ["header", "query"]
        if settings.insecure_query_token
        else ["header"],
        "tls_client_certificate_bound_access_tokens": bound,
        "dpop_signing_alg_values_supported": ()
        if settings.dpop == "off"
        else list(settings.dpop_algorithms),
        "dpop_bound_access_tokens_required": settings.dpop == "required",
    }
    return {name: value for name, value in document.items() if value}


def metadata_response(request: Request, resource: ProtectedResource) -> Response | None:
    """Return the response to a request for the metadata document, or None for any other request.

    The document needs no token and may be read from every origin.
    """
    place = resource.metadata_path
    asked = (
        request.path == place
        and request.method in ("GET", "HEAD", "OPTIONS")
        and request.scheme not in ("ws", "wss")
    )
    if place is None or not asked:
        return None
    if request.method == "OPTIONS":
        preflight = (
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Methods", "GET, HEAD"),
            ("Access-Control-Allow-Headers", "*"),
            ("Access-Control-Max-Age", "3600"),
        )
        return Response(204, preflight, b"")
    body = json.dumps(resource_document(resource.settings)).encode()
    headers = (
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", f"public, max-age={_LIFETIME_SECONDS}"),
        ("Access-Control-Allow-Origin", "*"),
    )
    return Response(200, headers, b"" if request.method == "HEAD" else body)
