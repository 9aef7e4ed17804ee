"""Changes to an OpenAPI document. Applying them twice has the same result as once."""

from __future__ import annotations

from typing import Any

from iiniit_guard.adapting.openapi import (
    SCHEME_NAME,
    add_refusals,
    add_scheme,
    add_scopes,
    scope_sets,
)
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.fastapi.operations import Operation, operations


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
                add_scopes(scopes, (name for each in operation.policies for name in each.scopes))
    components = document.setdefault("components", {}) if names else {}
    for name in names:
        schemes = components.setdefault("securitySchemes", {})
        add_scheme(schemes, components.setdefault("schemas", {}), endpoints, scopes, name)
    return document


def _change(entry: dict[str, Any], operation: Operation, names: tuple[str, ...]) -> None:
    others = [each for each in entry.get("security", ()) if each and set(each).isdisjoint(names)]
    needed = [dict.fromkeys(names, scopes) for scopes in scope_sets(operation.policies)]
    entry["security"] = [*needed, *others, *([{}] if operation.is_open else [])]
    add_refusals(entry)
