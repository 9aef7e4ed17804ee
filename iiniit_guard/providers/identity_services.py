"""Presets of identity services: Auth0 and Okta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from iiniit_guard.providers.draft import SEGMENT, Draft

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.settings.options import IssuerOptions


def auth0(
    domain: str,
    *,
    audience: str | Sequence[str],
    roles: bool = False,
    organization: str | None = None,
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings of a tenant of Auth0.

    Args:
        domain: The host of the tenant, or its custom domain.
        audience: The identifier of the API in Auth0. A client must request it with the parameter
            `audience`; otherwise Auth0 issues an opaque token that only `/userinfo` accepts.
        roles: Whether the `permissions` of the user (RBAC) are scopes.
        organization: The `org_id` that a token must have.
        settings: See `TrustedIssuer`.

    Raises:
        SettingsError: At least one parameter or setting is invalid, the audience is that of
            `/userinfo`, or `introspection` is set, which Auth0 does not document.
    """
    draft = Draft("auth0", settings)
    issuer = f"https://{draft.host('domain', domain)}/"
    audiences = draft.words("audience", audience)
    if f"{issuer}userinfo" in audiences:
        draft.faults.append(
            "audience: /userinfo is in every token with the scope openid; set the identifier of "
            "the API"
        )
    draft.refuse("introspection", "Auth0 documents no introspection endpoint; remove it")
    required: dict[str, str] = {}
    if organization is not None:
        required["org_id"] = draft.word(
            "organization", organization, SEGMENT, "the identifier of an organization"
        )
    return draft.make(
        issuer=issuer,
        audience=audiences,
        metadata_url=f"{issuer}.well-known/openid-configuration",
        scope_claims=[["permissions"]] if draft.flag("roles", roles) else [],
        require_claim=required,
    )


def okta(
    domain: str,
    *,
    server: str,
    audience: str | Sequence[str],
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings of a custom authorization server of Okta.

    The org server of Okta has no preset: its tokens are opaque by contract, and no API may verify
    them.

    Args:
        domain: The host of the organization.
        server: The identifier of the authorization server: `default`, or `aus` and more characters.
        audience: The audience of this authorization server. The server `default` has
            `api://default`, unless an administrator changed it.
        settings: See `TrustedIssuer`.

    Raises:
        SettingsError: At least one parameter or setting is invalid.
    """
    draft = Draft("okta", settings)
    host = draft.host("domain", domain)
    name = draft.word(
        "server",
        server,
        SEGMENT,
        "the identifier of a custom authorization server; no API may verify tokens of the org "
        "server",
    )
    return draft.make(
        issuer=f"https://{host}/oauth2/{name}",
        audience=draft.words("audience", audience),
        algorithms=("RS256",),
    )
