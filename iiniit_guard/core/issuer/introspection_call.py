"""One introspection call: to the endpoint of the issuer, or to a function of the application."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from iiniit_guard.core.issuer.client_authentication import sign_in
from iiniit_guard.core.issuer.rejection import Used, parse_answer
from iiniit_guard.core.issuer.signed_introspection import MEDIA_TYPE, read_signed
from iiniit_guard.core.jose.encodings import parse_object
from iiniit_guard.core.model.clock import Moment
from iiniit_guard.core.model.flow import (
    MAX_BODY_BYTES,
    Call,
    Fetch,
    Flow,
    HttpRequest,
    HttpResponse,
    Unreachable,
)
from iiniit_guard.core.model.json_types import JsonMapping

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.authorization_server import AuthorizationServer

_FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")
_INACTIVE: Final[JsonMapping] = {"active": False}
_NO_ENDPOINT: Final[Used] = ("", 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply to one call.

    Attributes:
        reply: As received; for the circuit breaker.
        answer: The members of a valid response, or why there is none.
        sent: When the call began.
        used: The endpoint and the credentials; see `Used`.
    """

    reply: object = field(repr=False)
    answer: JsonMapping | Unreachable = field(repr=False)
    sent: Moment
    used: Used


def call_issuer(server: AuthorizationServer, endpoint: str, token: str) -> Flow[Reply | None]:
    """Introspect `token` once.

    Args:
        server: The issuer, with its credentials or its function.
        endpoint: The URL of its introspection endpoint; not used for a function.
        token: The token as received.

    Returns:
        None if the guard has no usable credentials. `server.introspecting.failure` is then the
        reason.
    """
    if server.function is None:
        return (yield from _call_endpoint(server, endpoint, token))
    sent = server.clock.now()
    reply = yield Call(server.function, (token,), server.connection.timeout_seconds)
    answer = reply if isinstance(reply, Unreachable) else _read_answer(reply)
    if isinstance(answer, Unreachable):
        answer = answer.about(topic="function")
    return Reply(reply, answer, sent, _NO_ENDPOINT)


def _call_endpoint(server: AuthorizationServer, endpoint: str, token: str) -> Flow[Reply | None]:
    credentials = yield from sign_in(
        server.client_authentication, server.issuer, server.clock.wall(), server.unique
    )
    if isinstance(credentials, Unreachable):
        server.introspecting.record(credentials.about(topic="client_secret"))
        return None
    sent = server.clock.now()
    form = (("token", token), ("token_type_hint", "access_token"), *credentials.form)
    body, origins = urlencode(form).encode("ascii"), server.headers_of_origins
    further = () if origins is None else origins.of_call(endpoint)
    signed = server.settings.introspection_signed
    # RFC 9701 §4: only this media type. The issuer must not choose a plain response.
    accept = ("Accept", MEDIA_TYPE if signed else "application/json")
    headers = (accept, _FORM, *further, *credentials.headers)
    reply: HttpResponse | Unreachable = yield Fetch(
        HttpRequest("POST", endpoint, headers, body, server.connection, "introspection")
    )
    if isinstance(reply, Unreachable):
        answer: JsonMapping | Unreachable = reply
    elif signed:
        answer = yield from read_signed(reply, endpoint, server, sent)
    else:
        answer = parse_answer(reply)
        if isinstance(answer, Unreachable):
            answer = answer.about(url=endpoint, status=reply.status)
    return Reply(reply, answer, sent, (endpoint, credentials.fingerprint))


def _read_answer(returned: object) -> JsonMapping | Unreachable:
    """Return the members that a function returned, exactly as if a server had sent them.

    Anything else than such a mapping or None is an outage, not a fault of the token.
    """
    if returned is None:
        return _INACTIVE
    if not isinstance(returned, Mapping):
        return Unreachable("answer", "introspection: the function returned no mapping, nor None")
    try:
        text = json.dumps(dict(returned), allow_nan=False).encode("ascii")
    except Exception as error:  # noqa: BLE001 - the mapping is the application's own
        kind = type(error).__qualname__
        return Unreachable("answer", f"introspection: the function returned no JSON ({kind})")
    if len(text) > MAX_BODY_BYTES:
        return Unreachable("too_large", "introspection: the function returned over 1 MiB")
    answer = parse_object(text)
    if answer is None:
        return Unreachable("answer", "introspection: the function returned no JSON object")
    if not isinstance(answer.get("active"), bool):
        return Unreachable(
            "answer", "introspection: active is not a boolean in what the function returned"
        )
    return answer
