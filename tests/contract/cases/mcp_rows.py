"""The rows of the decision table of MCP requests, and their expected results."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.contract.hosts.mcp_calls import mirrored

RAN: Final = "ran"
MISMATCH: Final = (400, "header_mismatch", -32020)
PARSE: Final = (400, "malformed_message", -32700)
INVALID: Final = (400, "malformed_message", -32600)
PARAMS: Final = (400, "malformed_message", -32602)
NEEDS_WRITE: Final = (403, "missing_scope", "notes:read notes:write")
NO_RULE: Final = (403, "no_rule", None)
OLD: Final = "2025-11-25"

READ: Final = mirrored("tools/call", "read_note")
LIST: Final = mirrored("tools/list")
BOTH: Final = "notes:read notes:write"


@dataclass(frozen=True, slots=True)
class Row:
    """One request.

    Attributes:
        name: Of the row.
        headers: In addition to those of every POST.
        body: Bytes, or what is written as JSON.
        expected: `RAN`; or the status, the reason, and the JSON-RPC code or the challenge's scope.
        scope: Of the token.
        chunks: The number of parts of the body.
    """

    name: str
    headers: Sequence[tuple[str, str]]
    body: Any
    expected: Any
    scope: str = "notes:read"
    chunks: int = 1


def encoded(text: str) -> str:
    return f"=?base64?{b64encode(text.encode()).decode()}?="


def written(body: Any, *changes: tuple[str, str]) -> bytes:
    """Return the JSON of a body after replacements in its text."""
    text = json.dumps(body)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


def without(key: str, body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != key}
