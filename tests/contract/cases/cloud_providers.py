"""Rows about the tokens that providers in the cloud issue."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, API, NOW, Allowed, Case, Refused, bad, token

_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_JWT: Final = {"typ": "JWT"}
_UNTYPED: Final = {"typ": None}
_ROLES: Final = "urn:zitadel:iam:org:project:roles"
_BARE: Final = {"client_id": None, "jti": None}

_Row = tuple[str, str | None, dict[str, Any], dict[str, Any], Refused | Allowed]

_OF_JWTS: Final[list[_Row]] = [
    (
        "Auth0's access token of its own profile",
        "openid profile",
        {
            **_BARE,
            "header": _JWT,
            "aud": [API, "https://t.test/userinfo"],
            "azp": "web",
            "gty": "password",
            "permissions": ["user:read"],
        },
        {"scope_claims": ["permissions"]},
        ALLOWED,
    ),
    ("Auth0's access token of RFC 9068", "user:read", {}, {"profile": "rfc9068"}, ALLOWED),
    (
        "Auth0's ID token",
        None,
        {**_BARE, "header": _JWT, "nonce": "n", "sid": "s"},
        {},
        _WRONG_TYPE,
    ),
    (
        "Entra's access token of a user",
        None,
        {
            **_BARE,
            "header": _JWT,
            "scp": "user:read",
            "azp": "web",
            "oid": "o",
            "tid": "t",
            "ver": "2.0",
            "uti": "u",
            "aio": "a",
            "rh": "r",
        },
        {},
        Allowed(frozenset({"user:read"})),
    ),
    (
        "Entra's access token of an application",
        None,
        {
            **_BARE,
            "header": _JWT,
            "azp": "job",
            "roles": ["user:read"],
            "idtyp": "app",
            "ver": "2.0",
            "uti": "u",
        },
        {"scope_claims": ["roles"]},
        ALLOWED,
    ),
    (
        "Entra's ID token, roles and all",
        None,
        {
            **_BARE,
            "header": _JWT,
            "nonce": "n",
            "oid": "o",
            "tid": "t",
            "ver": "2.0",
            "roles": ["user:read"],
        },
        {"scope_claims": ["roles"]},
        _WRONG_TYPE,
    ),
    (
        "Cognito's access token",
        "user:read",
        {
            "header": _UNTYPED,
            "aud": None,
            "token_use": "access",
            "username": "u",
            "origin_jti": "o",
            "auth_time": NOW,
        },
        {"audience": "client-1", "audience_claim": "client_id"},
        ALLOWED,
    ),
    (
        "Cognito's ID token",
        None,
        {
            "header": _UNTYPED,
            "aud": "client-1",
            "client_id": None,
            "token_use": "id",
            "at_hash": "x",
            "origin_jti": "o",
        },
        {"audience": "client-1"},
        _WRONG_TYPE,
    ),
    (
        "Okta's access token",
        None,
        {
            "header": _UNTYPED,
            "client_id": None,
            "scp": ["user:read"],
            "cid": "web",
            "uid": "u",
            "ver": 1,
            "auth_time": NOW,
        },
        {},
        ALLOWED,
    ),
    (
        "Okta's access token of its organisation",
        None,
        {"header": {"typ": "application/okta-internal-at+jwt"}},
        {},
        _WRONG_TYPE,
    ),
    (
        "AD FS's access token with nonce and allatclaims",
        None,
        {**_BARE, "header": _JWT, "scp": "openid allatclaims", "nonce": "n", "appid": "web"},
        {},
        _WRONG_TYPE,
    ),
    (
        "AD FS's access token with a scope for the API",
        None,
        {**_BARE, "header": _JWT, "scp": "openid user:read", "nonce": "n"},
        {},
        ALLOWED,
    ),
    (
        "WorkOS' session token, by its organisation",
        None,
        {
            **_BARE,
            "header": _UNTYPED,
            "aud": None,
            "sid": "s",
            "org_id": "org_1",
            "permissions": ["user:read"],
        },
        {
            "insecure_accept_missing_audience": True,
            "require_claim": {"org_id": "org_1"},
            "scope_claims": ["permissions"],
        },
        Allowed(frozenset({"user:read"})),
    ),
    (
        "Clerk's session token, by the page",
        None,
        {
            **_BARE,
            "header": {"typ": "JWT", "cat": "c"},
            "aud": None,
            "azp": "https://www.test",
            "sid": "s",
            "fva": [3, -1],
            "v": 2,
        },
        {"audience_claim": "azp", "audience": "https://www.test"},
        ALLOWED,
    ),
    (
        "Clerk's session token of another page",
        None,
        {**_BARE, "header": _JWT, "aud": None, "azp": "https://other.test", "sid": "s"},
        {"audience_claim": "azp", "audience": "https://www.test"},
        _AUDIENCE,
    ),
]
CASES: Final[list[Case]] = [
    *(
        Case(
            name,
            "RFC 8725 §3.12 (what servers send)",
            token(scope, **arguments),
            expected,
            settings=settings,
        )
        for name, scope, arguments, settings, expected in _OF_JWTS
    ),
]
