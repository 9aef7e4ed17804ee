"""An auth provider for a fastmcp server that must use its own authorization.

`iiniit_guard.mcp.guard_mcp` does more: it requires scopes by tool.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from iiniit_guard.adapting.admission import engine_of
from iiniit_guard.core.model.decision import Response as GuardResponse
from iiniit_guard.core.model.request import request_from_scope
from iiniit_guard.core.resource import WELL_KNOWN
from iiniit_guard.errors import UsageError, needs_extra
from iiniit_guard.mcp.verifier import GuardTokenVerifier, OutageMiddleware

with needs_extra("fastmcp", "iiniit_guard.mcp.fastmcp"):
    from fastmcp.server.auth import AccessToken as FastmcpAccessToken
    from fastmcp.server.auth import TokenVerifier

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard

__all__ = ["GuardAuthProvider"]

_NOT_FOUND: Final = GuardResponse(404, (), b"")


class GuardAuthProvider(TokenVerifier):
    """The guard as the `auth` of a server: `FastMCP("notes", auth=GuardAuthProvider(guard))`.

    It serves the guard's metadata of the resource, and answers 503 if a token cannot be verified
    because of an outage. fastmcp writes the answers 401 and 403.

    Args:
        guard: The guard that checks the tokens. Its setting `resource` must be the URL of the MCP
            endpoint, with the path of the server.
        required_scopes: Required for every request.

    Raises:
        UsageError: As for `GuardTokenVerifier`.
    """

    def __init__(self, guard: Guard, *, required_scopes: Sequence[str] = ()) -> None:
        self._engine = engine_of(guard)
        self._verifier = GuardTokenVerifier(guard)
        self._resource: str = self._engine.resource.settings.resource or ""
        parts = urlsplit(self._resource)
        super().__init__(
            base_url=f"{parts.scheme}://{parts.netloc}", required_scopes=list(required_scopes)
        )

    async def verify_token(self, token: str) -> FastmcpAccessToken | None:
        """Return the access token as fastmcp represents it; None if the guard refuses the token.

        Raises:
            OutageError: The token could not be verified.
        """
        fields = await self._verifier.verified_fields(token)
        return None if fields is None else FastmcpAccessToken(**fields)

    def get_middleware(self) -> list[Any]:
        """Return the middleware of the application, the outermost first."""
        return [Middleware(OutageMiddleware), *super().get_middleware()]

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """Return the routes of the metadata: at the path of the resource, and at the root.

        Raises:
            UsageError: The server has another path than the resource.
        """
        path = urlsplit(self._resource).path
        if (mcp_path or "").rstrip("/") != path.rstrip("/"):
            raise UsageError(
                f"resource: its path is {path or '/'}, but the server is at {mcp_path}; set one of "
                "them to the other"
            )
        paths = dict.fromkeys([self._engine.metadata_path or WELL_KNOWN, WELL_KNOWN])
        return [Route(place, self._metadata, methods=["GET", "HEAD", "OPTIONS"]) for place in paths]

    async def _metadata(self, request: Request) -> Response:
        asked = request_from_scope(
            {**request.scope, "path": self._engine.metadata_path, "root_path": ""}
        )
        answer = self._engine.metadata_response(asked) or _NOT_FOUND
        return Response(answer.body, answer.status, dict(answer.headers))
