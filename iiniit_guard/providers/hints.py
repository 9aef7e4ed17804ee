"""Hints about refusals that are typical of a provider, for the log of an operator.

A hint names the mistake. It holds no value of the token, and no client receives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from iiniit_guard.core.model.problem import Problem, Reason

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer

Claims: TypeAlias = Mapping[str, Any]
Hint: TypeAlias = Callable[["TrustedIssuer", Claims], str | None]

_ORG_SERVER: Final = (
    "this is an Okta org-server token: it is opaque by contract; the client must request its token "
    "from the custom authorization server"
)
_GRAPH: Final = frozenset({"https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"})
_ROLES: Final = "the token has roles and the setting roles is false: roles are not scopes"


def hint_for(
    settings: TrustedIssuer, problem: Problem, claims: Mapping[str, Any] | None, typ: object = None
) -> str | None:
    """Return the mistake that typically causes this refusal with this provider, or None.

    Args:
        settings: The issuer that the token should have come from.
        problem: The refusal.
        claims: Of the token, verified or not. None if the token is opaque.
        typ: `typ` of the JOSE header, verified or not.
    """
    if problem.reason is Reason.MALFORMED_TOKEN:
        return _OPAQUE.get(settings.preset or "") if claims is None else None
    if settings.preset == "okta" and typ == "application/okta-internal-at+jwt":
        return _ORG_SERVER
    hint = _HINTS.get((settings.preset, problem.reason))
    return None if hint is None else hint(settings, claims or {})


def _keycloak_kind(_: TrustedIssuer, claims: Claims) -> str | None:
    kind = claims.get("typ")
    return (
        f"a Keycloak {kind} token: the client must send the access token"
        if kind in ("ID", "Refresh", "Offline", "Logout")
        else None
    )


def _keycloak_audience(_: TrustedIssuer, claims: Claims) -> str | None:
    return (
        "Keycloak wrote no audience of this API: add an Audience mapper with the audience to a "
        "client scope of the client"
        if claims.get("aud") in (None, [], "account", ["account"])
        else None
    )


def _keycloak_inactive(_: TrustedIssuer, __: Claims) -> str:
    return (
        "Keycloak reports a token inactive to a client that is not in its aud, and under another "
        "host name than that of the issuer"
    )


def _entra_issuer(settings: TrustedIssuer, claims: Claims) -> str | None:
    named = claims.get("iss")
    if not isinstance(named, str):
        return None
    old = named.startswith("https://sts.windows.net/")
    new = named.startswith("https://login.microsoftonline.com/") and named.endswith("/v2.0")
    expects_new = settings.issuer.endswith("/v2.0")
    if old and expects_new:
        return (
            "an Entra v1 token at a v2 issuer: set requestedAccessTokenVersion to 2 in the "
            "manifest of the API, or token_version to 1"
        )
    if new and not expects_new:
        return "an Entra v2 token at a v1 issuer: set token_version to 2"
    return "an Entra token of another tenant" if old or new else None


def _entra_signature(_: TrustedIssuer, claims: Claims) -> str | None:
    named = claims.get("aud")
    return (
        "a token for Microsoft Graph: only Graph can verify it; the client must request a scope of "
        "this API"
        if isinstance(named, str) and named.rstrip("/") in _GRAPH
        else None
    )


def _entra_scope(settings: TrustedIssuer, claims: Claims) -> str | None:
    if "roles" in claims and not settings.scope_claims:
        return _ROLES
    return (
        "an Entra token of an application: it has roles, never scp"
        if "scp" not in claims and "roles" not in claims
        else None
    )


def _auth0_issuer(settings: TrustedIssuer, claims: Claims) -> str | None:
    named = claims.get("iss")
    return (
        "Auth0 names a custom domain or the tenant domain as issuer, depending on the one that the "
        "client calls: set the one that the tokens name"
        if isinstance(named, str) and named.endswith(".auth0.com/") and named != settings.issuer
        else None
    )


def _auth0_algorithm(_: TrustedIssuer, __: Claims) -> str:
    return "the API in Auth0 may be set to HS256: set its signing algorithm to RS256"


def _auth0_audience(_: TrustedIssuer, claims: Claims) -> str | None:
    named = claims.get("aud")
    listed: list[Any] = named if isinstance(named, list) else [named]
    return (
        "the client did not request the audience of this API from Auth0"
        if all(isinstance(name, str) and name.endswith("/userinfo") for name in listed)
        else None
    )


def _auth0_scope(settings: TrustedIssuer, claims: Claims) -> str | None:
    return (
        "the token has permissions and the setting roles is false: permissions are not scopes"
        if "permissions" in claims and not settings.scope_claims
        else None
    )


def _okta_issuer(settings: TrustedIssuer, claims: Claims) -> str | None:
    organization, _, _ = settings.issuer.partition("/oauth2/")
    named = claims.get("iss")
    if named == organization:
        return _ORG_SERVER
    return (
        "a token of another authorization server of this Okta organization"
        if isinstance(named, str) and named.startswith(f"{organization}/oauth2/")
        else None
    )


def _cognito_kind(_: TrustedIssuer, claims: Claims) -> str | None:
    return (
        "a Cognito ID token: the client must send the access token"
        if claims.get("token_use") == "id"
        else None
    )


def _cognito_audience(settings: TrustedIssuer, claims: Claims) -> str | None:
    if settings.audience_claim == "aud":
        return (
            "a Cognito token has an audience only if the client requests a resource"
            if "aud" not in claims
            else None
        )
    return "a token of an app client that is not among client_ids"


def _google_kind(_: TrustedIssuer, claims: Claims) -> str | None:
    return (
        "an ID token of a person: only ID tokens of service accounts are accepted"
        if "at_hash" in claims or "nonce" in claims
        else None
    )


def _google_account(_: TrustedIssuer, __: Claims) -> str:
    return "the account of this Google ID token is not among emails, or its address is not verified"


def _google_scope(_: TrustedIssuer, __: Claims) -> str:
    return "a Google ID token has no scopes: require any token instead of a scope"


def _zitadel_audience(_: TrustedIssuer, __: Claims) -> str:
    return (
        "the client must request the scope urn:zitadel:iam:org:project:id:PROJECT:aud for the "
        "project of this API"
    )


def _zitadel_scope(settings: TrustedIssuer, _: Claims) -> str:
    return (
        "Zitadel writes no scope into a JWT: rights are roles; the client must request the scope "
        "of the roles" + ("" if settings.scope_claims else ", and the setting roles must be true")
    )


def _ory_audience(_: TrustedIssuer, claims: Claims) -> str | None:
    return (
        "the client did not ask Ory for an audience, so the token has none"
        if claims.get("aud") in (None, [])
        else None
    )


_OPAQUE: Final[Mapping[str, str]] = {
    "keycloak": "a Keycloak access token is a JWT: the client sends something else",
    "entra": "Entra ID issued a token for an API of Microsoft: the client must request a scope of "
    "this API",
    "auth0": "Auth0 issued an opaque token: the client did not ask for an audience",
    "okta": "an access token of Okta is a JWT: the client sends something else",
    "cognito": "a Cognito access token is a JWT: the client may have sent a refresh token",
    "google": "an access token of Google is opaque and only for the APIs of Google: the client "
    "must send an ID token",
    "zitadel": "Zitadel issues opaque tokens by default: set introspection, or set the token type "
    "of the application to JWT",
    "spiffe": "SPIFFE issues no opaque tokens: the client must send its JWT-SVID for this audience",
    "ory": "Ory issues opaque tokens by default: set introspection, or set strategies.access_token "
    "to jwt",
}
_HINTS: Final[Mapping[tuple[str | None, Reason], Hint]] = {
    ("keycloak", Reason.WRONG_TYPE): _keycloak_kind,
    ("keycloak", Reason.WRONG_AUDIENCE): _keycloak_audience,
    ("keycloak", Reason.INACTIVE): _keycloak_inactive,
    ("entra", Reason.UNKNOWN_ISSUER): _entra_issuer,
    ("entra", Reason.BAD_SIGNATURE): _entra_signature,
    ("entra", Reason.MISSING_SCOPE): _entra_scope,
    ("auth0", Reason.UNKNOWN_ISSUER): _auth0_issuer,
    ("auth0", Reason.UNSUPPORTED_ALGORITHM): _auth0_algorithm,
    ("auth0", Reason.WRONG_AUDIENCE): _auth0_audience,
    ("auth0", Reason.MISSING_SCOPE): _auth0_scope,
    ("okta", Reason.UNKNOWN_ISSUER): _okta_issuer,
    ("cognito", Reason.WRONG_TYPE): _cognito_kind,
    ("cognito", Reason.WRONG_AUDIENCE): _cognito_audience,
    ("google", Reason.WRONG_TYPE): _google_kind,
    ("google", Reason.REFUSED_BY_VALIDATOR): _google_account,
    ("google", Reason.MISSING_SCOPE): _google_scope,
    ("zitadel", Reason.WRONG_AUDIENCE): _zitadel_audience,
    ("zitadel", Reason.MISSING_SCOPE): _zitadel_scope,
    ("ory", Reason.WRONG_AUDIENCE): _ory_audience,
}
