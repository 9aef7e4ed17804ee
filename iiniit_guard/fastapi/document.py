"""The OpenAPI document of a guarded application: its sign-in, its scopes and its refusals."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.requests import Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Route

from iiniit_guard.adapting.admission import engine_of
from iiniit_guard.adapting.openapi import configured_endpoints
from iiniit_guard.core.sign_in import SignInEndpoints
from iiniit_guard.errors import UsageError
from iiniit_guard.fastapi.openapi import amended

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

_log: Final = logging.getLogger("iiniit_guard")


def describe(
    app: FastAPI,
    guard: Guard,
    *,
    scopes: Mapping[str, str] | None = None,
    issuer: str | None = None,
    authorization_url: str | None = None,
    token_url: str | None = None,
) -> None:
    """Complete the OpenAPI document of an application. `install` does this for its application.

    Each operation that needs a token gets its scopes and the responses 401, 403 and 503. The
    security scheme is the flow `authorizationCode` of OAuth 2.0. The first request for the document
    fetches the URLs of the flow from the metadata of the issuer. `app.openapi()` makes no request:
    before the URLs are known, and while the issuer is unavailable, the scheme is `http` with
    `bearer`. To generate a complete document without network, pass both URLs.

    Args:
        app: The application. A mounted application has a document of its own: call `describe` for
            it too.
        guard: Fetches the metadata.
        scopes: Descriptions by scope.
        issuer: The issuer at which users sign in; needed only if the guard has several.
        authorization_url: The authorization endpoint of the issuer; None means that of the
            metadata.
        token_url: The token endpoint of the issuer; None means that of the metadata.

    Raises:
        SettingsError: A URL is invalid or missing.
        UsageError: `app` is not a `FastAPI` application, or it has a document of the guard.
    """
    if not isinstance(app, FastAPI):
        raise UsageError("app: must be a FastAPI application")
    if isinstance(getattr(app.openapi, "__self__", None), _Document):
        raise UsageError("app: already described by a guard; call describe() only once")
    known = configured_endpoints(authorization_url, token_url)
    document = _Document(app, guard, dict(scopes or {}), issuer, known)
    app.openapi = document.openapi  # type: ignore[method-assign]  # as FastAPI documents
    document.replace_route()


class _Document:
    def __init__(
        self,
        app: FastAPI,
        guard: Guard,
        scopes: dict[str, str],
        issuer: str | None,
        endpoints: SignInEndpoints | None,
    ) -> None:
        self._app = app
        self._engine = engine_of(guard)
        self._scopes = scopes
        self._issuer = issuer
        self._configured = self._endpoints = endpoints
        self._generate = app.openapi
        self._has_warned = False
        # Any client may request a public document, and amending one takes ten times as long as
        # sending it. Therefore the last result is cached, with its source and its endpoints.
        self._last: tuple[dict[str, Any], SignInEndpoints | None] | None = None
        self._served: tuple[bytes, SignInEndpoints | None, bytes] | None = None

    def openapi(self) -> dict[str, Any]:
        """Return the document, without a request to the issuer."""
        generated, endpoints = self._generate(), self._endpoints
        last = self._last
        if last is None or last[0] is not generated or last[1] != endpoints:
            self._last = self._amended(generated), endpoints
        return generated

    def replace_route(self) -> None:
        """Replace the route of the document by one that fetches the metadata first."""
        routes = self._app.router.routes
        for index, route in enumerate(routes):
            if isinstance(route, Route) and route.path == self._app.openapi_url:
                endpoint = partial(self._serve, route.endpoint)
                routes[index] = Route(route.path, endpoint, include_in_schema=False)

    async def _serve(
        self, endpoint: Callable[[Request], Awaitable[Response]], request: Request
    ) -> Response:
        await self._fetch()
        made, endpoints = bytes((await endpoint(request)).body), self._endpoints
        served = self._served
        if served is None or served[:2] != (made, endpoints):
            # The application may have replaced `app.openapi`, so amend what it returned.
            content = JSONResponse(self._amended(json.loads(made))).body
            served = self._served = made, endpoints, bytes(content)
        return Response(served[2], media_type="application/json")

    async def _fetch(self) -> None:
        if self._configured is None:
            found = await self._engine.sign_in_endpoints_async(self._issuer)
            if isinstance(found, SignInEndpoints):
                self._endpoints = found
            elif self._endpoints is None and not self._has_warned:
                self._has_warned = True  # once: a client decides how often it requests the document
                _log.warning(
                    "the OpenAPI document does not say where users sign in: %s", found.detail
                )

    def _amended(self, document: dict[str, Any]) -> dict[str, Any]:
        return amended(document, self._app, self._endpoints, self._scopes)
