"""Parts of an OpenAPI document."""

from __future__ import annotations

from typing import Any


def security_of(document: Any, path: str, method: str = "get") -> Any:
    """Return what an operation requires."""
    return document["paths"][path][method].get("security")


def scheme_of(document: Any, name: str = "OAuth2") -> Any:
    """Return a security scheme."""
    return document["components"]["securitySchemes"][name]
