"""The endpoints of the authorization server for tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from iiniit_guard.core.issuer.signed_introspection import MEDIA_TYPE, TYPE
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.testing.introspection import json_response, parse_form
from iiniit_guard.testing.metadata import document_urls

if TYPE_CHECKING:
    from collections.abc import Collection

    from iiniit_guard.adapting.types import JsonObject
    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.testing.introspection import ClientCheck
    from iiniit_guard.testing.metadata import Document, Kind
    from iiniit_guard.testing.status_list import PublishedStatusList


class Server(Protocol):
    """What the endpoints read from `Issuer`."""

    issuer: str
    cache_control: str | None
    documents: Collection[Document]
    client_check: ClientCheck
    status_list: PublishedStatusList

    @property
    def now(self) -> float:
        """The time of the server."""
        ...

    def jwk_set(self) -> JsonObject:
        """Return the public keys."""
        ...

    def introspect(self, token: str) -> JsonObject:
        """Return the introspection response."""
        ...

    def sign(self, payload: JsonObject, header: JsonObject) -> str:
        """Return a signed JWT."""
        ...

    def metadata_document(self) -> JsonObject:
        """Return the content of the discovery documents."""
        ...


def signed_response(issuer: Server, answer: JsonObject) -> HttpResponse:
    """Return an introspection response as a signed JWT (RFC 9701 §5)."""
    claims = {
        "iss": issuer.issuer,
        "aud": issuer.client_check.client_id,
        "iat": issuer.now,
        "token_introspection": answer,
    }
    body = issuer.sign(claims, {"typ": TYPE})
    return HttpResponse(200, (("content-type", MEDIA_TYPE),), body.encode())


def respond(issuer: Server, kind: Kind, request: HttpRequest) -> HttpResponse:
    """Return the response of one endpoint of `issuer`."""
    if kind == "jwks":
        headers = (("content-type", "application/jwk-set+json"),)
        caching = () if issuer.cache_control is None else (("cache-control", issuer.cache_control),)
        return HttpResponse(200, (*headers, *caching), json.dumps(issuer.jwk_set()).encode())
    if kind == "introspection":
        form = parse_form(request)
        if isinstance(form, HttpResponse):
            return form
        if issuer.client_check.method_of(request, form, issuer.now) is None:
            return json_response(
                401,
                {"error": "invalid_client"},
                ("www-authenticate", 'Basic realm="introspection"'),
            )
        answer = issuer.introspect(form["token"])
        if ("Accept", MEDIA_TYPE) in request.headers:
            return signed_response(issuer, answer)
        return json_response(200, answer)
    if kind == "status_list":
        return issuer.status_list.response(issuer)
    if kind == "discovery" and request.url in document_urls(issuer.issuer, issuer.documents):
        return json_response(200, issuer.metadata_document())
    return HttpResponse(404, (("content-type", "text/plain"),), b"not found")
