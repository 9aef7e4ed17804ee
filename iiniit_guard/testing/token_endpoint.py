"""The endpoints of the development issuer that issue and revoke tokens.

Any client gets any token. Therefore the server is on a loopback address only.

Spec: RFC 6749 §4.4 (client credentials), §5; RFC 7009 (revocation).
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote_plus

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.testing.introspection import json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.testing.issuer import Issuer

_USUAL_SECONDS: Final = 3_600.0
_LONGEST_SECONDS: Final = 10 * 365 * 86_400.0


def token_response(issuer: Issuer, request: HttpRequest) -> HttpResponse:
    """Return the response of the token endpoint: a token for any client.

    Besides `scope`, the form may have `subject`, `audience`, `expires_in` and `kind` (`jwt`,
    `opaque`).
    """
    form = form_of(request)
    if form.get("grant_type") != "client_credentials":
        error = "invalid_request" if "grant_type" not in form else "unsupported_grant_type"
        return json_response(400, {"error": error})
    client = _client(request) or form.get("client_id") or "client-1"
    try:
        token = issue(issuer, {"subject": client, **form, "client_id": client})
    except ValueError as error:
        return json_response(400, {"error": "invalid_request", "error_description": str(error)})
    members = {"access_token": token, "token_type": "Bearer", "expires_in": int(_seconds(form))}
    scope = {"scope": form["scope"]} if form.get("scope") else {}
    return json_response(200, {**members, **scope}, ("cache-control", "no-store"))


def mint(issuer: Issuer, request: HttpRequest) -> str:
    """Return the token for the form of the page, or the text of its fault after `error: `."""
    try:
        return issue(issuer, form_of(request))
    except ValueError as error:
        return f"error: {error}"


def revoke(issuer: Issuer, request: HttpRequest) -> HttpResponse:
    """Revoke a token. Introspection then reports it inactive (RFC 7009 §2.2: always 200)."""
    issuer.revoke(form_of(request).get("token", ""))
    return HttpResponse(200)


def issue(issuer: Issuer, form: Mapping[str, str]) -> str:
    """Return a token for a form.

    Raises:
        ValueError: `expires_in` is not a number of seconds.
    """
    named = form.get("audience", "").split()
    audience = issuer.audience if not named else named[0] if len(named) == 1 else named
    make = issuer.opaque_token if form.get("kind") == "opaque" else issuer.token
    return make(
        form.get("scope") or None,
        expires_in=_seconds(form),
        subject=form.get("subject") or None,
        client_id=form.get("client_id") or "client-1",
        aud=audience,
    )


def form_of(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of a form; the last one of a name counts."""
    return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _seconds(form: Mapping[str, str]) -> float:
    text = form.get("expires_in") or str(_USUAL_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError("expires_in: must be a number of seconds") from None
    if not -_LONGEST_SECONDS <= seconds <= _LONGEST_SECONDS:
        raise ValueError("expires_in: must be a number of seconds")
    return int(seconds) if seconds == int(seconds) else seconds


def _client(request: HttpRequest) -> str | None:
    """Return the client identifier in an HTTP Basic field; any secret is accepted."""
    found = (value for name, value in request.headers if name == "authorization")
    scheme, _, encoded = next(found, "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, _ = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(name) or None
