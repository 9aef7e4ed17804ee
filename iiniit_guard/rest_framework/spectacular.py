"""The OpenAPI document of drf-spectacular: the sign-in, the scopes and the refusals.

The Django application `iiniit_guard.django` imports this module if drf-spectacular is installed in
the project.
"""

from __future__ import annotations

from typing import Any

from iiniit_guard.errors import needs_extra

with needs_extra("spectacular", "iiniit_guard.rest_framework.spectacular"):
    from drf_spectacular.extensions import OpenApiAuthenticationExtension
    from drf_spectacular.plumbing import ResolvedComponent
    from drf_spectacular.settings import spectacular_settings

from iiniit_guard.adapting.alternatives import both
from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.adapting.open_paths import admits
from iiniit_guard.adapting.openapi import (
    SCHEME_NAME,
    add_refusals,
    add_scheme,
    add_scopes,
    configured_endpoints,
    scope_sets,
    security_scheme,
)
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.django.settings import load
from iiniit_guard.django.sign_in import find_endpoints
from iiniit_guard.rest_framework.authentication import GuardAuthentication
from iiniit_guard.rest_framework.operations import (
    alternatives_of_all,
    permissions_of,
    policies_of_handler,
)
from iiniit_guard.rules.openapi import METHODS


class GuardScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The security scheme of `GuardAuthentication` and its subclasses.

    Each operation names the scopes of its permissions and decorators. A decorator above `@api_view`
    is not known here; place it below.
    """

    target_class: Any = "iiniit_guard.rest_framework.GuardAuthentication"
    match_subclasses = True
    name: str | list[str] = SCHEME_NAME

    def __init__(self, target: Any) -> None:
        super().__init__(target)  # type: ignore[no-untyped-call]
        # drf-spectacular warns of two classes that have a scheme of the same name.
        self.name = []

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Return the sets of scopes each of which suffices; without any, a token suffices."""
        view, method = auto_schema.view, auto_schema.method
        handler = getattr(view, "action", None) or method.lower()
        decorated = (*policies_of(type(view)), *policies_of_handler(type(view), handler))
        permitted = alternatives_of_all(permissions_of(view), method, view)
        needed = both((decorated,), permitted)
        found = [scopes for one in needed for scopes in scope_sets(one)]
        scheme = security_scheme({}, _configured(), spectacular_settings.OAUTH2_SCOPES or {})
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            SCHEME_NAME, ResolvedComponent.SECURITY_SCHEMA, scheme, GuardAuthentication
        )
        auto_schema.registry.register_on_missing(component)
        return [{SCHEME_NAME: scopes} for scopes in found or [[]]]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Return no further scheme: `get_security_requirement` registers the only one."""
        return []


def add_guard(result: dict[str, Any], request: Any, **_: Any) -> dict[str, Any]:
    """Complete a document; a hook for `POSTPROCESSING_HOOKS` of drf-spectacular.

    Each operation that needs a token gets the responses 401, 403 and 503, also if only the
    middleware guards it. The security scheme is the flow `authorizationCode` of OAuth 2.0. A
    request for the document reads the URLs of the flow from the metadata of the issuer, which the
    guard fetches and caches. `manage.py spectacular` makes no request: its scheme, and that of a
    document while the issuer is unavailable, is `http` with `bearer`.

    Of the settings of drf-spectacular, `OAUTH2_AUTHORIZATION_URL` and `OAUTH2_TOKEN_URL` replace
    the metadata, and `OAUTH2_SCOPES` describes scopes.

    Raises:
        SettingsError: One of the URLs is invalid, or only one is set.
    """
    configured, admission = _configured(), load()[1]
    scopes: dict[str, str] = dict(spectacular_settings.OAUTH2_SCOPES or {})
    is_used = False
    for path, methods in result.get("paths", {}).items():
        for method in (name for name in METHODS if name in methods):
            operation = methods[method]
            own = [each for each in operation.get("security", ()) if SCHEME_NAME in each]
            admitted = admits(admission, path, (method.upper(),))
            if admitted and not own:
                continue
            if not admitted:  # other credentials do not pass the middleware
                operation["security"] = own or [{SCHEME_NAME: []}]
            is_used = True
            add_refusals(operation)
            add_scopes(scopes, (scope for each in own for scope in each[SCHEME_NAME]))
    if is_used:
        components = result.setdefault("components", {})
        schemes = components.setdefault("securitySchemes", {})
        is_served = request is not None
        endpoints = find_endpoints() if configured is None and is_served else configured
        add_scheme(schemes, components.setdefault("schemas", {}), endpoints, scopes)
    return result


def _configured() -> SignInEndpoints | None:
    return configured_endpoints(
        spectacular_settings.OAUTH2_AUTHORIZATION_URL, spectacular_settings.OAUTH2_TOKEN_URL
    )
