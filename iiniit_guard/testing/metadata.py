"""The discovery documents of an authorization server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from iiniit_guard.adapting.types import JsonObject, Members

if TYPE_CHECKING:
    from collections.abc import Collection

Kind: TypeAlias = Literal["discovery", "jwks", "introspection", "status_list", "other"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Document: TypeAlias = Literal["oauth-authorization-server", "openid-configuration"]
DOCUMENTS: Final[tuple[Document, ...]] = get_args(Document)


def usual_metadata(issuer: str) -> JsonObject:
    """Return the default content of both documents (RFC 8414 §2)."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "introspection_endpoint": f"{issuer}/introspect",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "response_types_supported": ["code"],
    }


def document_urls(issuer: str, documents: Collection[Document]) -> set[str]:
    """Return the URLs of the documents.

    RFC 8414 §3.1 inserts the well-known path before the path of the issuer; OpenID Connect
    Discovery §4 appends it.
    """
    parts = urlsplit(issuer)
    urls: dict[Document, str] = {
        "oauth-authorization-server": f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path.rstrip('/')}",
        "openid-configuration": f"{issuer.rstrip('/')}/.well-known/openid-configuration",
    }
    return {urls[document] for document in documents}


def kind_of(url: str, issuer: str, metadata: Members, status_list: str | None = None) -> Kind:
    """Return the kind of endpoint at `url`.

    The URLs in the metadata and the default URLs are both recognised, so that an endpoint also
    works if the metadata omits it.
    """
    usual = usual_metadata(issuer)
    if url in (metadata.get("jwks_uri"), usual["jwks_uri"]):
        return "jwks"
    if url in (metadata.get("introspection_endpoint"), usual["introspection_endpoint"]):
        return "introspection"
    if url == status_list:
        return "status_list"
    return "discovery" if "/.well-known/" in url else "other"
