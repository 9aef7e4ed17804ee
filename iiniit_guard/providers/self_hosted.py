"""Presets of servers that an operator can run: Keycloak, Zitadel and Ory Hydra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Unpack

from iiniit_guard.providers.draft import LABEL, SEGMENT, Draft

if TYPE_CHECKING:
    from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
    from iiniit_guard.core.settings.options import IssuerOptions

_OIDC: Final = "/.well-known/openid-configuration"


def keycloak(
    url: str,
    *,
    realm: str,
    audience: str | Sequence[str],
    roles: bool = False,
    client_roles: str | Sequence[str] = (),
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings of a realm of Keycloak.

    Args:
        url: The URL of the server, before `/realms/`; with `/auth` on old servers.
        realm: The name of the realm, as in its URL.
        audience: The identifiers of the API. An Audience mapper on a client scope of Keycloak must
            write one of them into the tokens: Keycloak itself writes `account`, or no audience.
        roles: Whether the realm roles of the user are scopes.
        client_roles: Clients whose roles are scopes too.
        settings: See `TrustedIssuer`.

    Raises:
        SettingsError: At least one parameter or setting is invalid, or the audience is `account`.
    """
    draft = Draft("keycloak", settings)
    base = draft.url("url", url)
    if "/realms/" in f"{base}/":
        draft.faults.append("url: must end before /realms/; the parameter realm names the realm")
    name = draft.word("realm", realm, SEGMENT, "the name of a realm as in its URL")
    audiences = draft.words("audience", audience)
    if "account" in audiences:
        draft.faults.append(
            "audience: account is in the tokens of every client; write the identifier of the API "
            "with an Audience mapper"
        )
    paths = [["realm_access", "roles"]] if draft.flag("roles", roles) else []
    paths += [
        ["resource_access", client, "roles"] for client in draft.words("client_roles", client_roles)
    ]
    issuer = f"{base}/realms/{name}"
    return draft.make(
        issuer=issuer, audience=audiences, metadata_url=issuer + _OIDC, scope_claims=paths
    )


def zitadel(
    domain: str,
    *,
    project: str,
    audience: str | Sequence[str] = (),
    roles: bool = False,
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings of an instance of Zitadel.

    Args:
        domain: The host of the instance.
        project: The identifier of the project of the API, which is the audience. A client must
            request the scope `urn:zitadel:iam:org:project:id:PROJECT:aud`.
        audience: Further identifiers of the API.
        roles: Whether the roles of the user in this project are scopes.
        settings: See `TrustedIssuer`. Zitadel issues opaque tokens unless the application is set to
            JWT, and opaque tokens require `introspection`.

    Raises:
        SettingsError: At least one parameter or setting is invalid.
    """
    draft = Draft("zitadel", settings)
    issuer = f"https://{draft.host('domain', domain)}"
    name = draft.word("project", project, SEGMENT, "the identifier of a project")
    # The claim without a project may hold the roles of another project.
    paths = (
        [[f"urn:zitadel:iam:org:project:{name}:roles", "*"]] if draft.flag("roles", roles) else []
    )
    return draft.make(
        issuer=issuer,
        audience=(name, *draft.words("audience", audience)),
        metadata_url=issuer + _OIDC,
        scope_claims=paths,
    )


def ory(
    *,
    audience: str | Sequence[str],
    project: str | None = None,
    url: str | None = None,
    roles: bool = False,
    **settings: Unpack[IssuerOptions],
) -> TrustedIssuer:
    """Return the settings of a project of Ory Network, or of Ory Hydra.

    Args:
        audience: The identifiers of the API. A client must request one of them.
        project: The slug of a project of Ory Network.
        url: The issuer identifier of Hydra or of an own domain, exactly as in its tokens.
        roles: Whether the list `roles` of the custom claims (`ext`) holds scopes.
        settings: See `TrustedIssuer`. Ory issues opaque tokens unless it is set to JWT. They
            require `introspection`: with `project`, a `BearerToken` with an API key; with `url`,
            also `introspection_endpoint`, which the metadata does not name.

    Raises:
        SettingsError: At least one parameter or setting is invalid, or not exactly one of `project`
            and `url` is set.
    """
    draft = Draft("ory", settings)
    filled: dict[str, Any] = {}
    if (project is None) == (url is None):
        draft.faults.append("project: set either project (Ory Network) or url (Hydra)")
    if url is None:
        slug = draft.word(
            "project", "x" if project is None else project, LABEL, "the slug of a project"
        )
        issuer = base = f"https://{slug}.projects.oryapis.com"
        if draft.has("introspection"):
            filled["introspection_endpoint"] = f"{base}/admin/oauth2/introspect"
    else:
        issuer, base = url, draft.url("url", url)
        if draft.has("introspection") and not draft.has("introspection_endpoint"):
            draft.faults.append(
                "introspection_endpoint: required; Hydra introspects at /admin/oauth2/introspect "
                "of its admin port"
            )
    if draft.has("introspection"):
        filled["token_prefix"] = "ory_at_"
    return draft.make(
        issuer=issuer,
        audience=draft.words("audience", audience),
        jwks_uri=f"{base}/.well-known/jwks.json",
        scope_claims=[["ext", "roles"]] if draft.flag("roles", roles) else [],
        **filled,
    )
