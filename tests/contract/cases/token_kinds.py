"""Access tokens and other tokens of the same issuer: RFC 9068 §5, RFC 8725 §3.11, §3.12."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, API, NOW, Case, bad, token

_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)


def _kinds() -> list[Case]:
    """Return other tokens of the same issuer and key (RFC 8725 §2.8, cross-JWT confusion)."""
    shown: list[tuple[str, str, dict[str, Any]]] = [
        (
            "an ID token with at_hash",
            "OpenID Connect Core §3.1.3.6",
            {"at_hash": "x", "nonce": "n"},
        ),
        ("an ID token with c_hash", "OpenID Connect Core §3.3.2.11", {"c_hash": "x"}),
        ("an ID token with s_hash", "FAPI 1.0 §5.2.2.1", {"s_hash": "x"}),
        (
            "a logout token",
            "OpenID Connect Back-Channel Logout §2.4",
            {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
        ),
        ("a security event", "RFC 8417 §2.2", {"events": {}}),
        ("an introspection response", "RFC 9701 §5", {"token_introspection": {"active": True}}),
        ("an authorization response", "OpenID JARM §2.1", {"code": "x", "state": "y"}),
        (
            "an authorization response that says it is an access token",
            "OpenID JARM §2.1",
            {"code": "x", "typ": "Bearer"},
        ),
        (
            "an ID token with nonce and login scopes",
            "OpenID Connect Core §2",
            {"nonce": "n", "scope": "openid profile email offline_access"},
        ),
        (
            "an ID token with nonce and no scope",
            "OpenID Connect Core §2",
            {"nonce": "n", "scope": None},
        ),
        (
            "an ID token with nonce and an empty scope",
            "OpenID Connect Core §2",
            {"nonce": "n", "scope": ""},
        ),
        (
            "an ID token with nonce and scp",
            "OpenID Connect Core §2",
            {"nonce": "n", "scope": None, "scp": ["openid", "phone", "address"]},
        ),
        (
            "an ID token with nonce and a scope that is no text",
            "OpenID Connect Core §2",
            {"nonce": "n", "scope": 1},
        ),
        (
            "an ID token with at_hash and a scope for the API",
            "OpenID Connect Core §3.1.3.6",
            {"at_hash": "x"},
        ),
        (
            "an ID token with an empty at_hash",
            "OpenID Connect Core §3.1.3.6",
            {"at_hash": None, "c_hash": ""},
        ),
        ("token_use id", "Amazon Cognito", {"token_use": "id"}),
        ("token_use refresh", "Amazon Cognito", {"token_use": "refresh"}),
        ("token_use id_token", "RFC 8725 §3.12 (Ory)", {"token_use": "id_token"}),
        ("token_use refresh_token", "RFC 8725 §3.12 (Ory)", {"token_use": "refresh_token"}),
        ("token_use Refresh_Token", "RFC 8725 §3.12 (Ory)", {"token_use": "Refresh_Token"}),
        (
            "token_use as RFC 8693 names it",
            "RFC 8693 §3",
            {"token_use": "urn:ietf:params:oauth:token-type:id_token"},
        ),
        ("token_use null", "Amazon Cognito", {"token_use": [None]}),
        ("token_use a list", "Amazon Cognito", {"token_use": ["access"]}),
        ("token_use an object", "Amazon Cognito", {"token_use": {"access": True}}),
        ("token_use true", "Amazon Cognito", {"token_use": True}),
        ("token_use a number", "Amazon Cognito", {"token_use": 1}),
        ("token_use access beside typ ID", "RFC 8725 §3.12", {"token_use": "access", "typ": "ID"}),
        ("token_use id beside typ Bearer", "RFC 8725 §3.12", {"token_use": "id", "typ": "Bearer"}),
        ("typ a list with ID", "Keycloak", {"typ": ["Bearer", "ID"]}),
        (
            "typ a list with Bearer, which is no mark",
            "RFC 8725 §3.12",
            {"typ": ["Bearer"], "at_hash": "x"},
        ),
        (
            "an unknown word, which is no mark",
            "RFC 8725 §3.12",
            {"token_use": "api", "at_hash": "x"},
        ),
        (
            "client_id, which is no mark",
            "OpenID Connect Core §2 (Zitadel)",
            {"client_id": "client-1", "nonce": "n", "scope": None},
        ),
        ("typ ID", "Keycloak", {"typ": "ID"}),
        ("typ Refresh", "Keycloak", {"typ": "Refresh"}),
        ("typ Offline", "Keycloak", {"typ": "Offline"}),
        ("typ Logout", "Keycloak", {"typ": "Logout"}),
        ("typ id in lower case", "Keycloak", {"typ": "id"}),
    ]
    rows = [
        Case(
            f"{name}, header typ {typ!r}",
            f"RFC 8725 §3.12; {clause}",
            token(header={"typ": typ}, **claims),
            _WRONG_TYPE,
        )
        for name, clause, claims in shown
        for typ in ("JWT", None)
    ]
    right: list[tuple[str, str, dict[str, Any]]] = [
        ("token_use access", "Amazon Cognito", {"token_use": "access"}),
        ("typ Bearer", "Keycloak", {"typ": "Bearer"}),
        ("token_use access_token", "RFC 8725 §3.12 (Ory Hydra)", {"token_use": "access_token"}),
        (
            "token_use in another case",
            "RFC 6749 §5.1 (case does not count)",
            {"token_use": "ACCESS", "at_hash": "x"},
        ),
        ("token_use of a word that nobody knows", "RFC 8725 §3.12", {"token_use": "api"}),
        ("typ of a word that nobody knows", "RFC 8725 §3.12", {"typ": "Robot"}),
        ("typ a number", "RFC 8725 §3.12", {"typ": 1}),
        ("typ an object", "RFC 8725 §3.12", {"typ": {"ID": 1}}),
        # RFC 9449 §6.1: in a JWT, `cnf` alone says that the token is bound. `token_type` belongs to
        # the token response (§5) and to the introspection response (§6.2), where it must not be
        # without `cnf`. The claim `typ` of Keycloak only tells an access token from an ID token.
        (
            "typ DPoP and no cnf",
            "Keycloak; RFC 9449 §6.1",
            {"typ": "DPoP", "nonce": "n", "at_hash": "x"},
        ),
        (
            "typ bearer in lower case, at_hash and nonce",
            "Keycloak",
            {"typ": "bearer", "at_hash": "x", "nonce": "n", "scope": "openid"},
        ),
        (
            "token_use access and all hashes",
            "RFC 8725 §3.12",
            {"token_use": "access", "at_hash": "x", "c_hash": "x", "s_hash": "x"},
        ),
        ("nonce and a scope for an API", "RFC 9068 §2.2 (others may be there)", {"nonce": "n"}),
        (
            "nonce and a scope for an API in scp",
            "RFC 9068 §2.2",
            {"nonce": "n", "scope": None, "scp": ["openid", "user:read"]},
        ),
        ("auth_time, acr, amr", "RFC 9068 §2.2.1", {"auth_time": NOW, "acr": "1", "amr": ["pwd"]}),
        ("act", "RFC 8693 §4.1", {"act": {"sub": "x"}}),
        ("azp beside client_id", "OpenID Connect Core §2", {"azp": "client-1"}),
    ]
    good = [
        Case(
            f"an access token with {name}", clause, token(header={"typ": "JWT"}, **claims), ALLOWED
        )
        for name, clause, claims in right
    ]
    typed = [
        Case(
            f"{name}, header typ {typ}",
            "RFC 9068 §2.1 (the header names the kind)",
            token(None, header={"typ": typ}, **claims),
            expected,
        )
        for typ in ("at+jwt", "application/at+jwt", "AT+JWT")
        for name, claims, expected in (
            ("at_hash and nonce", {"at_hash": "x", "nonce": "n"}, ALLOWED),
            ("a code", {"code": "x"}, _WRONG_TYPE),
            ("typ Refresh", {"typ": "Refresh"}, _WRONG_TYPE),
        )
    ]
    opened = [
        Case(
            f"{name}, where such tokens are accepted",
            "OpenID Connect Core §2 (insecure_accept_id_tokens)",
            token(None, header={"typ": "JWT"}, **claims),
            expected,
            settings={"insecure_accept_id_tokens": True},
        )
        for name, claims, expected in (
            ("at_hash and nonce", {"at_hash": "x", "nonce": "n"}, ALLOWED),
            ("all hashes", {"at_hash": "x", "c_hash": "x", "s_hash": "x"}, ALLOWED),
            (
                "at_hash in a token that calls itself an ID token",
                {"at_hash": "x", "typ": "ID"},
                _WRONG_TYPE,
            ),
            ("at_hash beside token_use id", {"at_hash": "x", "token_use": "id"}, _WRONG_TYPE),
            ("at_hash of a logout token", {"at_hash": "x", "events": {}}, _WRONG_TYPE),
        )
    ]
    proof = Case(
        "a DPoP proof",
        "RFC 9449 §4.2",
        token(None, header={"typ": "dpop+jwt"}, htm="GET", htu=API, exp=None),
        _WRONG_TYPE,
    )
    assertion = Case(
        "a client assertion",
        "RFC 7523 §3 (iss is the client)",
        token(None, header={"typ": "JWT"}, iss="client-1", sub="client-1"),
        _ISSUER,
    )
    return [*rows, *good, *typed, *opened, proof, assertion]


CASES: Final[list[Case]] = _kinds()
