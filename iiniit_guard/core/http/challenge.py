"""Refusals as responses: the `WWW-Authenticate` challenge, the problem document and other headers.

Spec: RFC 9110 §11.6.1, RFC 6750 §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1, RFC 9457.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from iiniit_guard.core.http.bearer import DPOP, TOKEN_SCHEMES
from iiniit_guard.core.http.error_body import TITLES, Content, ErrorBodyWriter, PublicRefusal
from iiniit_guard.core.http.scope_names import requested_names
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Deny, Unavailable
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Problem, Reason, reason_of_outage
from iiniit_guard.core.model.request import Request

EXPOSED: Final = "WWW-Authenticate, DPoP-Nonce, Retry-After"
# Another token would not help.
_WITHOUT_CHALLENGE: Final = frozenset(
    {
        *(Reason.NO_RULE, Reason.UNTRUSTED_PEER, Reason.FOREIGN_ORIGIN),
        *(Reason.HEADER_MISMATCH, Reason.MALFORMED_MESSAGE, Reason.TOO_MANY_PROOFS),
    }
)
_NAMES_SCOPE: Final = frozenset({Reason.MISSING_SCOPE, Reason.INSUFFICIENT_AUTHENTICATION})
_OUTAGES: Final = {
    Reason.ISSUER_UNAVAILABLE: "The authorization server is not available at the moment.",
    Reason.PROOF_STORE_UNAVAILABLE: "The DPoP proof cannot be recorded at the moment.",
}


def challenge(scheme: str, parameters: list[tuple[str, str]]) -> str:
    """Return one challenge. Every value is a quoted-string (RFC 9110 §5.6.4).

    Args:
        scheme: As registered, `Bearer`.
        parameters: List of (name, value), values printable ASCII.
    """
    written = ", ".join(f"{name}={quoted(value)}" for name, value in parameters)
    return f"{scheme} {written}" if written else scheme


def quoted(value: str) -> str:
    """Return `value` as a quoted-string.

    Raises:
        ValueError: The value holds a control character or non-ASCII text. The settings allow
            neither.
    """
    if not (value.isascii() and value.isprintable()):
        raise ValueError("a challenge must contain only printable ASCII")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class RefusalWriter:
    """Writer of the refusals of one protected resource.

    Attributes:
        realm: Names the protection space; by default the first audience.
        schemes: Accepted schemes as registered, `Bearer` first.
        resource_metadata: URL of the RFC 9728 document, None if none is served.
        scope_prefix: The setting of the first issuer, for a request without a valid token.
        scope_prefix_of: Returns the setting `scope_prefix` of the issuer of a token.
        error_body: Returns the body of a refusal and its media type.
        proof_algorithms: The `algs` of a DPoP challenge, separated by spaces.
    """

    realm: str
    schemes: tuple[str, ...] = ("Bearer",)
    resource_metadata: str | None = None
    scope_prefix: str | None = None
    scope_prefix_of: Callable[[str], str | None] = lambda issuer: None
    error_body: ErrorBodyWriter = field(default_factory=ErrorBodyWriter)
    proof_algorithms: str = ""

    def deny(
        self,
        problem: Problem,
        request: Request,
        policy: Policy,
        *,
        scheme: str = "bearer",
        token: AccessToken | Principal | None = None,
        cache: str = "none",
        nonce: str | None = None,
    ) -> Deny:
        """Return the HTTP response of a problem.

        Args:
            problem: The problem of the request.
            request: Its method (HEAD has no body) and its `Origin` are read.
            policy: The requirement; a 401 and `insufficient_scope` name its scope.
            scheme: The scheme used, lower-case. Its challenge carries the error; those of the other
                schemes come without it. If it is DPoP, its challenge is the first.
            token: The verified token that did not satisfy the policy, for events.
            cache: How the token was found, for events.
            nonce: The `DPoP-Nonce` that the client should use from now on; None for no field.
        """
        headers, real, problem = [], problem.reason, problem.shown or problem
        if problem.reason not in _WITHOUT_CHALLENGE:
            headers.append(
                ("WWW-Authenticate", ", ".join(self._challenges(problem, policy, scheme, token)))
            )
        if problem.retry_after_seconds is not None:
            headers.append(("Retry-After", str(problem.retry_after_seconds)))
        if nonce is not None:
            headers.append(("DPoP-Nonce", nonce))
        content = self.error_body.content_of(
            PublicRefusal(
                problem.status,
                TITLES[problem.status],
                problem.reason,
                problem.description,
                problem.code,
                problem.retry_after_seconds,
            )
        )
        body = content[1]
        sent = b"" if request.method == "HEAD" else body
        return Deny(problem.status, _headers(request, headers, content), sent, real, token, cache)

    def unavailable(self, cause: Unreachable, request: Request) -> Unavailable:
        """Return a 503 with `Retry-After` for a token that could not be verified.

        It has no challenge, which would make the client discard a valid token.
        """
        seconds, reason = (
            max(1, math.ceil(cause.retry_after_seconds)),
            reason_of_outage(cause.cause),
        )
        code = "temporarily_unavailable"
        content = self.error_body.content_of(
            PublicRefusal(503, TITLES[503], reason, _OUTAGES[reason], code, seconds)
        )
        body, headers = content[1], [("Retry-After", str(seconds))]
        sent = b"" if request.method == "HEAD" else body
        return Unavailable(503, _headers(request, headers, content), sent, reason, cache="miss")

    def _challenges(
        self, problem: Problem, policy: Policy, used: str, token: AccessToken | Principal | None
    ) -> list[str]:
        metadata = (
            []
            if self.resource_metadata is None
            else [("resource_metadata", self.resource_metadata)]
        )
        prefix = (
            self.scope_prefix_of(token.issuer)
            if isinstance(token, AccessToken)
            else self.scope_prefix
        )
        names = requested_names(policy.challenge_scope.split(" "), prefix)
        scope = [("scope", " ".join(names))] if policy.scopes else []

        def parameters(scheme: str) -> list[tuple[str, str]]:
            is_used = scheme.lower() == used
            # RFC 6750 §3: a client learns the scope that it must request with its first refusal.
            named = (problem.status == 401 and scheme.lower() in TOKEN_SCHEMES) or (
                is_used and problem.reason in _NAMES_SCOPE
            )
            return [
                ("realm", self.realm),
                *(_error(problem, policy) if is_used else ()),
                *(scope if named else ()),
                *([("algs", self.proof_algorithms)] if scheme.lower() == DPOP else ()),
                *metadata,
            ]

        # Some DPoP clients read a demand for a nonce only from the first challenge.
        ordered = sorted(self.schemes, key=lambda scheme: not scheme.lower() == used == DPOP)
        return [challenge(scheme, parameters(scheme)) for scheme in ordered]


def _error(problem: Problem, policy: Policy) -> list[tuple[str, str]]:
    if problem.code is None:
        return []
    parameters = [("error", problem.code), ("error_description", problem.description)]
    if problem.reason is Reason.INSUFFICIENT_AUTHENTICATION:
        if policy.acr_values:
            parameters.append(("acr_values", " ".join(policy.acr_values)))
        if policy.max_age is not None:
            parameters.append(("max_age", str(policy.max_age)))
    return parameters


def nonce_headers(nonce: str, request: Request) -> tuple[tuple[str, str], ...]:
    """Return the fields that give a client a nonce with the response to a request that passes.

    Spec: RFC 9449 §8.2: such a response must not be cached, because the nonce would be used later.
        §9, Fetch standard: scripts of another origin read only fields that are exposed.
    """
    headers = (("DPoP-Nonce", nonce), ("Cache-Control", "no-store"))
    exposed = request.header(b"origin") is not None
    return (*headers, ("Access-Control-Expose-Headers", "DPoP-Nonce")) if exposed else headers


def _headers(
    request: Request, specific: list[tuple[str, str]], content: Content
) -> tuple[tuple[str, str], ...]:
    headers = [
        *specific,
        ("Content-Type", content[0]),
        ("Content-Length", str(len(content[1]))),
        ("Cache-Control", "no-store"),
    ]
    if request.header(b"origin") is not None:
        headers.append(("Access-Control-Expose-Headers", EXPOSED))
    return tuple(headers)
