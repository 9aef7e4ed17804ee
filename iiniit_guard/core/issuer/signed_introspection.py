"""Signed introspection responses: a JWT of the issuer around the response.

Every fault is an outage, not a fault of the token: the issuer does not do what is agreed.

Spec: RFC 9701 §4, §5, §8.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiniit_guard.core.issuer.issuer_signature import signer_of
from iiniit_guard.core.issuer.rejection import status_problem
from iiniit_guard.core.jose.jws import parse_jws
from iiniit_guard.core.model.access_token import is_time
from iiniit_guard.core.model.clock import Moment
from iiniit_guard.core.model.diagnosis import listed
from iiniit_guard.core.model.flow import Flow, HttpResponse, Unreachable
from iiniit_guard.core.model.json_types import JsonMapping, JsonObject
from iiniit_guard.core.model.problem import Problem, Reason

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.authorization_server import AuthorizationServer

TYPE: Final = "token-introspection+jwt"
MEDIA_TYPE: Final = f"application/{TYPE}"
MEMBER: Final = "token_introspection"
_WORDS: Final = {
    Reason.UNSUPPORTED_ALGORITHM: "its signature algorithm is not in algorithms",
    Reason.UNSUPPORTED_CRITICAL: "it has a header parameter that is not supported",
}


def read_signed(
    reply: HttpResponse, endpoint: str, server: AuthorizationServer, sent: Moment
) -> Flow[JsonMapping | Unreachable]:
    """Return the members of a signed response, or why it is not usable.

    Args:
        reply: The response of the endpoint.
        endpoint: Its URL, for the log.
        server: The issuer, whose keys must have signed the response.
        sent: When the request was sent. An older response is refused.
    """
    answer = yield from _read(reply, server, sent)
    if isinstance(answer, Unreachable):
        return answer.about(url=endpoint, status=reply.status, topic="signed_response")
    return answer


def _read(
    reply: HttpResponse, server: AuthorizationServer, sent: Moment
) -> Flow[JsonMapping | Unreachable]:
    problem = status_problem(reply)
    if problem is not None:
        return problem
    # RFC 9701 §5. A plain response would bypass the signature.
    content_type = (reply.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type != MEDIA_TYPE:
        return _fault(f"the response is not {MEDIA_TYPE}")
    jws = parse_jws(reply.body.strip(), server.algorithms)
    if isinstance(jws, Problem):
        return _fault(_WORDS.get(jws.reason, "the response is not a signed JWT"))
    if jws.header.typ != TYPE:  # RFC 9701 §8.1: no other JWT of the issuer is a response
        return _fault(f"typ of the response is not {TYPE}")
    signer = yield from signer_of(jws, server)
    if isinstance(signer, Unreachable):
        return signer
    if signer is None:
        return _fault("the signature of the response matches no key of the issuer")
    return _check(jws.claims, server, sent)


def _check(
    claims: JsonObject, server: AuthorizationServer, sent: Moment
) -> JsonMapping | Unreachable:
    """Check the claims about the response, and return the response."""
    settings = server.settings
    if claims.get("iss") != settings.issuer:
        return _fault("iss of the response is not the issuer").about(
            received=listed((claims.get("iss"),)), expected=settings.issuer
        )
    audience, accepted = _texts(claims.get("aud")), settings.introspection_response_audiences
    if accepted.isdisjoint(audience):
        return _fault("aud of the response does not name this API").about(
            received=listed(audience), expected=listed(sorted(accepted))
        )
    issued, leeway = claims.get("iat"), settings.clock_leeway_seconds
    now = server.clock.wall()
    if not is_time(issued) or not sent.wall - leeway <= issued <= now + leeway:
        return _fault("iat of the response is missing, or is not the time of this call")
    if "exp" in claims and not (is_time(claims["exp"]) and now < claims["exp"] + leeway):
        return _fault("the response has expired")
    answer = claims.get(MEMBER)
    if not isinstance(answer, dict):
        return _fault(f"the response has no object {MEMBER}")
    if not isinstance(answer.get("active"), bool):
        return _fault("active is not a boolean")
    return answer


def _texts(value: object) -> list[str]:
    """Return a string, or the strings of a list."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]


def _fault(detail: str) -> Unreachable:
    return Unreachable("answer", f"signed introspection: {detail}")
