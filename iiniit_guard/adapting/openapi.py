"""Parts of an OpenAPI document that are the same in every framework."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

from iiniit_guard.core.issuer.validators import endpoint_fault
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.errors import SettingsError

SCHEME_NAME: Final = "OAuth2"
PROBLEM_NAME: Final = "GuardProblem"
PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "A refusal of the guard (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "reason"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "reason": {"type": "string"},
        "error": {"type": "string"},
        "error_description": {"type": "string"},
    },
}
_CHALLENGE: Final = {
    "WWW-Authenticate": {"description": "RFC 6750 §3", "schema": {"type": "string"}}
}
_RETRY: Final = {"Retry-After": {"description": "Seconds", "schema": {"type": "string"}}}
RESPONSES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "401": ("The access token is missing or not valid.", _CHALLENGE),
    "403": ("The access token does not permit the operation.", _CHALLENGE),
    "503": ("The authorization server is unavailable.", _RETRY),
}
_CONTENT: Final = {
    "application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM_NAME}"}}
}
# A document with more alternatives than this is not readable.
_MAX_ALTERNATIVES: Final = 16


def add_refusals(operation: dict[str, Any]) -> None:
    """Add the responses of the guard to an operation. Content that is already there is kept."""
    responses = operation.setdefault("responses", {})
    for status, (description, headers) in RESPONSES.items():
        response = responses.setdefault(status, {"description": description})
        response.setdefault("headers", {}).update(deepcopy(headers))
        response.setdefault("content", {}).update(deepcopy(_CONTENT))


def scope_sets(policies: Iterable[Policy]) -> list[list[str]]:
    """Return the sets of scopes each of which satisfies all policies."""
    found: list[dict[str, None]] = [{}]
    for policy in policies:
        if policy.match == "all" or len(found) * len(policy.scopes) > _MAX_ALTERNATIVES:
            found = [{**each, **dict.fromkeys(policy.scopes)} for each in found]
        elif policy.scopes:
            found = [{**each, scope: None} for each in found for scope in policy.scopes]
    return [list(each) for each in found]


def security_scheme(
    made: Mapping[str, Any], endpoints: SignInEndpoints | None, scopes: Mapping[str, str]
) -> dict[str, Any]:
    """Return the security scheme: OAuth 2.0 with the authorization code flow, or a bearer token.

    Args:
        made: The scheme that the framework made; its description is kept.
        endpoints: Where users sign in; None if it is unknown.
        scopes: Descriptions by scope.
    """
    kept = {key: made[key] for key in ("description",) if key in made}
    if endpoints is None:
        return {**kept, "type": "http", "scheme": "bearer"}
    flow = {
        "authorizationUrl": endpoints.authorization_endpoint,
        "tokenUrl": endpoints.token_endpoint,
        "scopes": dict(scopes),
    }
    return {**kept, "type": "oauth2", "flows": {"authorizationCode": flow}}


def add_scheme(
    schemes: dict[str, Any],
    schemas: dict[str, Any],
    endpoints: SignInEndpoints | None,
    scopes: Mapping[str, str],
    name: str = SCHEME_NAME,
) -> None:
    """Add a security scheme and the schema of refusals to the components of a document.

    Args:
        schemes: The security schemes of the document.
        schemas: The schemas of the document.
        endpoints: As for `security_scheme`.
        scopes: As for `security_scheme`.
        name: The name of the scheme.
    """
    schemes[name] = security_scheme(schemes.get(name, {}), endpoints, scopes)
    schemas[PROBLEM_NAME] = deepcopy(PROBLEM)


def add_scopes(scopes: dict[str, str], names: Iterable[str]) -> None:
    """Add scopes without a description to the descriptions by scope."""
    for name in names:
        scopes.setdefault(name, "")


def configured_endpoints(
    authorization_url: str | None, token_url: str | None
) -> SignInEndpoints | None:
    """Return the URLs of the settings; None if there are none.

    Raises:
        SettingsError: A URL is invalid or missing.
    """
    if authorization_url is None and token_url is None:
        return None
    named = {"authorization_url": authorization_url, "token_url": token_url}
    faults = [
        f"{name}: {fault}"
        for name, url in named.items()
        if (fault := "both URLs are needed" if url is None else endpoint_fault(url)) is not None
    ]
    if faults:
        raise SettingsError(faults)
    return SignInEndpoints(str(authorization_url), str(token_url))
