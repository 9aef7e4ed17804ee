"""A request and its response as the page shows them: redacted the moment they are kept, so that no page can leak a token."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx2

from examples.redaction import redact_form, redact_header, redact_json, redact_url

# What says something about the flow; the others (Date, Server, User-Agent, …) would bury it.
_SHOWN = ("accept", "authorization", "content-type", "location", "www-authenticate", "retry-after", "cache-control")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response.

    Attributes:
        request: Request line, headers and body, as text.
        response: Status line, headers and body, as text; empty when none came.
        seen_by: Who saw it, where that was not this client.
    """

    request: str
    response: str
    seen_by: str = ""


def lay_out(first_line: str, headers: Iterable[tuple[str, str]], body: str) -> str:
    """Write a message as it goes over the wire, secrets shortened."""
    fields = [f"{name.title().replace('Www', 'WWW')}: {redact_header(name, value)}" for name, value in headers if name.lower() in _SHOWN]
    return "\n".join([first_line, *fields]) + (f"\n\n{body}" if body else "")


def exchange_of(response: httpx2.Response) -> Exchange:
    """Make what is shown of one of this client's own calls."""
    request = response.request
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    sent = request.content.decode()
    body = redact_form(sent) if form else _readable(sent)
    return Exchange(
        lay_out(f"{request.method} {redact_url(str(request.url))}", request.headers.items(), body),
        lay_out(status_line(response.status_code), response.headers.items(), _readable(response.text)),
    )


def failed_exchange(request: httpx2.Request) -> Exchange:
    """Make what is shown of a call that got no answer."""
    return Exchange(lay_out(f"{request.method} {redact_url(str(request.url))}", request.headers.items(), ""), "")


def witnessed_exchange(seen: Mapping[str, Any]) -> Exchange:
    """Make what is shown of an exchange that the authorization server saw, redacted there."""
    return Exchange(
        lay_out(f"{seen['method']} {seen['url']}", seen["request_headers"].items(), seen["request_body"]),
        lay_out(status_line(seen["status"]), seen["response_headers"].items(), seen["response_body"]),
        seen_by="the authorization server",
    )


def status_line(status: int) -> str:
    """`401 Unauthorized`."""
    return f"{status} {HTTPStatus(status).phrase}"


def _readable(body: str) -> str:
    try:
        return json.dumps(redact_json(json.loads(body)), indent=2, ensure_ascii=False)
    except ValueError:
        # Nobody in this flow sends anything but JSON; what else comes could hold a token anywhere.
        return f"({len(body)} characters)" if body else ""
