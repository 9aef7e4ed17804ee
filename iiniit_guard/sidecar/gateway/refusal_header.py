"""Encode a refusal into one header for nginx, and render it at `/answer`.

nginx does not pass a 400 or 503 response of `auth_request` on to the client. So `/auth` encodes
the refusal into the header `X-Iiniit-Answer`, and nginx sends that header to `/answer`.

The value is JSON in base64url and is not signed. An attacker who forges the value can only forge a
refusal of the attacker's own request: `/answer` cannot grant access, its statuses and header names
are fixed in this module, and it builds the body again from checked values. A signature would
require a key that all workers and instances share, without protecting against any attack.
"""

from __future__ import annotations

import json
from typing import Final

from iiniit_guard.adapting.types import JsonObject
from iiniit_guard.core.http.challenge import EXPOSED
from iiniit_guard.core.jose.encodings import decode_base64url, encode_base64url, parse_object
from iiniit_guard.core.model.decision import Refusal
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.sidecar.gateway.identity import Header

VARY: Final[Header] = (b"vary", b"Authorization, DPoP")
"""Part of every grant and refusal, because both depend on the credentials (RFC 9110 §12.5.5)."""

LONGEST: Final = 3072
"""Maximum length of a value in bytes.

With the rest of the response head, the value fits into the 4 KiB buffer of nginx's default.
"""

_STATUSES: Final = frozenset({400, 401, 403, 429, 503})
_CARRIED: Final = ("WWW-Authenticate", "Retry-After", "DPoP-Nonce")
_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    429: "Too Many Requests",
    503: "Service Unavailable",
}
_REASONS: Final = frozenset(reason.value for reason in Reason)
_LONGEST_WORDS: Final = 2048


def fold(refusal: Refusal) -> bytes:
    """Return a refusal as the value of `X-Iiniit-Answer`.

    A challenge that is too long, such as one for a policy with a hundred scopes, is left out, so
    that the status always arrives. The other fields stay: without its nonce, a client would be
    refused again and again.
    """
    is_ours = refusal.header("Content-Type") in (None, "application/problem+json")
    told: JsonObject = (
        json.loads(refusal.body) if refusal.body and is_ours else _told(refusal.reason)
    )
    folded: JsonObject = {
        "s": refusal.status,
        "r": told.get("reason", refusal.reason.value),
        "d": told.get("detail", ""),
        "h": [refusal.header(name) for name in _CARRIED],
        "o": refusal.header("Access-Control-Expose-Headers") is not None,
    }
    if "error" in told:
        folded["e"] = [told["error"], told["error_description"]]
    value = _write(folded)
    return (
        value
        if len(value) <= LONGEST
        else _write({**folded, "h": [None, *(refusal.header(name) for name in _CARRIED[1:])]})
    )


def unfold(value: bytes | None, *, head: bool = False) -> tuple[int, list[Header], bytes]:
    """Return the response that an encoded refusal describes.

    Args:
        value: Value of the received header. None, or a value that `fold` does not produce, results
            in a 403 without a challenge.
        head: Whether the body is left out, for a HEAD request.

    Returns:
        Status, headers (names in lower case) and body. The response is always a refusal.
    """
    told = None if value is None or len(value) > LONGEST else _read(value)
    return refusal_parts(*(told or _bare()), head=head)


def refusal_parts(
    status: int,
    reason: str,
    detail: str,
    error: tuple[str, str] | None,
    carried: list[str | None],
    exposed: bool,
    *,
    head: bool = False,
) -> tuple[int, list[Header], bytes]:
    """Return a refusal as an RFC 9457 problem document, with the members that every host sends."""
    document = {
        "type": "about:blank",
        "title": _TITLES[status],
        "status": status,
        "detail": detail,
        "reason": reason,
    }
    if error is not None:
        document["error"], document["error_description"] = error
    body = json.dumps(document).encode()
    headers = [
        (name.lower().encode(), text.encode("ascii"))
        for name, text in zip(_CARRIED, carried, strict=True)
        if text is not None
    ]
    headers += [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        VARY,
    ]
    if exposed:
        headers.append((b"access-control-expose-headers", EXPOSED.encode()))
    return status, headers, b"" if head else body


def _bare() -> tuple[int, str, str, None, list[str | None], bool]:
    problem = PROBLEMS[Reason.NO_RULE]
    return 403, problem.reason.value, problem.description, None, [None] * len(_CARRIED), False


def _told(reason: Reason) -> JsonObject:
    """Return the body members of a refusal of a HEAD request, which has no body to read."""
    problem = PROBLEMS.get(reason)
    if problem is None:
        return {"detail": ""}
    error = (
        {}
        if problem.code is None
        else {"error": problem.code, "error_description": problem.description}
    )
    return {"detail": problem.description, **error}


def _write(folded: JsonObject) -> bytes:
    return encode_base64url(json.dumps(folded, separators=(",", ":")).encode())


def _read(
    value: bytes,
) -> tuple[int, str, str, tuple[str, str] | None, list[str | None], bool] | None:
    octets = decode_base64url(value)
    folded = None if octets is None else parse_object(octets)
    if folded is None:
        return None
    status, reason, detail, carried, error = (
        folded.get(name) for name in ("s", "r", "d", "h", "e")
    )
    if (
        type(status) is not int
        or status not in _STATUSES
        or not (isinstance(reason, str) and reason in _REASONS)
    ):
        return None
    if not isinstance(detail, str) or not _is_text(detail):
        return None
    if (
        not isinstance(carried, list)
        or len(carried) != len(_CARRIED)
        or not all(text is None or _is_text(text) for text in carried)
    ):
        return None
    if error is not None and not (
        isinstance(error, list) and len(error) == 2 and all(map(_is_text, error))
    ):
        return None
    return (
        status,
        reason,
        detail,
        None if error is None else (error[0], error[1]),
        carried,
        folded.get("o") is True,
    )


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and len(value) <= _LONGEST_WORDS
    )
