"""Read the message of an admitted request, and pass it on if the token satisfies its policy."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware

from iiniit_guard.adapting.request_state import PRINCIPAL_KEY, TOKEN_KEY, record_refusal
from iiniit_guard.adapting.types import Application, Message, Receive, Scope, Send
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow, Refusal
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request, request_from_scope
from iiniit_guard.engine import Engine
from iiniit_guard.mcp.comparison import comparison_fault
from iiniit_guard.mcp.identity import with_user
from iiniit_guard.mcp.message import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    Fault,
    Received,
    content_fault,
    read_message,
    too_large,
)
from iiniit_guard.mcp.policies import WITHOUT_MESSAGE, MessagePolicies
from iiniit_guard.rules.mcp_headers import Headers

HOST: Final = "mcp"
_CODES: Final = {
    Reason.HEADER_MISMATCH: HEADER_MISMATCH,
    Reason.AMBIGUOUS_PATH: INVALID_PARAMS,  # of a resource URI
}


class MessageCheck:
    """The application inside the middleware of the guard.

    It gets only requests that the middleware admitted. A refusal is recorded for the middleware,
    which sends it.

    Args:
        app: The MCP server.
        engine: Decides.
        policies: What each message must satisfy.
        max_body_bytes: The limit of a body, which is read completely before the server runs.
        max_values: The limit of the members and items of a message, at all levels.
    """

    def __init__(
        self,
        app: Application,
        engine: Engine,
        policies: MessagePolicies,
        max_body_bytes: int,
        max_values: int,
    ) -> None:
        self.app = app
        self._engine = engine
        self._policies = policies
        self._max_body_bytes = max_body_bytes
        self._max_values = max_values
        self._run = AuthContextMiddleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the message, or run the server with it."""
        who = scope.get(TOKEN_KEY) or scope.get(PRINCIPAL_KEY)
        if scope["type"] != "http" or who is None:  # lifespan, or a public path
            await self.app(scope, receive, send)
            return
        inner = with_user(scope, self._engine, who)
        if scope["method"] not in WITHOUT_MESSAGE:
            body = await self._body(receive)
            if body is None:
                return  # the client has gone
            refusal = self._refusal(request_from_scope(scope), who, body)
            if refusal is not None:
                record_refusal(scope, refusal)
                return
            receive = _again(body, receive)
        await self._run(inner, receive, send)

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the body, cut after it exceeds the limit; None if the client has left."""
        body, more = bytearray(), True
        while more and len(body) <= self._max_body_bytes:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return bytes(body)

    def _refusal(
        self, request: Request, who: AccessToken | Principal, body: bytes
    ) -> Refusal | None:
        received = self._received(request.headers, body)
        if isinstance(received, Fault):
            return _as_json_rpc(self._engine.refuse(request, received.problem, host=HOST), received)
        policy = self._policies.policy_of(received.message)
        if isinstance(policy, Policy):
            decision = self._engine.authorize(request, who, policy, host=HOST)
            return None if isinstance(decision, Allow) else decision
        refusal = self._engine.refuse(request, policy, host=HOST)
        code = _CODES.get(policy.reason)
        fault = None if code is None else Fault(code, policy, received.identifier)
        return refusal if fault is None else _as_json_rpc(refusal, fault)

    def _received(self, headers: Headers, body: bytes) -> Received | Fault:
        if len(body) > self._max_body_bytes:
            return too_large()
        received = content_fault(headers) or read_message(body, self._max_values)
        if isinstance(received, Fault):
            return received
        return comparison_fault(headers, received) or received


def _as_json_rpc(refusal: Refusal, fault: Fault) -> Refusal:
    """Return the refusal with a JSON-RPC error as its body, which MCP clients expect.

    Spec: MCP 2026-07-28, Streamable HTTP, "Server Validation".
    """
    error = {"code": fault.code, "message": fault.problem.description}
    document = {"jsonrpc": "2.0", "id": fault.identifier, "error": error}
    body = json.dumps(document).encode()
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    headers = tuple((name, own.get(name, value)) for name, value in refusal.headers)
    return replace(refusal, headers=headers, body=body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that first returns the body that was read."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
