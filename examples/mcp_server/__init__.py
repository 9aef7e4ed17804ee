"""The profile API as an MCP server: two tools, of which one requires a scope of its own.

Run it alone, against any authorization server:

    IINIIT_GUARD_ISSUER=https://auth.example IINIIT_GUARD_AUDIENCE=https://mcp.example/mcp \
        IINIIT_GUARD_RESOURCE=https://mcp.example/mcp \
        uvicorn --factory examples.mcp_server:create_app

`python -m examples.mcp_server.conversation` starts it with the authorization server of the demo,
calls it with the official client, and prints what is sent.
"""

from __future__ import annotations

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse

from examples.profile_api.profiles import Profiles
from iiniit_guard import Guard
from iiniit_guard.asgi import Application
from iiniit_guard.mcp import guard_mcp


def create_app(guard: Guard | None = None) -> Application:
    """Build the server.

    Without `guard`, a guard is created from `IINIIT_GUARD_ISSUER`, `IINIIT_GUARD_RESOURCE` etc.
    """
    server = MCPServer("Profile")
    profiles = Profiles()

    @server.tool()
    def read_profile() -> dict[str, str]:
        """Return the profile of the user."""
        return profiles.read(subject(), with_email=False)

    @server.tool()
    def rename(name: str) -> dict[str, str]:
        """Change the name in the profile of the user."""
        profiles.change(subject(), {"name": name})
        return profiles.read(subject(), with_email=False)

    @server.custom_route("/healthz", ["GET"])
    async def healthz(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return guard_mcp(
        server.streamable_http_app(),
        guard or Guard.from_env(),
        scopes="user:read",  # every message
        tools={"read_profile": (), "rename": "user:write"},  # no other tool may be called
        public=["/healthz"],
    )


def subject() -> str:
    """Return the user who called the tool."""
    token = get_access_token()
    return (token and token.subject) or ""
