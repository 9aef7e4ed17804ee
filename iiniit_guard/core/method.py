"""What makes an application carry out another method than the one of the request line."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.request import query_parameters

OVERRIDE_HEADERS: Final = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})


def folded(name: bytes) -> bytes:
    """Give the name under which a header reaches a WSGI or CGI application: there an underscore is a hyphen."""
    return name.replace(b"_", b"-")


def query_overrides(query: bytes) -> bool:
    """Tell whether the query has a parameter `_method`, which Express' and Symfony's overrides read."""
    if b"_method" not in query and b"%" not in query:
        return False
    return any(name == b"_method" or name.startswith(b"_method[") for name, _ in query_parameters(query))
