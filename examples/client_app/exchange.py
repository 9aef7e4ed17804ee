"""A request and its response, as the page shows them.

Both are redacted before they are stored, so that no page can disclose a token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2

from examples.redaction import redact_form, redact_header, redact_json, redact_url

# The header fields that explain the flow. Others (Date, Server, User-Agent, …) are not shown.
_SHOWN = (
    "accept",
    "authorization",
    "content-type",
    "location",
    "www-authenticate",
    "retry-after",
    "cache-control",
    "x-original-method",
    "x-original-uri",
    "x-original-host",
    "x-iiniit-subject",
    "x-iiniit-client",
    "x-iiniit-scope",
    "x-iiniit-answer",
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response.

    Attributes:
        request: Request line, headers and body, as text.
        response: Status line, headers and body, as text; empty if there was no response.
        seen_by: The party that recorded the exchange, if it was not this client.
    """

    request: str
    response: str
    seen_by: str = ""


def lay_out(first_line: str, headers: Iterable[tuple[str, str]], body: str) -> str:
    """Return a message as text in its wire format, with its secrets shortened."""
    fields = [
        f"{name.title().replace('Www', 'WWW')}: {redact_header(name, value)}"
        for name, value in headers
        if name.lower() in _SHOWN
    ]
    return "\n".join([first_line, *fields]) + (f"\n\n{body}" if body else "")


def exchange_of(response: httpx2.Response) -> Exchange:
    """Return the exchange for a call of this client."""
    request = response.request
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    sent = request.content.decode()
    body = redact_form(sent) if form else _readable(sent)
    return Exchange(
        lay_out(f"{request.method} {redact_url(str(request.url))}", request.headers.items(), body),
        lay_out(
            status_line(response.status_code), response.headers.items(), _readable(response.text)
        ),
    )


def failed_exchange(request: httpx2.Request) -> Exchange:
    """Return the exchange for a call without a response."""
    return Exchange(
        lay_out(f"{request.method} {redact_url(str(request.url))}", request.headers.items(), ""), ""
    )


def witnessed_exchange(seen: Mapping[str, Any]) -> Exchange:
    """Return the exchange that the authorization server recorded and redacted."""
    return Exchange(
        lay_out(
            f"{seen['method']} {seen['url']}", seen["request_headers"].items(), seen["request_body"]
        ),
        lay_out(
            status_line(seen["status"]), seen["response_headers"].items(), seen["response_body"]
        ),
        seen_by="the authorization server",
    )


def status_line(status: int) -> str:
    """Return the status with its phrase, for example `401 Unauthorized`."""
    return f"{status} {HTTPStatus(status).phrase}"


def _readable(body: str) -> str:
    try:
        return json.dumps(redact_json(json.loads(body)), indent=2, ensure_ascii=False)
    except ValueError:
        # All bodies of this flow are JSON. Another body is not shown, because it could contain a
        # token at any position.
        return f"({len(body)} characters)" if body else ""
