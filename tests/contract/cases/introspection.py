"""Introspection (RFC 7662): when the guard calls the authorization server, and the answers."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import (
    ALLOWED,
    API,
    ISSUER,
    NOW,
    Allowed,
    Case,
    Refused,
    bad,
    literal,
    opaque,
)

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_INACTIVE: Final = bad(Reason.INACTIVE)
_EXPIRED: Final = bad(Reason.EXPIRED)
_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_ASKED: Final = ("discovery", "introspection")


def _verdicts() -> list[Case]:
    members: list[tuple[str, str, dict[str, Any], Refused | Allowed]] = [
        ("all usual members", "RFC 7662 §2.2", {}, ALLOWED),
        (
            "active and aud alone",
            "RFC 7662 §2.2 (all else optional)",
            {
                "iss": None,
                "sub": None,
                "client_id": None,
                "scope": None,
                "iat": None,
                "exp": None,
                "jti": None,
                "token_type": None,
            },
            ALLOWED,
        ),
        ("no exp", "RFC 7662 §2.2 (optional)", {"exp": None}, ALLOWED),
        (
            "exp as its leeway ends",
            "RFC 7662 §2.2 (expiry_leeway_seconds)",
            {"exp": NOW - 5},
            _EXPIRED,
        ),
        (
            "exp a second before its leeway ends",
            "RFC 7662 §2.2 (expiry_leeway_seconds)",
            {"exp": NOW - 4},
            ALLOWED,
        ),
        (
            "exp an hour past",
            "RFC 7662 §2.2 (another library accepts it)",
            {"exp": NOW - 3600},
            _EXPIRED,
        ),
        ("exp as text", "RFC 7662 §2.2 (a timestamp)", {"exp": str(NOW + 100)}, _CLAIM),
        ("exp true", "RFC 7662 §2.2 (a timestamp)", {"exp": True}, _CLAIM),
        ("exp zero, meaning never somewhere", "RFC 7662 §2.2", {"exp": 0}, _EXPIRED),
        ("exp negative", "RFC 7662 §2.2", {"exp": -1}, _CLAIM),
        ("exp 2**63", "RFC 7662 §2.2", {"exp": 2**63}, _CLAIM),
        ("exp with a fraction", "RFC 7662 §2.2 (servers send floats)", {"exp": NOW + 0.5}, ALLOWED),
        ("nbf as far ahead as the leeway", "RFC 7662 §2.2", {"nbf": NOW + 30}, ALLOWED),
        ("nbf beyond the leeway", "RFC 7662 §2.2", {"nbf": NOW + 31}, bad(Reason.NOT_YET_VALID)),
        ("nbf as text", "RFC 7662 §2.2", {"nbf": "0"}, _CLAIM),
        ("iat as far ahead as the leeway", "RFC 7662 §2.2", {"iat": NOW + 30}, ALLOWED),
        ("iat beyond the leeway", "RFC 7662 §2.2", {"iat": NOW + 31}, bad(Reason.ISSUED_IN_FUTURE)),
        ("iat as a list", "RFC 7662 §2.2", {"iat": [NOW]}, _CLAIM),
        ("another audience", "RFC 7662 §4", {"aud": "https://other.test"}, _AUDIENCE),
        ("a list of audiences with ours", "RFC 7662 §2.2", {"aud": ["x", API]}, ALLOWED),
        ("a list of others", "RFC 7662 §4", {"aud": ["x", "y"]}, _AUDIENCE),
        ("an empty list of audiences", "RFC 7662 §4", {"aud": []}, _AUDIENCE),
        (
            "the scope string as audience",
            "RFC 7662 §2.2 (servers without a resource send the scope)",
            {"aud": "user:read"},
            _AUDIENCE,
        ),
        ("aud a number", "RFC 7662 §2.2", {"aud": 1}, _CLAIM),
        ("no audience", "RFC 9068 §4 (the audience is required)", {"aud": None}, _AUDIENCE),
        ("another issuer", "RFC 7662 §2.2; RFC 9700 §4.4", {"iss": "https://evil.test"}, _ISSUER),
        (
            "the issuer with a slash",
            "RFC 7662 §2.2 (to the letter)",
            {"iss": ISSUER + "/"},
            _ISSUER,
        ),
        ("iss a number", "RFC 7662 §2.2", {"iss": 1}, _CLAIM),
        ("no iss", "RFC 7662 §2.2 (optional)", {"iss": None}, ALLOWED),
        ("sub a number", "RFC 7662 §2.2", {"sub": 7}, _CLAIM),
        ("client_id a list", "RFC 7662 §2.2", {"client_id": ["a"]}, _CLAIM),
        ("jti a number", "RFC 7662 §2.2", {"jti": 7}, _CLAIM),
        ("username with line breaks", "RFC 7662 §2.2", {"username": "a\r\nX-Evil: 1"}, ALLOWED),
        ("scope with a NUL", "RFC 6749 §3.3", {"scope": "a\0b"}, _CLAIM),
        ("token_type Bearer", "RFC 7662 §2.2", {"token_type": "Bearer"}, ALLOWED),
        (
            "token_type bearer",
            "RFC 6749 §5.1 (case-insensitive)",
            {"token_type": "bearer"},
            ALLOWED,
        ),
        (
            "token_type access_token",
            "RFC 7662 §2.2 (servers send it)",
            {"token_type": "access_token"},
            ALLOWED,
        ),
        (
            "a refresh token",
            "RFC 7662 §2.2 (two servers call it active)",
            {"token_type": "refresh_token"},
            _WRONG_TYPE,
        ),
        (
            "an ID token",
            "RFC 8693 §3",
            {"token_type": "urn:ietf:params:oauth:token-type:id_token"},
            _WRONG_TYPE,
        ),
        ("token_type mac", "RFC 6749 §7.1", {"token_type": "mac"}, _WRONG_TYPE),
        ("token_type N_A", "RFC 8693 §2.2.1", {"token_type": "N_A"}, _WRONG_TYPE),
        ("token_type a number", "RFC 7662 §2.2", {"token_type": 1}, _WRONG_TYPE),
        ("typ Refresh, as Keycloak says", "Keycloak", {"typ": "Refresh"}, _WRONG_TYPE),
        ("typ ID", "Keycloak", {"typ": "ID"}, _WRONG_TYPE),
        ("typ DPoP without cnf", "RFC 9449 §5", {"typ": "DPoP"}, _CNF),
        ("typ Bearer", "Keycloak", {"typ": "Bearer"}, ALLOWED),
        (
            "typ of a word that nobody knows",
            "RFC 7662 §2.2 (extensions)",
            {"typ": "robot"},
            ALLOWED,
        ),
        (
            "token_use access_token",
            "RFC 7662 §2.2 (Ory Hydra)",
            {"token_use": "access_token"},
            ALLOWED,
        ),
        (
            "token_use of a word that nobody knows",
            "RFC 7662 §2.2 (extensions)",
            {"token_use": "api"},
            ALLOWED,
        ),
        ("token_use refresh", "Amazon Cognito", {"token_use": "refresh"}, _WRONG_TYPE),
        (
            "token_use refresh_token",
            "RFC 7662 §2.2 (Ory Hydra)",
            {"token_use": "refresh_token"},
            _WRONG_TYPE,
        ),
        ("token_use ID", "Amazon Cognito", {"token_use": "ID"}, _WRONG_TYPE),
        ("token_use a list", "RFC 7662 §2.2", {"token_use": ["access_token"]}, _WRONG_TYPE),
        (
            "at_hash and nonce",
            "RFC 7662 §2.2 (only words count)",
            {"at_hash": "x", "nonce": "n", "scope": "openid"},
            ALLOWED,
        ),
        ("events", "RFC 8417 §2.2", {"events": {}}, _WRONG_TYPE),
        (
            "token_introspection",
            "RFC 9701 §5",
            {"token_introspection": {"active": True}},
            _WRONG_TYPE,
        ),
        ("code", "OpenID JARM §2.1", {"code": "x"}, _WRONG_TYPE),
        (
            "bound by jkt",
            "RFC 9449 §6.2",
            {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
            _CNF,
        ),
        ("bound in a way nobody knows", "RFC 7800 §3.1", {"cnf": {"x": 1}}, _CNF),
        ("cnf a string", "RFC 7800 §3.1", {"cnf": "x"}, _CNF),
        (
            "members nobody knows",
            "RFC 7662 §2.2 (extensions)",
            {"ext": {"a": [1]}, "entity": None},
            ALLOWED,
        ),
    ]

    def sloppy(issuer: Issuer) -> None:
        issuer.notices_expiry = False

    rows = [
        Case(f"active: {name}", clause, opaque(**changes), expected, given=sloppy, asked=_ASKED)
        for name, clause, changes, expected in members
    ]
    missing = {"insecure_accept_missing_audience": True}
    own = [
        Case(
            "active: no audience, where that is accepted",
            "RFC 7662 §2.2 (insecure_accept_missing_audience)",
            opaque(aud=None),
            ALLOWED,
            settings=missing,
        ),
        Case(
            "active: another audience, where none is accepted",
            "RFC 7662 §2.2 (insecure_accept_missing_audience)",
            opaque(aud="x"),
            _AUDIENCE,
            settings=missing,
        ),
        Case(
            "active: no audience in a list, where that is accepted",
            "RFC 7662 §2.2 (Ory Hydra)",
            opaque(aud=[]),
            ALLOWED,
            settings=missing,
        ),
        Case(
            "active: an empty audience, where none is accepted",
            "RFC 7662 §2.2",
            opaque(aud=""),
            _AUDIENCE,
            settings=missing,
        ),
        Case(
            "active: an object as audience, where none is accepted",
            "RFC 7662 §2.2",
            opaque(aud={}),
            _CLAIM,
            settings=missing,
        ),
        Case(
            "active: the client as audience",
            "RFC 7662 §2.2 (audience_claim)",
            opaque(aud=None),
            ALLOWED,
            settings={"audience": "client-1", "audience_claim": "client_id"},
        ),
        Case(
            "inactive: unknown", "RFC 7662 §2.2", literal("never-issued"), _INACTIVE, asked=_ASKED
        ),
        Case("inactive: expired", "RFC 7662 §2.2", opaque(expires_in=-1), _INACTIVE, asked=_ASKED),
        Case(
            "inactive with good members beside",
            "RFC 7662 §2.2",
            opaque(active=False),
            _INACTIVE,
            asked=_ASKED,
        ),
    ]
    return [*rows, *own]


CASES: Final[list[Case]] = [
    *_verdicts(),
]
