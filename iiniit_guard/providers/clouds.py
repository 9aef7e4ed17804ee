"""Presets of the identity services of clouds: Microsoft Entra ID, Amazon Cognito and Google."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack

from iiniit_guard.core.issuer.validators import scope_prefix as prefix_fault
from iiniit_guard.providers.draft import GUID, Draft

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.settings.options import IssuerOptions

_ENTRA: Final = "https://login.microsoftonline.com"
_REGION: Final = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+")
_USER_POOL: Final = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+_[A-Za-z0-9]+")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


def entra(
    tenant: str,
    *,
    client_id: str,
    app_id_uri: str | None = None,
    audience: str | Sequence[str] = (),
    token_version: Literal[1, 2] = 2,
    roles: bool = False,
    shared_keys: bool = False,
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings of a tenant of Microsoft Entra ID.

    Challenges name a scope as a client must request it (`api://APP/read`). Tokens and policies name
    it without this prefix (`read`).

    Args:
        tenant: The identifier of the tenant, a GUID.
        client_id: The client identifier of the API (a GUID), which is the audience.
        app_id_uri: The App ID URI of the API. None means `api://` and the client identifier. Tokens
            of version 1 may name it as their audience.
        audience: Further identifiers of the API.
        token_version: The version of the tokens. The manifest of the API determines it
            (`requestedAccessTokenVersion`; null means 1), not the endpoint that the client uses.
        roles: Whether the roles of an application or a user are scopes. Tokens of applications have
            roles only.
        shared_keys: Whether to load the keys of all tenants from one URL. A key is then used only
            if its `issuer` permits it for this tenant. Only for tokens of version 2.
        settings: See `TrustedIssuer`.

    Raises:
        SettingsError: At least one parameter or setting is invalid, or `introspection` is set,
            which Entra ID does not have.
    """
    draft = Draft("entra", settings)
    name = draft.word("tenant", tenant, GUID, "the GUID of one tenant, in lower case")
    client = draft.word("client_id", client_id, GUID, "the GUID of the API, in lower case")
    uri = f"api://{client}" if app_id_uri is None else app_id_uri
    if (fault := prefix_fault(uri)) is not None or "://" not in uri:
        draft.faults.append(f"app_id_uri: {fault or 'must be a URI, such as api://orders'}")
        uri = "api://missing"
    draft.refuse("introspection", "Entra ID has no introspection endpoint; remove it")
    version: object = token_version
    if type(version) is not int or version not in (1, 2):
        draft.faults.append("token_version: must be 1 or 2")
    newer, audiences = token_version == 2, draft.words("audience", audience)
    issuer = f"{_ENTRA}/{name}/v2.0" if newer else f"https://sts.windows.net/{name}/"
    filled: dict[str, Any] = {}
    if draft.flag("shared_keys", shared_keys):
        if not newer:
            draft.faults.append("shared_keys: requires token_version 2; remove it")
        filled["jwks_uri"] = f"{_ENTRA}/common/discovery/v2.0/keys"
        filled["key_issuers"] = (issuer, f"{_ENTRA}/{{tenantid}}/v2.0")
    return draft.make(
        issuer=issuer,
        audience=(client, *audiences) if newer else (client, uri, *audiences),
        metadata_url=f"{_ENTRA}/{name}{'/v2.0' if newer else ''}/.well-known/openid-configuration",
        algorithms=("RS256",),
        scope_prefix=f"{uri.rstrip('/')}/",
        scope_claims=[["roles"]] if draft.flag("roles", roles) else [],
        **filled,
    )


def cognito(
    user_pool: str,
    *,
    region: str,
    client_ids: str | Sequence[str] = (),
    audience: str | Sequence[str] = (),
    roles: bool = False,
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings of a user pool of Amazon Cognito.

    Its access tokens have no audience, unless the client requests a resource.

    Args:
        user_pool: The identifier of the user pool.
        region: The region of the user pool, such as `eu-west-1`.
        client_ids: The app clients whose tokens this API accepts.
        audience: The identifiers of the API, if clients request a resource. A token must then name
            one of them, and if `client_ids` is set too, it must also be of one of these clients.
        roles: Whether the groups of the user (`cognito:groups`) are scopes.
        settings: See `TrustedIssuer`.

    Raises:
        SettingsError: At least one parameter or setting is invalid, neither `client_ids` nor
            `audience` is set, or `introspection` is set, which Cognito does not have.
    """
    draft = Draft("cognito", settings)
    place = draft.word("region", region, _REGION, "a region, such as eu-west-1")
    pool = draft.word(
        "user_pool", user_pool, _USER_POOL, "a user pool identifier, such as eu-west-1_AbCdEf"
    )
    if not draft.faults and pool.partition("_")[0] != place:
        draft.faults.append("user_pool: names a pool of another region; correct region")
    clients, audiences = draft.words("client_ids", client_ids), draft.words("audience", audience)
    if not clients and not audiences:
        draft.faults.append(
            "client_ids: required unless clients request a resource and audience is set; the "
            "tokens name no other audience"
        )
    draft.refuse("introspection", "Cognito has no introspection endpoint; remove it")
    required: dict[str, Any] = {"token_use": "access"}
    if clients and audiences:
        required["client_id"] = clients
    issuer = f"https://cognito-idp.{place}.amazonaws.com/{pool}"
    return draft.make(
        issuer=issuer,
        metadata_url=f"{issuer}/.well-known/openid-configuration",
        audience=audiences or clients,
        audience_claim="aud" if audiences else "client_id",
        algorithms=("RS256",),
        require_claim=required,
        scope_claims=[["cognito:groups"]] if draft.flag("roles", roles) else [],
    )


def google(
    *,
    audience: str | Sequence[str],
    emails: str | Sequence[str],
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings for ID tokens of Google's service accounts, which have no scopes.

    Cloud Run, Pub/Sub and other services of Google send such tokens. Access tokens of Google are
    opaque and only for the APIs of Google. Every Google account can obtain an ID token for any
    audience, so the tokens of all accounts except `emails` are refused.

    Args:
        audience: The URL or the client identifier of the API, as the tokens name it.
        emails: The service accounts whose tokens this API accepts.
        settings: See `TrustedIssuer`.

    Raises:
        SettingsError: At least one parameter or setting is invalid, `emails` is empty, or
            `introspection` is set, which Google does not have.
    """
    draft = Draft("google", settings)
    accounts = draft.words("emails", emails)
    if not accounts or not all(map(_EMAIL.fullmatch, accounts)):
        draft.faults.append("emails: must be one or more addresses of service accounts")
    draft.refuse("introspection", "Google has no introspection endpoint; remove it")
    return draft.make(
        issuer="https://accounts.google.com",
        audience=draft.words("audience", audience),
        jwks_uri="https://www.googleapis.com/oauth2/v3/certs",
        algorithms=("RS256",),
        require_claim={"email": accounts or ("missing",), "email_verified": True},
    )
