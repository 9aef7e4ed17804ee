"""The endpoint `/introspect`, for gateways that support RFC 7662.

The endpoint uses the same token cache, single-flight calls and deadlines as `/auth`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from urllib.parse import parse_qsl

from iiniit_guard.adapting.types import JsonObject, ReadState, Receive
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.confirmation import scheme_of
from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.core.http.bearer import DPOP
from iiniit_guard.core.http.event import Event
from iiniit_guard.core.model.access_token import AccessToken, thaw
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.sidecar.settings.introspection_clients import BUSY

if TYPE_CHECKING:
    from iiniit_guard.engine import Engine
    from iiniit_guard.sidecar.gateway.reply import Reply
    from iiniit_guard.sidecar.settings.introspection_clients import (
        IntrospectionClient,
        IntrospectionClients,
    )

Cache: TypeAlias = Literal["hit", "miss"]

_FORM: Final = b"application/x-www-form-urlencoded"
_MORE_THAN_A_TOKEN: Final = 8192
_READ: Final = (b"content-type", b"authorization")
_INACTIVE: Final = b'{"active": false}'
_REFUSED_CLIENT: Final = (b"www-authenticate", b'Basic realm="introspection", charset="UTF-8"')


async def introspect(
    scope: ReadState,
    receive: Receive,
    engine: Engine,
    introspection_clients: IntrospectionClients,
    observe: Callable[[Event], object],
    count_hit: Callable[[bytes], object] = lambda digest: None,
) -> Reply:
    """Handle one introspection request.

    Args:
        scope: ASGI scope of the HTTP request.
        receive: ASGI callable that returns the request body.
        engine: Verifies the token.
        introspection_clients: The clients that may introspect tokens.
        observe: Called with an event for each token that was verified.
        count_hit: Called with the digest of a token that was cached.

    Returns:
        200 with an introspection response (`exp` and `max-age` are the remaining time until the
        deadline), 400 for a malformed request, 401 for an unknown client, 405 for a method other
        than POST, and 503 if the authorization server is unavailable or too many wrong secrets
        arrive. 503 makes no statement about the token.

    Spec: RFC 7662 §2.
    """
    if scope["method"] != "POST":
        return _error(405, "invalid_request", (b"allow", b"POST"))
    fields = [field for field in scope["headers"] if field[0] in _READ]
    headers = dict(fields)
    body = await _body(receive, engine.resource.settings.max_token_bytes + _MORE_THAN_A_TOKEN)
    form = _parse(headers.get(b"content-type", b""), body)
    if form is None or len(headers) != len(fields):
        return _error(400, "invalid_request")
    client = await introspection_clients.identify(headers.get(b"authorization"), form)
    if client == BUSY:
        return _error(503, "temporarily_unavailable", (b"retry-after", b"1"))
    if client is None:
        return _error(401, "invalid_client", _REFUSED_CLIENT)
    if not (token := form.get("token")):
        return _error(400, "invalid_request")
    cache = _cache_state(engine, token)
    if cache == "hit":
        count_hit(digest_of(token))
    started = time.perf_counter()
    try:
        found = await _verify(token, engine)
        observe(_event(engine, "allow", None, cache, started))
    except TokenRefused as refused:
        observe(_event(engine, "deny", refused.reason.value, cache, started))
        return _reply(200, _INACTIVE, b"no-store")
    except IssuerUnavailable as outage:
        event = _event(engine, "unavailable", Reason.ISSUER_UNAVAILABLE.value, cache, started)
        observe(replace(event, cause=outage.cause, detail=outage.detail))
        return _error(
            503,
            "temporarily_unavailable",
            (b"retry-after", str(max(1, math.ceil(outage.retry_after_seconds))).encode()),
        )
    # RFC 7662 §4: a client must not learn about tokens that are issued for other audiences.
    if client.audiences.isdisjoint(found.audience):
        return _reply(200, _INACTIVE, b"no-store")
    return _active(found, client, engine, token)


def _cache_state(engine: Engine, token: str) -> Cache:
    is_hashed = token.isascii() and len(token) <= engine.resource.settings.max_token_bytes
    return "hit" if is_hashed and engine.resource.remaining(digest_of(token)) else "miss"


async def _verify(token: str, engine: Engine) -> AccessToken:
    """Verify a token without leeway for `exp`.

    A token that has expired by its own `exp` must not be reported as active.
    """
    # The response has the `cnf` of a bound token (RFC 9449 §6.2), so that the client of this
    # endpoint checks the proof.
    keeps_bound = engine.resource.dpop != "off"
    found = await engine.verify_async(token, host="introspect", keep_bound=keeps_bound)
    if found.expires_at is not None and found.expires_at <= engine.resource.clock.wall():
        raise TokenRefused(PROBLEMS[Reason.EXPIRED])
    return found


def _event(
    engine: Engine,
    decision: Literal["allow", "deny", "unavailable"],
    reason: str | None,
    cache: Cache,
    started: float,
) -> Event:
    seconds = time.perf_counter() - started
    return Event(
        engine.resource.clock.wall(),
        "introspect",
        "POST",
        decision,
        503 if decision == "unavailable" else 200,
        reason,
        cache,
        seconds,
    )


def _active(found: AccessToken, client: IntrospectionClient, engine: Engine, token: str) -> Reply:
    clock, remaining = engine.resource.clock, engine.resource.remaining(digest_of(token))
    ends = clock.wall() + remaining
    if found.expires_at is not None:
        ends = min(ends, found.expires_at)
    members: JsonObject = {
        name: value for name, value in thaw(found.claims).items() if name != "active"
    }
    # The members of RFC 7662 §2.2 that the guard knows for every token. Audiences that are not
    # configured for this client are left out.
    members |= {
        "iss": found.issuer,
        "aud": [name for name in found.audience if name in client.audiences],
    }
    members |= {
        "scope": " ".join(sorted(found.scopes)),
        "token_type": "DPoP" if scheme_of(found) == DPOP else members.get("token_type", "Bearer"),
    }
    members |= {
        name: value
        for name, value in (("sub", found.subject), ("client_id", found.client_id))
        if value is not None
    }
    body = json.dumps({"active": True, **members, "exp": math.floor(ends)}).encode()
    seconds = max(0, math.floor(min(remaining, ends - clock.wall())))
    return _reply(200, body, b"private, max-age=%d" % seconds if seconds else b"no-store")


async def _body(receive: Receive, longest: int) -> bytes | None:
    """Read the body. Return None if it is too long or the client has disconnected."""
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts += message.get("body", b"")
        if len(parts) > longest:
            return None
        if not message.get("more_body", False):
            return bytes(parts)


def _parse(content_type: bytes, body: bytes | None) -> dict[str, str] | None:
    if body is None or content_type.partition(b";")[0].strip().lower() != _FORM:
        return None
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=16, errors="strict"
        )
    except ValueError:  # too many fields, or not UTF-8 (UnicodeDecodeError is a ValueError)
        return None
    form = dict(pairs)
    return form if len(form) == len(pairs) else None  # RFC 6749 §3.2: no parameter twice


def _error(status: int, error: str, *headers: tuple[bytes, bytes]) -> Reply:
    status, fields, body = _reply(status, json.dumps({"error": error}).encode(), b"no-store")
    return status, [*fields, *headers], body


def _reply(status: int, body: bytes, cache_control: bytes) -> Reply:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", cache_control),
    ]
    return status, headers, body
