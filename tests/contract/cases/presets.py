"""Presets of Keycloak, Zitadel, Ory, Auth0 and Okta: access tokens pass, similar tokens do not."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard import ClientSecretBasic, providers
from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, API, NOW, Allowed, Case, bad
from tests.contract.cases.preset_rows import Row, cases_of

_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_MALFORMED: Final = bad(Reason.MALFORMED_TOKEN)
_TYPE: Final = bad(Reason.WRONG_TYPE)
_VALIDATOR: Final = bad(Reason.REFUSED_BY_VALIDATOR)
_READ: Final = Allowed(frozenset({"user:read"}))
_NONE: Final = Allowed(frozenset())
_BARE: Final[dict[str, Any]] = {"client_id": None, "jti": None, "header": {"typ": "JWT"}}
_UNTYPED: Final[dict[str, Any]] = {"client_id": None, "header": {"typ": None}}

# What `Issuer` expects of the client that introspects.
_CLIENT: Final = ClientSecretBasic("api", "colon:percent%plus+space ü")

_KEYCLOAK: Final = providers.keycloak("https://sso.test", realm="acme", audience=API)
_OLD: Final = providers.keycloak("https://sso.test/auth/", realm="acme", audience=API)
_WITH_ROLES: Final = providers.keycloak(
    "https://sso.test", realm="acme", audience=API, roles=True, client_roles=["my.api"]
)
_OF_KEYCLOAK: Final[dict[str, Any]] = {**_BARE, "typ": "Bearer", "azp": "web", "sid": "s"}
_ROLES: Final[dict[str, Any]] = {
    "realm_access": {"roles": ["user:read"]},
    "resource_access": {"my.api": {"roles": ["user:write"]}, "other": {"roles": ["admin"]}},
}

_ZITADEL: Final = providers.zitadel("acme.zitadel.test", project="224", roles=True)
_PROJECT_ROLES: Final = "urn:zitadel:iam:org:project:224:roles"
_OF_ZITADEL: Final[dict[str, Any]] = {
    "client_id": None,
    "header": {"typ": "JWT"},
    "azp": "web@acme",
    "aud": ["web@acme", "224"],
    "nbf": NOW,
}

_AUTH0: Final = providers.auth0("acme.eu.auth0.com", audience=API)
_PERMISSIONS: Final = providers.auth0(
    "acme.eu.auth0.com", audience=API, roles=True, organization="org_1"
)
_OF_AUTH0: Final[dict[str, Any]] = {
    **_BARE,
    "aud": [API, "https://acme.eu.auth0.com/userinfo"],
    "azp": "web",
}

_OKTA: Final = providers.okta("acme.okta.com", server="default", audience="api://default")
_OF_OKTA: Final[dict[str, Any]] = {
    **_UNTYPED,
    "aud": "api://default",
    "scp": ["user:read"],
    "cid": "web",
    "uid": "u",
    "ver": 1,
    "auth_time": NOW,
}

_ORY: Final = providers.ory(project="acme", audience=API, roles=True)
_OF_ORY: Final[dict[str, Any]] = {"header": {"typ": "JWT"}, "scp": ["user:read"], "nbf": NOW}


_OF_SELF_HOSTED: Final = [
    Row("the preset of Keycloak", _KEYCLOAK, "user:read", _OF_KEYCLOAK, _READ),
    Row("the preset of an old Keycloak", _OLD, "user:read", _OF_KEYCLOAK, _READ),
    Row("Keycloak's roles, unasked for", _KEYCLOAK, None, {**_OF_KEYCLOAK, **_ROLES}, _NONE),
    Row(
        "Keycloak's roles, asked for",
        _WITH_ROLES,
        None,
        {**_OF_KEYCLOAK, **_ROLES},
        Allowed(frozenset({"user:read", "user:write"})),
    ),
    Row(
        "Keycloak's audience account", _KEYCLOAK, "a", {**_OF_KEYCLOAK, "aud": "account"}, _AUDIENCE
    ),
    Row("Keycloak's missing audience", _KEYCLOAK, "a", {**_OF_KEYCLOAK, "aud": None}, _AUDIENCE),
    Row("an ID token of this realm", _KEYCLOAK, None, {**_OF_KEYCLOAK, "typ": "ID"}, _TYPE),
    Row(
        "a refresh token of this realm", _KEYCLOAK, None, {**_OF_KEYCLOAK, "typ": "Refresh"}, _TYPE
    ),
    Row(
        "a token of another realm",
        _KEYCLOAK,
        "user:read",
        {**_OF_KEYCLOAK, "iss": "https://sso.test/realms/other"},
        _ISSUER,
    ),
    Row(
        "a token of the same realm under the old path",
        _KEYCLOAK,
        "user:read",
        {**_OF_KEYCLOAK, "iss": _OLD.issuer},
        _ISSUER,
    ),
    Row(
        "the preset of Zitadel",
        _ZITADEL,
        None,
        {**_OF_ZITADEL, _PROJECT_ROLES: {"user:read": {"1": "acme.test"}}},
        _READ,
    ),
    Row(
        "Zitadel's roles of another project",
        _ZITADEL,
        None,
        {
            **_OF_ZITADEL,
            "urn:zitadel:iam:org:project:225:roles": {"admin": {"1": "acme.test"}},
            "urn:zitadel:iam:org:project:roles": {"admin": {"1": "acme.test"}},
        },
        _NONE,
    ),
    Row(
        "a token of Zitadel for its client alone",
        _ZITADEL,
        None,
        {**_OF_ZITADEL, "aud": ["web@acme"]},
        _AUDIENCE,
    ),
    Row("an opaque token of Zitadel", _ZITADEL, None, {}, _MALFORMED, is_opaque=True),
    Row(
        "an opaque token of Zitadel, introspected",
        providers.zitadel(
            "acme.zitadel.test",
            project="224",
            introspection=_CLIENT,
        ),
        "openid",
        {"aud": ["224"]},
        ALLOWED,
        is_opaque=True,
    ),
    Row("the preset of Ory", _ORY, None, _OF_ORY, _READ),
    Row(
        "Ory's roles in ext",
        _ORY,
        None,
        {**_OF_ORY, "ext": {"roles": ["admin"]}},
        Allowed(frozenset({"user:read", "admin"})),
    ),
    Row("a token of Ory without an audience", _ORY, None, {**_OF_ORY, "aud": []}, _AUDIENCE),
    Row("an opaque token of Ory", _ORY, None, {"prefix": "ory_at_"}, _MALFORMED, is_opaque=True),
    Row(
        "an opaque token of Ory, introspected",
        providers.ory(project="acme", audience=API, introspection=_CLIENT),
        "user:read",
        {"prefix": "ory_at_", "token_use": "access_token"},
        ALLOWED,
        is_opaque=True,
    ),
    Row(
        "an opaque refresh token of Ory, not introspected",
        providers.ory(project="acme", audience=API, introspection=_CLIENT),
        "user:read",
        {"prefix": "ory_rt_"},
        _MALFORMED,
        is_opaque=True,
    ),
]
_OF_SERVICES: Final = [
    Row("the preset of Auth0", _AUTH0, "user:read openid", _OF_AUTH0, ALLOWED),
    Row(
        "Auth0's permissions, unasked for",
        _AUTH0,
        None,
        {**_OF_AUTH0, "permissions": ["user:read"]},
        _NONE,
    ),
    Row(
        "Auth0's permissions and organization",
        _PERMISSIONS,
        None,
        {**_OF_AUTH0, "permissions": ["user:read"], "org_id": "org_1"},
        _READ,
    ),
    Row(
        "a token of another organization of Auth0",
        _PERMISSIONS,
        None,
        {**_OF_AUTH0, "permissions": ["user:read"], "org_id": "org_2"},
        _VALIDATOR,
    ),
    Row(
        "a token of Auth0 for /userinfo alone",
        _AUTH0,
        "openid",
        {**_OF_AUTH0, "aud": "https://acme.eu.auth0.com/userinfo"},
        _AUDIENCE,
    ),
    Row(
        "an audience beside that of the API, where none is accepted",
        providers.auth0("acme.eu.auth0.com", audience=API, audience_exclusive=True),
        "user:read",
        _OF_AUTH0,
        _AUDIENCE,
    ),
    Row(
        "only audiences of the API, where no other is accepted",
        providers.auth0("acme.eu.auth0.com", audience=[API, "b"], audience_exclusive=True),
        "user:read",
        {**_OF_AUTH0, "aud": ["b", API]},
        ALLOWED,
    ),
    Row("an opaque token of Auth0", _AUTH0, None, {}, _MALFORMED, is_opaque=True),
    Row(
        "a token of Auth0 without the slash in iss",
        _AUTH0,
        "user:read",
        {**_OF_AUTH0, "iss": "https://acme.eu.auth0.com"},
        _ISSUER,
    ),
    Row("an ID token of Auth0", _AUTH0, None, {**_OF_AUTH0, "nonce": "n", "sid": "s"}, _TYPE),
    Row("the preset of Okta", _OKTA, None, _OF_OKTA, _READ),
    Row(
        "a token of Okta's org server",
        _OKTA,
        None,
        {
            **_OF_OKTA,
            "iss": "https://acme.okta.com",
            "header": {"typ": "application/okta-internal-at+jwt"},
        },
        _ISSUER,
    ),
    Row(
        "a token with the type of Okta's org server",
        _OKTA,
        None,
        {**_OF_OKTA, "header": {"typ": "application/okta-internal-at+jwt"}},
        _TYPE,
    ),
    Row(
        "a token of another authorization server of Okta",
        _OKTA,
        None,
        {**_OF_OKTA, "iss": "https://acme.okta.com/oauth2/aus1"},
        _ISSUER,
    ),
    Row("a token of Okta for another API", _OKTA, None, {**_OF_OKTA, "aud": "api://b"}, _AUDIENCE),
]
CASES: Final[list[Case]] = cases_of([*_OF_SELF_HOSTED, *_OF_SERVICES])
