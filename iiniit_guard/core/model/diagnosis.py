"""The diagnosis of a refusal or an outage, for the log only: a client never receives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias, get_args

from iiniit_guard.core.model.reason import Reason

LONGEST: Final = 200
"""The number of characters of a received value that are kept at most."""

Cause: TypeAlias = Literal[
    "connection",
    "dropped",
    "tls",
    "timeout",
    "protocol",
    "too_large",
    "answer",
    "credentials",
    "busy",
    "waiting",
    "file",
    "proof_store",
]
"""Why a call failed; see `Unreachable`."""

Purpose: TypeAlias = Literal["metadata", "keys", "status_list", "introspection"]
"""What a call for an issuer fetches."""

Topic: TypeAlias = Literal[
    "opaque_token",
    "encrypted_token",
    "client_secret",
    "metadata_issuer",
    "no_json",
    "store_secret",
    "dpop_nonce_secret",
    "function",
    "discovery_token",
    "other_origin",
    "signed_response",
    "status_list",
    "many_status_lists",
    "replaced_issuer",
]
"""A more specific subject than the reason of a refusal or the cause of an outage."""


Check: TypeAlias = Literal[
    "credential",
    "format",
    "header",
    "algorithm",
    "payload",
    "issuer",
    "algorithm of the issuer",
    "type",
    "keys",
    "key",
    "signature",
    "iss",
    "kind",
    "exp",
    "nbf",
    "iat",
    "audience",
    "claims",
    "required claims",
    "confirmation",
    "scope claim",
    "authorization_details",
    "act",
    "status list",
    "introspection",
    "validators",
    "authentication",
    "scopes",
    "demands",
]
"""The checks of a token, in the order in which the core makes them.

`keys`, `status list` and `introspection` make calls if they must. The checks from `iss` to `act`
are those of `ClaimChecks`. They follow `introspection` for its response. `demands` are those of a
policy beside scopes: actors and authorization details.
"""
CHECKS: Final[tuple[Check, ...]] = get_args(Check)
CHECK_OF: Final[Mapping[Reason, Check]] = {
    Reason.NO_TOKEN: "credential",
    Reason.SEVERAL_CREDENTIALS: "credential",
    Reason.MALFORMED_HEADER: "credential",
    Reason.TOKEN_TOO_LONG: "credential",
    Reason.TOKEN_IN_QUERY: "credential",
    Reason.UNSUPPORTED_CRITICAL: "header",
    Reason.UNKNOWN_KEY: "key",
    Reason.BAD_SIGNATURE: "signature",
    Reason.EXPIRED: "exp",
    Reason.NOT_YET_VALID: "nbf",
    Reason.ISSUED_IN_FUTURE: "iat",
    Reason.WRONG_AUDIENCE: "audience",
    Reason.UNSUPPORTED_CONFIRMATION: "confirmation",
    Reason.NO_CERTIFICATE: "confirmation",
    Reason.WRONG_CERTIFICATE: "confirmation",
    Reason.MALFORMED_CERTIFICATE: "confirmation",
    Reason.UNBOUND_TOKEN: "confirmation",
    Reason.REVOKED_BY_STATUS_LIST: "status list",
    Reason.FOREIGN_STATUS_LIST: "status list",
    Reason.INACTIVE: "introspection",
    Reason.REVOKED: "introspection",
    Reason.UNSUPPORTED_TOKEN_TYPE: "introspection",
    Reason.INSUFFICIENT_AUTHENTICATION: "authentication",
    Reason.MISSING_SCOPE: "scopes",
    Reason.MISSING_AUTHORIZATION_DETAILS: "demands",
    Reason.ACTOR_REQUIRED: "demands",
    Reason.ACTOR_FORBIDDEN: "demands",
}
"""The check of each reason that belongs to one check only.

The code that refuses a token for another reason names the check itself.
"""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The known causes of one refusal or outage.

    Attributes:
        issuer: The trusted issuer concerned, as the settings name it. None if it is unknown.
        received: The issuer or the audience that the token, or the metadata, names. Unverified: the
            log escapes it.
        expected: The value that the settings require in its place.
        url: The URL of the failing call.
        status: The HTTP status of the response to that call.
        why: The reason that the TLS library or the operating system gave.
        topic: Selects a more specific hint.
        detail: A sentence of the guard about this request. It holds no value from the request.
        check: The check that refused the token, as the deciding code names it.
        purpose: What the failing call fetches.
        failing_seconds: How long such calls have failed. None if this failure is the first one.
    """

    issuer: str | None = None
    received: str | None = field(default=None, repr=False)
    expected: str | None = None
    url: str | None = None
    status: int | None = None
    why: str | None = None
    topic: Topic | None = None
    detail: str | None = None
    check: Check | None = None
    purpose: Purpose | None = None
    failing_seconds: float | None = None

    def updated(self, **more: Any) -> Diagnosis:
        """Return this diagnosis with the values of `more`, which replace only None."""
        missing = {name: value for name, value in more.items() if getattr(self, name) is None}
        return replace(self, **missing) if missing else self


NO_DIAGNOSIS: Final = Diagnosis()


def listed(values: Iterable[object]) -> str:
    """Return the texts among `values`, separated by commas, at most `LONGEST` characters.

    A token can name thousands of audiences, so this reads no more of them than it returns.
    """
    text = ""
    for value in values:
        if not isinstance(value, str):
            continue
        text = f"{text}, {value[:LONGEST]}" if text else value[:LONGEST]
        if len(text) > LONGEST:
            return text[: LONGEST - 3] + "..."
    return text
