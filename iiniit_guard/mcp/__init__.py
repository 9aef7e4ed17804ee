"""Guard a server of the Model Context Protocol (MCP) over Streamable HTTP.

`guard_mcp` guards the whole application. `GuardTokenVerifier` is for a server of the official SDK
that must use its own authorization; `iiniit_guard.mcp.fastmcp` has the same for fastmcp.
"""

from __future__ import annotations

from iiniit_guard.errors import needs_extra

with needs_extra("mcp", "iiniit_guard.mcp"):
    from iiniit_guard.mcp.guarding import guard_mcp
    from iiniit_guard.mcp.verifier import GuardTokenVerifier, OutageMiddleware

__all__ = ["GuardTokenVerifier", "OutageMiddleware", "guard_mcp"]
