"""Rows about outages before the first key set or response was received."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    UNAVAILABLE,
    Case,
    Refused,
    TokenOf,
    bad,
    opaque,
    token,
)
from tests.contract.cases.outages import failing

_MODES: Final = (
    "connection",
    "tls",
    "timeout",
    "protocol",
    "too_large",
    "400",
    "401",
    "403",
    "404",
    "429",
    "500",
    "503",
    "garbage",
    "empty",
    "array",
    "redirect",
)


def _cold() -> list[Case]:
    return [
        Case(
            f"cold: {place or 'everything'} answers {mode}, {kind}",
            "RFC 9110 §15.6.4 (503 with Retry-After, never 401)",
            make,
            UNAVAILABLE,
            given=failing(mode, place),
        )
        for kind, make, places in (
            ("a JWT", token(), (None, "discovery", "jwks")),
            ("an opaque token", opaque(), (None, "discovery")),
        )
        for place in places
        for mode in _MODES
    ]


def _hopeless() -> list[Case]:
    """Return rows that are refused without a call, so an outage makes no difference."""
    rows: list[tuple[str, TokenOf | None, Refused]] = [
        ("no token", None, Refused(401, None, Reason.NO_TOKEN)),
        ("a foreign issuer", token(iss="https://evil.test"), bad(Reason.UNKNOWN_ISSUER)),
        (
            "alg none",
            lambda issuer: issuer.token(header={"alg": "none"}),
            bad(Reason.UNSUPPORTED_ALGORITHM),
        ),
        ("the type of another token", token(header={"typ": "dpop+jwt"}), bad(Reason.WRONG_TYPE)),
        ("a malformed token", lambda issuer: issuer.token() + "~", bad(Reason.MALFORMED_TOKEN)),
    ]
    return [
        Case(
            f"down: {name} is refused all the same",
            "CWE-770 (refused without a request)",
            make,
            expected,
            given=failing("connection"),
            asked=(),
        )
        for name, make, expected in rows
    ]


CASES: Final[list[Case]] = [*_cold(), *_hopeless()]
