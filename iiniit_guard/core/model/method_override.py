"""Headers and parameters by which an application replaces the method of the request line."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.request import reserved_names

OVERRIDE_HEADERS: Final = frozenset(
    {b"x-http-method-override", b"x-http-method", b"x-method-override"}
)


def folded(name: bytes) -> bytes:
    """Return the name under which a header reaches a WSGI or CGI application.

    These treat an underscore as a hyphen.
    """
    return name.replace(b"_", b"-")


def query_overrides(query: bytes) -> bool:
    """Return whether the query has a parameter `_method`, which Express and Symfony read."""
    return reserved_names(query).method
