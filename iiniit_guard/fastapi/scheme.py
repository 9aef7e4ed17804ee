"""The security scheme: a dependency that requires a token with the scopes of `Security(...)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from fastapi.openapi.models import HTTPBearer
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from iiniit_guard.adapting.decorators import is_permitted
from iiniit_guard.adapting.openapi import SCHEME_NAME
from iiniit_guard.adapting.request_state import PRINCIPAL_KEY, TOKEN_KEY
from iiniit_guard.adapting.starlette_connection import is_lasting, refusal_of_async
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.demands import Details, Selection, demands_of
from iiniit_guard.core.model.policy import LongLived, Policy, make_policy, scheme_policy
from iiniit_guard.fastapi.refused import own_exception

HOST: Final = "fastapi"
# An application may derive scopes from the request when it calls a scheme.
_MAX_POLICIES: Final = 1_000


class GuardScheme(SecurityBase):
    """A security scheme of FastAPI. Its value is the access token of the request.

    `Annotated[AccessToken, Security(GuardScheme(), scopes=["user:read"])]` requires a token with
    all of the scopes, those of enclosing `Security(...)` included. The dependency works for HTTP
    and WebSocket, on operations, routers and the application. It refuses through the guard's
    middleware, so no exception handler of the application can change the refusal.

    A call with an open `WebSocket` verifies the token again:
    `await scheme(websocket, SecurityScopes(["user:read"]))`. It closes the connection with code
    1008 and raises if the token is no longer valid.

    Args:
        match: `all` requires all scopes, `any` at least one of them. FastAPI joins the scopes of
            enclosing `Security(...)`, so with `any` only one level may name scopes.
        acr_values: Acceptable authentication context classes, best first (RFC 9470).
        max_age: The maximum number of seconds since the authentication of the subject (RFC 9470).
        require_actor: Require an actor (RFC 8693): True for any, its subjects, or a mapping
            with `subjects`, `profile` and `issuer`.
        forbid_actor: Refuse actors: True for every actor, or subjects, client identifiers and
            profiles, for example `ai_agent`.
        authorization_details: Types of authorization details (RFC 9396), all of which are
            required, or a mapping from each type to a predicate of one detail, or to None.
        long_lived: What happens to a WebSocket or streaming response when its token is no longer
            valid: `end`, `stop_delivering` or `off`. Default: the setting of the middleware.
        optional: Whether a request without credentials passes, with the value None. Invalid
            credentials are refused. The middleware must let such a request pass too: name the path
            in `public`, or set `optional_token`.
        scheme_name: The name in the OpenAPI document. Schemes with the same name share one entry.
        description: The description in the OpenAPI document.

    Raises:
        UsageError: An argument is invalid.
    """

    def __init__(
        self,
        *,
        match: Literal["all", "any"] = "all",
        acr_values: str | Iterable[str] = (),
        max_age: int | None = None,
        require_actor: Selection | Mapping[str, Any] = False,
        forbid_actor: Selection = False,
        authorization_details: Details | None = None,
        long_lived: LongLived | None = None,
        optional: bool = False,
        scheme_name: str = SCHEME_NAME,
        description: str | None = None,
    ) -> None:
        self.model: HTTPBearer = HTTPBearer(description=description)
        self.scheme_name = scheme_name
        self._policy = scheme_policy(
            match=match,
            acr_values=acr_values,
            max_age=max_age,
            optional=optional,
            demands=demands_of(require_actor, forbid_actor, authorization_details),
            long_lived=long_lived,
        )
        self.match: Literal["all", "any"] = match
        self._policies: dict[tuple[str, ...], Policy] = {}

    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes
    ) -> AccessToken | Principal | None:
        """Return the verified token of a request with at least these scopes.

        Returns:
            The token. The `Principal` if the request has another credential that the guard accepts
            (setting `alternatives`). None only if the scheme is optional.

        Raises:
            Refused: The request is refused.
            WebSocketRefused: The WebSocket is refused.
            UsageError: The guard's middleware is missing, or a scope is invalid.
        """
        scope = connection.scope
        policy = self.policy_for(security_scopes.scopes)
        lasting = scope["type"] == "websocket" and is_lasting(connection)
        if lasting or not is_permitted(scope, policy):
            refused = await refusal_of_async(connection, policy, HOST)
            if refused is not None:
                # Error reporters send the local variables of each frame of a traceback.
                del connection, scope, security_scopes
                raise own_exception(refused) from None
        who: AccessToken | Principal | None = scope[TOKEN_KEY] or scope[PRINCIPAL_KEY]
        return who

    def policy_for(self, scopes: Iterable[str]) -> Policy:
        """Return the policy of this scheme with `scopes`.

        Raises:
            UsageError: A scope is invalid.
        """
        wanted = tuple(scopes)
        policy = self._policies.get(wanted)
        if policy is None:
            if len(self._policies) >= _MAX_POLICIES:
                self._policies.clear()
            own = self._policy
            policy = self._policies[wanted] = make_policy(
                wanted,
                match=own.match,
                acr_values=own.acr_values,
                max_age=own.max_age,
                anonymous=own.anonymous,
                demands=own.demands,
                long_lived=own.long_lived,
            )
        return policy
