"""Presets of Entra ID, Cognito and Google: access tokens pass, similar tokens are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from iiniit_guard import providers
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import ALLOWED, API, NOW, Allowed, Case, Refused, bad
from tests.contract.cases.preset_rows import Row, cases_of

_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_KEY: Final = bad(Reason.UNKNOWN_KEY)
_MALFORMED: Final = bad(Reason.MALFORMED_TOKEN)
_TYPE: Final = bad(Reason.WRONG_TYPE)
_VALIDATOR: Final = bad(Reason.REFUSED_BY_VALIDATOR)
_READ: Final = Allowed(frozenset({"user:read"}))
_NONE: Final = Allowed(frozenset())
_UNTYPED: Final[dict[str, Any]] = {"header": {"typ": None}}

_TENANT: Final = "11111111-2222-3333-4444-555555555555"
_OTHER: Final = "99999999-2222-3333-4444-555555555555"
_APP: Final = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
_V2: Final = providers.entra(_TENANT, client_id=_APP)
# Its metadata is on another host than its issuer, so the keys are named directly.
_V1: Final = providers.entra(
    _TENANT, client_id=_APP, token_version=1, jwks_uri="https://login.microsoftonline.com/keys"
)
_SHARED: Final = providers.entra(_TENANT, client_id=_APP, shared_keys=True)
_OF_ENTRA: Final[dict[str, Any]] = {
    "client_id": None,
    "jti": None,
    "header": {"typ": "JWT"},
    "aud": _APP,
    "scp": "user:read",
    "azp": "web",
    "oid": "o",
    "tid": _TENANT,
    "ver": "2.0",
    "uti": "u",
}
_APPLICATION: Final[dict[str, Any]] = {**_OF_ENTRA, "scp": None, "roles": ["user:read"]}
_KEY_ISSUER: Final = "https://login.microsoftonline.com/{tenantid}/v2.0"

_COGNITO: Final = providers.cognito("eu-west-1_AbC", region="eu-west-1", client_ids="client-1")
_OF_COGNITO: Final[dict[str, Any]] = {
    **_UNTYPED,
    "aud": None,
    "token_use": "access",
    "username": "u",
    "origin_jti": "o",
    "auth_time": NOW,
}
_BOUND: Final = providers.cognito(
    "eu-west-1_AbC", region="eu-west-1", client_ids=["client-1", "client-2"], audience=API
)

_GOOGLE: Final = providers.google(audience=API, emails="job@acme.test")
_OF_GOOGLE: Final[dict[str, Any]] = {
    "client_id": None,
    "jti": None,
    "header": {"typ": "JWT"},
    "azp": "1",
    "email": "job@acme.test",
    "email_verified": True,
}


def _issued(name: str | None) -> Callable[[Issuer], object]:
    """Publish the signing key with this member `issuer`, beside a usable key."""

    def publish(issuer: Issuer) -> None:
        issuer.keys, members = [], {} if name is None else {"issuer": name}
        issuer.odd_keys = [
            issuer.signing_key.jwk(**members),
            {**issuer.signing_key.jwk(kid="beside"), "issuer": _KEY_ISSUER},
        ]

    return publish


_SHARED_KEYS: Final[list[tuple[str, str | None, Refused | Allowed]]] = [
    ("for every tenant", _KEY_ISSUER, _READ),
    ("for this tenant", _V2.issuer, _READ),
    (
        "for consumers",
        "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        _KEY,
    ),
    ("for another tenant", f"https://login.microsoftonline.com/{_OTHER}/v2.0", _KEY),
    ("for an unnamed tenant", None, _KEY),
    ("for this tenant in version 1", _V1.issuer, _KEY),
]
_OF_MICROSOFT: Final = [
    Row("the preset of Entra ID", _V2, None, _OF_ENTRA, _READ),
    Row(
        "a token of Entra's version 2 for the URI",
        _V2,
        None,
        {**_OF_ENTRA, "aud": f"api://{_APP}"},
        _AUDIENCE,
    ),
    Row("Entra's roles, unasked for", _V2, None, _APPLICATION, _NONE),
    Row(
        "Entra's roles, asked for",
        providers.entra(_TENANT, client_id=_APP, roles=True),
        None,
        _APPLICATION,
        _READ,
    ),
    Row("a v1 token at a v2 issuer", _V2, None, {**_OF_ENTRA, "iss": _V1.issuer}, _ISSUER),
    Row("the preset of Entra ID, version 1", _V1, None, {**_OF_ENTRA, "ver": "1.0"}, _READ),
    Row(
        "a token of Entra's version 1 for the URI",
        _V1,
        None,
        {**_OF_ENTRA, "aud": f"api://{_APP}"},
        _READ,
    ),
    Row("a v2 token at a v1 issuer", _V1, None, {**_OF_ENTRA, "iss": _V2.issuer}, _ISSUER),
    Row(
        "a token of another tenant of Entra ID",
        _V2,
        None,
        {**_OF_ENTRA, "iss": _V2.issuer.replace(_TENANT, _OTHER)},
        _ISSUER,
    ),
    Row("a token of Entra ID for another API", _V2, None, {**_OF_ENTRA, "aud": _OTHER}, _AUDIENCE),
    Row("an ID token of Entra ID", _V2, None, {**_APPLICATION, "nonce": "n"}, _TYPE),
    *(
        Row(
            f"a shared key of Entra ID {name}",
            _SHARED,
            None,
            _OF_ENTRA,
            expected,
            given=_issued(value),
        )
        for name, value, expected in _SHARED_KEYS
    ),
    Row(
        "a key for another tenant, where the member is ignored",
        _V2,
        None,
        _OF_ENTRA,
        _READ,
        given=_issued(f"https://login.microsoftonline.com/{_OTHER}/v2.0"),
    ),
]
_OF_AMAZON: Final = [
    Row("the preset of Cognito", _COGNITO, "user:read", _OF_COGNITO, _READ),
    Row(
        "Cognito's groups, unasked for",
        _COGNITO,
        None,
        {**_OF_COGNITO, "cognito:groups": ["user:read"]},
        _NONE,
    ),
    Row(
        "Cognito's groups, asked for",
        providers.cognito("eu-west-1_AbC", region="eu-west-1", client_ids="client-1", roles=True),
        None,
        {**_OF_COGNITO, "cognito:groups": ["user:read"]},
        _READ,
    ),
    Row(
        "a token of another app client", _COGNITO, "a", {**_OF_COGNITO, "client_id": "x"}, _AUDIENCE
    ),
    Row(
        "an ID token of Cognito",
        _COGNITO,
        None,
        {**_OF_COGNITO, "token_use": "id", "aud": "client-1"},
        _TYPE,
    ),
    Row(
        "a token of Cognito without token_use",
        _COGNITO,
        "a",
        {**_OF_COGNITO, "token_use": None},
        _VALIDATOR,
    ),
    Row(
        "another token_use of Cognito",
        _COGNITO,
        "a",
        {**_OF_COGNITO, "token_use": "m2m"},
        _VALIDATOR,
    ),
    Row(
        "a token of Cognito for a resource", _BOUND, "user:read", {**_OF_COGNITO, "aud": API}, _READ
    ),
    Row("a token of Cognito for no resource", _BOUND, "user:read", _OF_COGNITO, _AUDIENCE),
    Row(
        "a token of Cognito for a resource, of another app client",
        _BOUND,
        "user:read",
        {**_OF_COGNITO, "aud": API, "client_id": "x"},
        _VALIDATOR,
    ),
]
_OF_GOOGLES: Final = [
    Row("the preset of Google", _GOOGLE, None, _OF_GOOGLE, ALLOWED),
    Row(
        "an access token of Google", _GOOGLE, None, {"prefix": "ya29."}, _MALFORMED, is_opaque=True
    ),
    Row(
        "another account of Google", _GOOGLE, None, {**_OF_GOOGLE, "email": "a@b.test"}, _VALIDATOR
    ),
    Row(
        "an ID token of Google without an address",
        _GOOGLE,
        None,
        {**_OF_GOOGLE, "email": None},
        _VALIDATOR,
    ),
    Row(
        "an address that is not verified",
        _GOOGLE,
        None,
        {**_OF_GOOGLE, "email_verified": False},
        _VALIDATOR,
    ),
    Row("an ID token of a person", _GOOGLE, None, {**_OF_GOOGLE, "at_hash": "x"}, _TYPE),
    Row(
        "an ID token of Google for another API",
        _GOOGLE,
        None,
        {**_OF_GOOGLE, "aud": "x"},
        _AUDIENCE,
    ),
    Row(
        "an ID token of Google with the old issuer",
        _GOOGLE,
        None,
        {**_OF_GOOGLE, "iss": "accounts.google.com"},
        _ISSUER,
    ),
]
_PREFIXED: Final = Case(
    "the scope of a challenge of Entra ID",
    "RFC 6750 §3 (scope)",
    lambda issuer: issuer.token(None, **{**_OF_ENTRA, "scp": "user:other"}),
    Refused(403, "insufficient_scope", Reason.MISSING_SCOPE, f"api://{_APP}/user:read"),
    path="/read",
)
CASES: Final[list[Case]] = [
    *cases_of([*_OF_MICROSOFT, *_OF_AMAZON, *_OF_GOOGLES]),
    *(
        replace(_PREFIXED, settings=made.settings, algorithm="RS256", issuer=_V2.issuer)
        for made in cases_of([_OF_MICROSOFT[0]])
    ),
]
