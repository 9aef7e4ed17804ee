"""One JSON-RPC message in the body of a request.

A message that two JSON readers could take for two different messages is refused, because the
server would run one and the guard would decide about the other.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, NamedTuple

from iiniit_guard.core.jose.encodings import load_object
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.mcp.message_limits import Excess, find_excess
from iiniit_guard.rules.mcp_headers import METHOD_FORM, NAMED_BY, Headers, Message

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
HEADER_MISMATCH: Final = -32020
_MEMBERS: Final = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_PARAMS: Final = frozenset({"_meta", *NAMED_BY.values()})
_VERSION_MEMBER: Final = "io.modelcontextprotocol/protocolVersion"
_MEDIA_TYPE: Final = re.compile(rb"application/json(?:[ \t]*;[ \t]*charset=\"?utf-8\"?)?")


class Fault(NamedTuple):
    """Why a message is refused.

    Attributes:
        code: The code of the JSON-RPC error.
        problem: The refusal.
        identifier: The `id` of the message; None if it has none, or none that can be read.
    """

    code: int
    problem: Problem
    identifier: str | int | None = None


class Received(NamedTuple):
    """A message.

    Attributes:
        message: What it does; None for the response to a request of the server, which older
            revisions have.
        identifier: Its `id`; None for a notification.
        version: The revision that its body names, or None.
    """

    message: Message | None
    identifier: str | int | None
    version: object


def malformed(code: int, identifier: str | int | None = None) -> Fault:
    """Return the fault of a body that is not exactly one message, or that readers could misread."""
    return Fault(code, PROBLEMS[Reason.MALFORMED_MESSAGE], identifier)


def too_large() -> Fault:
    """Return the fault of a body that exceeds a limit."""
    problem = replace(
        PROBLEMS[Reason.MALFORMED_MESSAGE], status=413, description="The message is too large."
    )
    return Fault(INVALID_REQUEST, problem)


def content_fault(headers: Headers) -> Fault | None:
    """Return why the body must not be read as JSON in UTF-8, or None.

    A reader that honours another charset or a content coding would read another message.
    """
    types = [value for name, value in headers if name == b"content-type"]
    codings = [value.lower() for name, value in headers if name == b"content-encoding"]
    fits = len(types) == 1 and _MEDIA_TYPE.fullmatch(types[0].strip().lower())
    return None if fits and codings in ([], [b"identity"]) else malformed(INVALID_REQUEST)


def read_message(body: bytes, max_values: int) -> Received | Fault:
    """Parse the body of a request.

    Args:
        body: Complete. The caller has limited its length.
        max_values: The limit of the members and items of the message, at all levels.

    Spec: JSON-RPC 2.0 §4; MCP 2026-07-28, "Messages", and Streamable HTTP, "Sending Messages".
    """
    if body.lstrip()[:1] == b"[":
        # JSON-RPC 2.0 §6: a batch. No revision but 2025-03-26 has batches.
        return malformed(INVALID_REQUEST)
    excess = find_excess(body, max_values)
    if excess is not None:
        return too_large() if excess is Excess.VALUES else malformed(PARSE_ERROR)
    try:
        members = load_object(body)
    except ValueError:
        return malformed(PARSE_ERROR)
    identifier = members.get("id")
    is_response = "method" not in members and ("result" in members or "error" in members)
    if type(identifier) not in (str, int):
        if "id" in members or is_response:  # null, too: some readers treat it as a notification
            return malformed(INVALID_REQUEST)
        identifier = None
    if _has_variants(members, _MEMBERS) or (
        not is_response and ("result" in members or "error" in members)
    ):
        return malformed(INVALID_REQUEST, identifier)
    if is_response:
        return Received(None, identifier, None)
    return _read_call(members, identifier)


def _read_call(members: JsonObject, identifier: str | int | None) -> Received | Fault:
    method, params = members.get("method"), members.get("params", {})
    if not isinstance(method, str) or METHOD_FORM.fullmatch(method) is None:
        return malformed(INVALID_REQUEST, identifier)
    if not isinstance(params, dict) or _has_variants(params, _PARAMS):
        return malformed(INVALID_PARAMS, identifier)
    name = None
    if method in NAMED_BY:
        name = params.get(NAMED_BY[method])
        if not isinstance(name, str) or not name:
            return malformed(INVALID_PARAMS, identifier)
    meta = params.get("_meta")
    version = meta.get(_VERSION_MEMBER) if isinstance(meta, dict) else None
    return Received(Message(method, name), identifier, version)


def _has_variants(members: JsonObject, known: frozenset[str]) -> bool:
    """Return whether readers that ignore the case of names would find other members.

    Two names differ only in case, or a known name is in another case: such a reader would take a
    response with `Method` for a request.
    """
    folded = {name.casefold(): name for name in members}
    return len(folded) != len(members) or any(folded.get(name, name) != name for name in known)
