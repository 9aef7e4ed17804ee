"""Changes to an OpenAPI document. Applying them twice has the same result as once."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.fastapi.operations import Operation, operations
from iiniit_guard.fastapi.scheme import SCHEME_NAME

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
# More alternatives than this make no readable document.
_MAX_ALTERNATIVES: Final = 16


def amended(
    document: dict[str, Any],
    app: Any,
    endpoints: SignInEndpoints | None,
    descriptions: dict[str, str],
) -> dict[str, Any]:
    """Return `document` after changing it.

    Args:
        document: The OpenAPI document that FastAPI generated for `app`.
        app: The application.
        endpoints: Where users sign in; None if it is unknown.
        descriptions: Descriptions by scope.
    """
    names: dict[str, None] = {}
    scopes = dict(descriptions)
    for operation in operations(app):
        if not operation.documented or not operation.is_guarded:
            continue
        own = operation.schemes or (SCHEME_NAME,)
        for method in operation.methods:
            entry = document.get("paths", {}).get(operation.path, {}).get(method.lower())
            if entry is not None:
                names.update(dict.fromkeys(own))
                _change(entry, operation, own)
                for policy in operation.policies:
                    scopes |= {scope: scopes.get(scope, "") for scope in policy.scopes}
    components = document.setdefault("components", {}) if names else {}
    for name in names:
        schemes = components.setdefault("securitySchemes", {})
        schemes[name] = _scheme(schemes.get(name, {}), endpoints, scopes)
        components.setdefault("schemas", {})[PROBLEM_NAME] = deepcopy(PROBLEM)
    return document


def _change(entry: dict[str, Any], operation: Operation, names: tuple[str, ...]) -> None:
    others = [each for each in entry.get("security", ()) if each and set(each).isdisjoint(names)]
    needed = [dict.fromkeys(names, scopes) for scopes in _alternatives(operation.policies)]
    entry["security"] = [*needed, *others, *([{}] if operation.is_open else [])]
    responses = entry.setdefault("responses", {})
    for status, (description, headers) in RESPONSES.items():
        response = responses.setdefault(status, {"description": description})
        response.setdefault("headers", {}).update(deepcopy(headers))
        response.setdefault("content", {}).update(deepcopy(_CONTENT))


def _alternatives(policies: tuple[Policy, ...]) -> list[list[str]]:
    """Return the sets of scopes each of which satisfies all policies."""
    found: list[dict[str, None]] = [{}]
    for policy in policies:
        if policy.match == "all" or len(found) * len(policy.scopes) > _MAX_ALTERNATIVES:
            found = [{**each, **dict.fromkeys(policy.scopes)} for each in found]
        elif policy.scopes:
            found = [{**each, scope: None} for each in found for scope in policy.scopes]
    return [list(each) for each in found]


def _scheme(
    made: dict[str, Any], endpoints: SignInEndpoints | None, scopes: dict[str, str]
) -> dict[str, Any]:
    kept = {key: made[key] for key in ("description",) if key in made}
    if endpoints is None:
        return {**kept, "type": "http", "scheme": "bearer"}
    flow = {
        "authorizationUrl": endpoints.authorization_endpoint,
        "tokenUrl": endpoints.token_endpoint,
        "scopes": scopes,
    }
    return {**kept, "type": "oauth2", "flows": {"authorizationCode": flow}}
