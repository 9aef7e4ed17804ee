"""The OpenAPI document of a `NinjaAPI`: its sign-in, its scopes and its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from iiniit_guard.adapting.open_paths import admits
from iiniit_guard.adapting.openapi import (
    SCHEME_NAME,
    add_refusals,
    add_scheme,
    add_scopes,
    configured_endpoints,
    scope_sets,
)
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.django.settings import load
from iiniit_guard.django.sign_in import find_endpoints
from iiniit_guard.errors import UsageError
from iiniit_guard.ninja.auth import GuardAuth
from iiniit_guard.ninja.operations import alternatives_of, decorated_policies, is_open


def describe(
    api: NinjaAPI,
    *,
    scopes: Mapping[str, str] | None = None,
    issuer: str | None = None,
    authorization_url: str | None = None,
    token_url: str | None = None,
) -> None:
    """Complete the OpenAPI document of an API.

    Each operation that needs a token gets its scopes and the responses 401, 403 and 503. The
    security scheme is the flow `authorizationCode` of OAuth 2.0. A request for the document reads
    the URLs of the flow from the metadata of the issuer, which the guard fetches and caches.
    `manage.py export_openapi_schema` makes no request: its scheme, and that of a document while the
    issuer is unavailable, is `http` with `bearer`. To generate a complete document without network,
    pass both URLs.

    Args:
        api: The API.
        scopes: Descriptions by scope.
        issuer: The issuer at which users sign in; needed only if the guard has several.
        authorization_url: The authorization endpoint of the issuer; None means that of the
            metadata.
        token_url: The token endpoint of the issuer; None means that of the metadata.

    Raises:
        SettingsError: A URL is invalid or missing.
        UsageError: `api` is not a `NinjaAPI`, or it has a document of the guard.
    """
    if not isinstance(api, NinjaAPI):
        raise UsageError("api: must be a NinjaAPI")
    if "get_openapi_schema" in vars(api):
        raise UsageError("api: already described by a guard; call describe() only once")
    configured = configured_endpoints(authorization_url, token_url)
    schema = partial(_schema, api, configured, issuer, dict(scopes or {}))
    api.get_openapi_schema = schema  # type: ignore[method-assign]  # the views call it by this name


def _schema(
    api: NinjaAPI,
    configured: SignInEndpoints | None,
    issuer: str | None,
    scopes: dict[str, str],
    *,
    path_prefix: str | None = None,
    path_params: dict[str, Any] | None = None,
) -> OpenAPISchema:
    # The view that serves the document passes the parameters of its path. The command, which works
    # without network, passes none.
    is_served = path_params is not None
    endpoints = find_endpoints(issuer) if configured is None and is_served else configured
    prefix = api.get_root_path(path_params or {}) if path_prefix is None else path_prefix
    return _Schema(api, prefix, endpoints, scopes)


class _Schema(OpenAPISchema):
    def __init__(
        self,
        api: NinjaAPI,
        path_prefix: str,
        endpoints: SignInEndpoints | None,
        scopes: dict[str, str],
    ) -> None:
        self._endpoints = endpoints
        self._scopes = dict(scopes)
        self._operations: list[tuple[dict[str, Any], Operation]] = []
        super().__init__(api, path_prefix)

    def get_paths(self) -> dict[str, Any]:
        """Return the paths, after completing the operations that need a token."""
        paths = super().get_paths()
        admission = load()[1]
        needs_token = False
        for path, methods in paths.items():
            for method, details in methods.items():
                # One operation with several methods has one dict, which must not be changed twice.
                own = methods[method] = deepcopy(details)
                operation = next(each for made, each in self._operations if made is details)
                admitted = admits(admission, path, (method.upper(),))
                needs_token |= self._complete(own, operation, admitted)
        if needs_token:
            add_scheme(self.securitySchemes, self.schemas, self._endpoints, self._scopes)
        return paths

    def operation_details(self, operation: Operation) -> dict[str, Any]:
        """Return the details of an operation, as django-ninja makes them."""
        details = super().operation_details(operation)
        self._operations.append((details, operation))
        return details

    def operation_security(self, operation: Operation) -> list[dict[str, Any]] | None:
        """Return the requirements of the callbacks of other packages."""
        others = [each for each in operation.auth_callbacks if not isinstance(each, GuardAuth)]
        if not others:
            return None
        without = operation.clone()
        without.auth_callbacks = others
        return super().operation_security(without)

    def _complete(self, details: dict[str, Any], operation: Operation, admitted: bool) -> bool:
        """Add the policy to the details of an operation; return whether a token is required."""
        guards = [each for each in operation.auth_callbacks if isinstance(each, GuardAuth)]
        decorated = decorated_policies(operation)
        if admitted and not guards and not decorated:
            return False
        # Another callback admits a request without a token only if the middleware does.
        others = details.get("security", []) if admitted and not decorated else []
        policies = [
            one
            for one in alternatives_of(operation)
            if guards and any(each.policy in one for each in guards)
        ] or [decorated]
        needed = [{SCHEME_NAME: scopes} for one in policies for scopes in scope_sets(one)]
        is_optional = admitted and is_open(operation)
        details["security"] = [*needed, *others, *([{}] if is_optional else [])]
        add_refusals(details)
        add_scopes(self._scopes, (name for one in policies for each in one for name in each.scopes))
        return True
