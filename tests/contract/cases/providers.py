"""Tokens of real authorization servers: access tokens pass, other tokens are refused."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, NOW, Allowed, Case, Refused, bad, opaque, token

_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_JWT: Final = {"typ": "JWT"}
_UNTYPED: Final = {"typ": None}
_ROLES: Final = "urn:zitadel:iam:org:project:roles"
_BARE: Final = {"client_id": None, "jti": None}

_Row = tuple[str, str | None, dict[str, Any], dict[str, Any], Refused | Allowed]

_OF_JWTS: Final[list[_Row]] = [
    (
        "Keycloak's access token",
        "openid profile email",
        {
            **_BARE,
            "header": _JWT,
            "typ": "Bearer",
            "azp": "web",
            "sid": "s",
            "acr": "1",
            "realm_access": {"roles": ["user:read"]},
        },
        {"scope_claims": ["realm_access.roles"]},
        Allowed(frozenset({"openid", "profile", "email", "user:read"})),
    ),
    (
        "older Keycloak's access token, with nonce",
        "openid",
        {**_BARE, "header": _JWT, "typ": "Bearer", "azp": "web", "nonce": "n"},
        {},
        ALLOWED,
    ),
    (
        "Keycloak's ID token",
        None,
        {**_BARE, "header": _JWT, "typ": "ID", "azp": "web", "nonce": "n", "at_hash": "x"},
        {},
        _WRONG_TYPE,
    ),
    (
        "Keycloak's ID token without nonce",
        None,
        {**_BARE, "header": _JWT, "typ": "ID", "azp": "web"},
        {},
        _WRONG_TYPE,
    ),
    (
        "Keycloak's refresh token",
        "openid",
        {**_BARE, "header": _JWT, "typ": "Refresh", "azp": "web"},
        {},
        _WRONG_TYPE,
    ),
    (
        "Keycloak's offline token",
        "openid",
        {**_BARE, "header": _JWT, "typ": "Offline", "azp": "web"},
        {},
        _WRONG_TYPE,
    ),
    (
        "Keycloak's logout token",
        None,
        {**_BARE, "header": _JWT, "typ": "Logout", "sid": "s"},
        {},
        _WRONG_TYPE,
    ),
    (
        "Keycloak's roles of a client with dots",
        None,
        {
            **_BARE,
            "header": _JWT,
            "typ": "Bearer",
            "resource_access": {"my.api": {"roles": ["user:read"]}},
        },
        {"scope_claims": [["resource_access", "my.api", "roles"]]},
        Allowed(frozenset({"user:read"})),
    ),
    (
        "Hydra's access token",
        None,
        {"header": _JWT, "scp": ["user:read"], "ext": {}, "nbf": NOW},
        {},
        Allowed(frozenset({"user:read"})),
    ),
    (
        "Hydra's ID token",
        None,
        {**_BARE, "header": _JWT, "at_hash": "x", "rat": NOW, "sid": "s", "auth_time": NOW},
        {},
        _WRONG_TYPE,
    ),
    (
        "Dex's access token",
        None,
        {**_BARE, "header": _UNTYPED, "at_hash": "x", "groups": ["user:read"], "email": "a@b.test"},
        {},
        _WRONG_TYPE,
    ),
    (
        "Dex's access token, where ID tokens are accepted",
        None,
        {
            **_BARE,
            "header": _UNTYPED,
            "at_hash": "x",
            "nonce": "n",
            "groups": ["user:read"],
            "email": "a@b.test",
        },
        {"insecure_accept_id_tokens": True, "scope_claims": ["groups"]},
        Allowed(frozenset({"user:read"})),
    ),
    (
        "Zitadel's access token",
        None,
        {"header": _JWT, "azp": "224", "nbf": NOW, _ROLES: {"user:read": {"224": "acme.test"}}},
        {"scope_claims": [f"{_ROLES}.*"]},
        Allowed(frozenset({"user:read"})),
    ),
    (
        "Zitadel's ID token",
        None,
        {"header": _JWT, "azp": "224", "nonce": "n", "auth_time": NOW, "amr": ["pwd"]},
        {},
        _WRONG_TYPE,
    ),
]
_OF_ANSWERS: Final[list[_Row]] = [
    (
        "Hydra's answer",
        "user:read",
        {"token_use": "access_token", "ext": {}, "jti": None, "nbf": NOW},
        {},
        ALLOWED,
    ),
    (
        "Hydra's answer about a refresh token",
        "user:read",
        {"token_use": "refresh_token", "ext": {}, "jti": None},
        {},
        _WRONG_TYPE,
    ),
    ("Hydra's older answer", "user:read", {"token_type": "access_token", "ext": {}}, {}, ALLOWED),
    (
        "Hydra's answer without an audience",
        "user:read",
        {"token_use": "access_token", "aud": []},
        {},
        _AUDIENCE,
    ),
    (
        "Hydra's answer without an audience, where that is accepted",
        "user:read",
        {"token_use": "access_token", "aud": []},
        {"insecure_accept_missing_audience": True},
        ALLOWED,
    ),
    (
        "Keycloak's answer",
        "openid",
        {"typ": "Bearer", "azp": "web", "nonce": "n", "username": "u"},
        {},
        ALLOWED,
    ),
    (
        "Keycloak's answer about a refresh token",
        "openid",
        {"typ": "Refresh", "token_type": None},
        {},
        _WRONG_TYPE,
    ),
    (
        "Zitadel's answer",
        "openid",
        {"username": "u", _ROLES: {"user:read": {"224": "acme.test"}}},
        {"scope_claims": [_ROLES]},
        Allowed(frozenset({"openid", "user:read"})),
    ),
    (
        "an answer of a strict issuer, of client credentials",
        "user:read",
        {"subject": None, "jti": None, "iat": None},
        {"profile": "rfc9068"},
        ALLOWED,
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
    *(
        Case(
            name,
            "RFC 8725 §3.12 (what servers send)",
            opaque(scope, **arguments),
            expected,
            settings=settings,
        )
        for name, scope, arguments, settings, expected in _OF_ANSWERS
    ),
]
