"""Refusals: the RFC 6750 error code for clients, and a stable reason for logs and metrics."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from iiniit_guard.core.model.diagnosis import CHECK_OF, NO_DIAGNOSIS, Cause, Check, Diagnosis
from iiniit_guard.core.model.reason import Reason

__all__ = [
    "PROBLEMS",
    "Problem",
    "Reason",
    "before_signature",
    "malformed_claim",
    "reason_of_outage",
    "wrong_type",
]

# RFC 6750 §3: error_description may hold %x20-21 / %x23-5B / %x5D-7E and nothing else.
_DESCRIPTION_CHARACTERS: Final = frozenset(
    map(chr, (0x20, 0x21, *range(0x23, 0x5C), *range(0x5D, 0x7F)))
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal, before it becomes an HTTP response.

    Attributes:
        status: HTTP status: 400, 401, 403, 413 or 429.
        code: The `error` of RFC 6750 §3.1 or RFC 9449 §7.1; None if the request had no credentials.
        reason: The guard's stable reason, for logs and metrics.
        description: One sentence that is safe to send: it holds no value from the request.
        scheme: The accepted scheme, in lower case, whose challenge carries the code.
        shown: The refusal that the client receives in place of this one. Events name this one. None
            if the client may receive this one.
        diagnosis: For the log of the guard. It does not count for equality.
        retry_after_seconds: When a retry may succeed, for `Retry-After`; None without this field.

    Raises:
        ValueError: The description holds a character that RFC 6750 §3 forbids.
    """

    status: int
    code: str | None
    reason: Reason
    description: str
    scheme: str = "bearer"
    shown: Problem | None = None
    diagnosis: Diagnosis = field(default=NO_DIAGNOSIS, repr=False, compare=False)
    retry_after_seconds: int | None = None

    def __post_init__(self) -> None:
        if not _DESCRIPTION_CHARACTERS.issuperset(self.description):
            raise ValueError(
                "a description contains a character that RFC 6750 section 3 does not allow"
            )

    def about(self, **known: Any) -> Problem:
        """Return this problem with a more complete diagnosis; see `Diagnosis`."""
        diagnosis = self.diagnosis.updated(**known)
        return self if diagnosis is self.diagnosis else replace(self, diagnosis=diagnosis)

    def retrying_after(self, seconds: int) -> Problem:
        """Return this problem with a `Retry-After`."""
        return replace(self, retry_after_seconds=seconds)


def _row(status: int, code: str | None, reason: Reason, description: str) -> tuple[Reason, Problem]:
    known = Diagnosis(check=CHECK_OF.get(reason))
    return reason, Problem(status, code, reason, description, diagnosis=known)


_REQUEST, _TOKEN, _PROOF = "invalid_request", "invalid_token", "invalid_dpop_proof"

PROBLEMS: Final[dict[Reason, Problem]] = dict(
    [
        _row(401, None, Reason.NO_TOKEN, "An access token is required."),
        _row(
            400, _REQUEST, Reason.SEVERAL_CREDENTIALS, "The request has more than one credential."
        ),
        _row(400, _REQUEST, Reason.MALFORMED_HEADER, "The Authorization header is malformed."),
        _row(400, _REQUEST, Reason.TOKEN_TOO_LONG, "The access token is too long."),
        _row(
            400,
            _REQUEST,
            Reason.TOKEN_IN_QUERY,
            "An access token in the query is not accepted: send it in the Authorization header.",
        ),
        _row(401, _TOKEN, Reason.MALFORMED_TOKEN, "The access token is malformed."),
        _row(
            401,
            _TOKEN,
            Reason.UNSUPPORTED_ALGORITHM,
            "The signature algorithm of the access token is not accepted.",
        ),
        _row(
            401,
            _TOKEN,
            Reason.UNSUPPORTED_CRITICAL,
            "The access token has a header parameter that is not supported.",
        ),
        _row(401, _TOKEN, Reason.WRONG_TYPE, "This kind of token is not an access token."),
        _row(401, _TOKEN, Reason.NOT_VERIFIED, "The access token could not be verified."),
        _row(
            401,
            _TOKEN,
            Reason.UNKNOWN_ISSUER,
            "The issuer of the access token is not trusted here.",
        ),
        _row(401, _TOKEN, Reason.UNKNOWN_KEY, "The key that signed the access token is not known."),
        _row(401, _TOKEN, Reason.BAD_SIGNATURE, "The signature of the access token is not valid."),
        _row(401, _TOKEN, Reason.EXPIRED, "The access token has expired."),
        _row(401, _TOKEN, Reason.NOT_YET_VALID, "The access token is not valid yet."),
        _row(401, _TOKEN, Reason.ISSUED_IN_FUTURE, "The access token was issued in the future."),
        _row(
            401, _TOKEN, Reason.WRONG_AUDIENCE, "The access token is not meant for this resource."
        ),
        _row(
            401,
            _TOKEN,
            Reason.MALFORMED_CLAIM,
            "A claim of the access token is missing or malformed.",
        ),
        _row(401, _TOKEN, Reason.INACTIVE, "The access token is not active."),
        _row(
            401,
            _TOKEN,
            Reason.UNSUPPORTED_TOKEN_TYPE,
            "The authorization server does not support this kind of access token.",
        ),
        _row(401, _TOKEN, Reason.REVOKED, "The access token was revoked."),
        _row(
            401,
            _TOKEN,
            Reason.REVOKED_BY_STATUS_LIST,
            "The access token was revoked or suspended.",
        ),
        _row(
            401,
            _TOKEN,
            Reason.FOREIGN_STATUS_LIST,
            "The access token names a status list that is not accepted here.",
        ),
        _row(
            401,
            _TOKEN,
            Reason.UNSUPPORTED_CONFIRMATION,
            "The access token is bound to a key in a way that was not proven.",
        ),
        _row(
            401,
            _TOKEN,
            Reason.UNBOUND_TOKEN,
            "The access token is not bound to a key of the client.",
        ),
        _row(401, _PROOF, Reason.NO_PROOF, "A DPoP proof is required."),
        _row(401, _PROOF, Reason.SEVERAL_PROOFS, "The request has more than one DPoP proof."),
        _row(401, _PROOF, Reason.MALFORMED_PROOF, "The DPoP proof is malformed."),
        _row(401, _PROOF, Reason.WRONG_PROOF_TARGET, "The DPoP proof is for another request."),
        _row(401, _PROOF, Reason.WRONG_PROOF_TOKEN, "The DPoP proof is for another access token."),
        _row(401, _TOKEN, Reason.WRONG_PROOF_KEY, "The access token is bound to another key."),
        _row(401, _PROOF, Reason.BAD_PROOF_SIGNATURE, "The signature of the proof is not valid."),
        _row(401, _PROOF, Reason.STALE_PROOF, "The DPoP proof is too old or not valid yet."),
        _row(401, _PROOF, Reason.REPLAYED_PROOF, "The DPoP proof was used before."),
        _row(401, "use_dpop_nonce", Reason.PROOF_NONCE_REQUIRED, "A DPoP nonce is required."),
        _row(429, None, Reason.TOO_MANY_PROOFS, "The key of the client is used too often."),
        _row(
            401,
            _TOKEN,
            Reason.NO_CERTIFICATE,
            "The access token is bound to a client certificate, and the client presented none.",
        ),
        _row(
            401,
            _TOKEN,
            Reason.WRONG_CERTIFICATE,
            "The access token is bound to another client certificate.",
        ),
        _row(
            401,
            _TOKEN,
            Reason.MALFORMED_CERTIFICATE,
            "The client certificate of the request cannot be read.",
        ),
        _row(
            401, _TOKEN, Reason.REFUSED_BY_VALIDATOR, "The access token does not fit this resource."
        ),
        _row(401, None, Reason.UNKNOWN_CREDENTIAL, "The credential is not accepted."),
        _row(
            403,
            "insufficient_scope",
            Reason.MISSING_SCOPE,
            "The access token does not have the scope that is needed.",
        ),
        # RFC 9396 §5 defines an error for the authorization server only. RFC 6750 §3.1 has this
        # code for a request that needs more privileges than the token has.
        _row(
            403,
            "insufficient_scope",
            Reason.MISSING_AUTHORIZATION_DETAILS,
            "The access token does not have the authorization details that are needed.",
        ),
        # RFC 6750 and RFC 8693 define no error code for these two.
        _row(
            403,
            None,
            Reason.ACTOR_REQUIRED,
            "The access token does not name the actor that is needed.",
        ),
        _row(
            403,
            None,
            Reason.ACTOR_FORBIDDEN,
            "This request must not be made by the actor of the access token.",
        ),
        _row(
            401,
            "insufficient_user_authentication",
            Reason.INSUFFICIENT_AUTHENTICATION,
            "A stronger or more recent authentication is needed.",
        ),
        _row(403, None, Reason.NO_RULE, "No access rule matches this request."),
        _row(400, _REQUEST, Reason.AMBIGUOUS_PATH, "The path can be read in more than one way."),
        _row(400, _REQUEST, Reason.METHOD_OVERRIDE, "The request overrides its method."),
        _row(
            400,
            _REQUEST,
            Reason.UNKNOWN_ORIGINAL,
            "The gateway did not pass the original request correctly.",
        ),
        _row(403, None, Reason.UNTRUSTED_PEER, "Only the gateway may call this endpoint."),
        _row(
            403, None, Reason.FOREIGN_ORIGIN, "Requests from pages of this origin are not accepted."
        ),
        _row(
            400,
            _REQUEST,
            Reason.HEADER_MISMATCH,
            "A header that describes the message is missing, malformed, or unlike the body.",
        ),
        _row(
            400,
            _REQUEST,
            Reason.MALFORMED_MESSAGE,
            "The body is not exactly one unambiguous JSON-RPC message.",
        ),
    ]
)
"""The refusal for each reason.

The reasons of outages have none, because an outage is not the fault of the request.
"""


def reason_of_outage(cause: Cause | None) -> Reason:
    """Return the reason of a 503 with this cause."""
    return Reason.PROOF_STORE_UNAVAILABLE if cause == "proof_store" else Reason.ISSUER_UNAVAILABLE


def before_signature(problem: Problem, *, hidden: bool) -> Problem:
    """Return the refusal of a token that failed before its signature was verified.

    Args:
        problem: The problem of the token.
        hidden: Whether a callable finds the issuers. If so, all such refusals are alike. Otherwise
            clients could find out which tenants exist.
    """
    return replace(problem, shown=PROBLEMS[Reason.NOT_VERIFIED]) if hidden else problem


def malformed_claim(name: str, check: Check = "claims") -> Problem:
    """Return the refusal of a token with a missing or malformed claim.

    Args:
        name: A claim name from the guard's own code, never from the token.
        check: The check that found it.
    """
    return Problem(
        401,
        _TOKEN,
        Reason.MALFORMED_CLAIM,
        f"The claim {name} of the access token is missing or malformed.",
        diagnosis=Diagnosis(check=check),
    )


def wrong_type(description: str) -> Problem:
    """Return the refusal of a token of the wrong kind, with a more specific description.

    Args:
        description: Names claims, never their values.
    """
    return Problem(401, _TOKEN, Reason.WRONG_TYPE, description, diagnosis=Diagnosis(check="kind"))
