"""The typical mistake behind a refusal, for one line of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiniit_guard.core.jose.encodings import decode_leniently, parse_object
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Decision, Deny
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.providers.hints import hint_for

if TYPE_CHECKING:
    from iiniit_guard.core.model.json_types import JsonMapping
    from iiniit_guard.core.resource import ProtectedResource


def typical_mistake(
    problem: Problem,
    resource: ProtectedResource,
    presented: Request | str,
    decision: Decision | None = None,
) -> str | None:
    """Return the mistake that typically causes a refusal, or None.

    Args:
        problem: The refusal.
        resource: The resource whose issuers are compared: the issuer of the token if it is known,
            else all of them.
        presented: The refused request, or its token.
        decision: The refusal of the request. It has the token if the policy refuses the token.
    """
    token = decision.token if isinstance(decision, Deny) else None
    named = token.issuer if isinstance(token, AccessToken) else problem.diagnosis.issuer
    known = None if named is None else resource.known_server(named)
    servers = resource.servers if known is None else (known,)
    issuers = [server.settings for server in servers]
    presets = [issuer for issuer in issuers if issuer.preset is not None]
    text = presented if isinstance(presented, str) else _credential(presented)
    if not presets or text is None:
        return None
    header, read = read_unverified(text)
    claims = token.claims if isinstance(token, AccessToken) else read
    # An opaque token does not show to which of several issuers it belongs.
    if problem.reason is Reason.MALFORMED_TOKEN and len(issuers) > 1:
        return None
    found = (hint_for(issuer, problem, claims, header.get("typ")) for issuer in presets)
    return next((hint for hint in found if hint is not None), None)


def _credential(request: Request) -> str | None:
    value = request.header(b"authorization")
    return None if value is None else value.partition(b" ")[2].strip().decode("latin-1")


def read_unverified(token: str) -> tuple[JsonMapping, JsonMapping | None]:
    """Return the header and the claims of a JWT, for a hint; the claims are None without a JWT.

    Args:
        token: As received. An encrypted token (RFC 7516 §3.1) counts as no JWT.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return {}, None
    header, claims = (
        parse_object(decode_leniently(part.encode("ascii", "ignore"))) for part in parts[:2]
    )
    return header or {}, claims or {}
