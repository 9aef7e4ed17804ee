"""Showing requests and responses without showing what could be used: secrets are shortened or hidden."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

SECRET_NAMES = frozenset({"access_token", "refresh_token", "token", "code", "code_verifier", "client_secret", "password", "csrf", "state"})


def shorten(value: str) -> str:
    """Give the first eight characters of a long secret, nothing of a short one, and what is shortened already as it is."""
    if "…" in value:  # no secret of OAuth has such a character
        return value
    return f"{value[:8]}…[{len(value)} characters]" if len(value) >= 32 else "…"


def redact_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Shorten the secrets among form or query parameters."""
    return [(name, shorten(value) if name in SECRET_NAMES else value) for name, value in pairs]


def redact_form(body: str) -> str:
    """Lay out a form body, one parameter a line, readable."""
    return "\n".join(f"{name}={value}" for name, value in redact_pairs(parse_qsl(body, keep_blank_values=True)))


def redact_url(url: str) -> str:
    """Shorten the secrets in a URL's query, and leave the rest as it was sent."""
    address, mark, query = url.partition("?")
    return address + mark + "&".join(map(_redact_parameter, query.split("&")))


def _redact_parameter(pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{name}={shorten(unquote_plus(value))}" if name in SECRET_NAMES else pair


def redact_json(value: Any) -> Any:
    """Shorten the secrets anywhere in decoded JSON."""
    if isinstance(value, Mapping):
        return {name: shorten(str(inner)) if name in SECRET_NAMES else redact_json(inner) for name, inner in value.items()}
    return [redact_json(inner) for inner in value] if isinstance(value, list) else value


def redact_header(name: str, value: str) -> str:
    """Shorten what a header carries: a bearer token shows its beginning, Basic credentials and cookies nothing."""
    lowered = name.lower()
    if lowered in ("cookie", "set-cookie"):
        return "…"
    if lowered == "location":
        return redact_url(value)
    if lowered == "authorization":
        scheme, _, credentials = value.partition(" ")
        return f"{scheme} {shorten(credentials)}" if scheme.lower() == "bearer" else f"{scheme} …"
    return re.sub(r"[^\x20-\x7e…]", "?", value)
