"""Redaction of requests and responses: secrets are shortened or hidden."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

SECRET_NAMES = frozenset(
    {
        "access_token",
        "refresh_token",
        "token",
        "code",
        "code_verifier",
        "client_secret",
        "password",
        "csrf",
        "state",
    }
)


def shorten(value: str) -> str:
    """Return the first eight characters of a long secret, and no character of a short one.

    A value that is already shortened is returned unchanged.
    """
    if "…" in value:  # no OAuth secret contains this character
        return value
    return f"{value[:8]}…[{len(value)} characters]" if len(value) >= 32 else "…"


def redact_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Shorten the secrets among form or query parameters."""
    return [(name, shorten(value) if name in SECRET_NAMES else value) for name, value in pairs]


def redact_form(body: str) -> str:
    """Return a form body with one parameter on each line and its secrets shortened."""
    return "\n".join(
        f"{name}={value}" for name, value in redact_pairs(parse_qsl(body, keep_blank_values=True))
    )


def redact_url(url: str) -> str:
    """Shorten the secrets in the query of a URL, and leave the rest unchanged."""
    address, mark, query = url.partition("?")
    return address + mark + "&".join(map(_redact_parameter, query.split("&")))


def _redact_parameter(pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{name}={shorten(unquote_plus(value))}" if name in SECRET_NAMES else pair


def redact_json(value: Any) -> Any:
    """Shorten the secrets at any depth of decoded JSON."""
    if isinstance(value, Mapping):
        return {
            name: shorten(str(inner)) if name in SECRET_NAMES else redact_json(inner)
            for name, inner in value.items()
        }
    return [redact_json(inner) for inner in value] if isinstance(value, list) else value


def redact_header(name: str, value: str) -> str:
    """Redact the value of a header field.

    The beginning of a bearer token stays visible. Basic credentials and cookies are hidden.
    """
    lowered = name.lower()
    if lowered in ("cookie", "set-cookie"):
        return "…"
    if lowered == "location":
        return redact_url(value)
    if lowered == "authorization":
        scheme, _, credentials = value.partition(" ")
        return f"{scheme} {shorten(credentials)}" if scheme.lower() == "bearer" else f"{scheme} …"
    return re.sub(r"[^\x20-\x7e…]", "?", value)
