"""Compare the header fields that describe a message with the message in the body.

Spec: MCP 2026-07-28, Streamable HTTP, "Server Validation".
"""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.mcp.message import HEADER_MISMATCH, INVALID_REQUEST, Fault, Received, malformed
from iiniit_guard.rules.mcp_headers import (
    METHOD,
    NAME,
    VERSION,
    Headers,
    decoded_name,
    mirrored_fields,
)

# Their clients do not send Mcp-Method and Mcp-Name. The first two have no MCP-Protocol-Version.
OLDER_VERSIONS: Final = frozenset({"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})


def comparison_fault(headers: Headers, received: Received) -> Fault | None:
    """Return why the header fields contradict a message, or None.

    From revision 2026-07-28 on, each request must have the fields. Fields of an older message or of
    a notification are compared if there are any.
    """
    if not _agree(headers, received):
        return Fault(HEADER_MISMATCH, PROBLEMS[Reason.HEADER_MISMATCH], received.identifier)
    fields = mirrored_fields(headers) or {}
    if received.message is None and _mirrors(fields.get(VERSION)):
        return malformed(INVALID_REQUEST, received.identifier)
    return None


def _agree(headers: Headers, received: Received) -> bool:
    fields = mirrored_fields(headers)
    if fields is None:
        return False
    version, message = fields.get(VERSION), received.message
    if received.version is not None and (
        version is None or received.version != version.decode("latin-1")
    ):
        return False
    if message is None:
        return True
    is_required = _mirrors(version) and received.identifier is not None
    if METHOD not in fields:
        return not is_required and NAME not in fields
    if fields[METHOD] != message.method.encode("ascii"):
        return False
    if message.name is None:
        return True
    if NAME not in fields:
        return not is_required
    return decoded_name(fields[NAME]) == message.name


def _mirrors(version: bytes | None) -> bool:
    """Return whether a client of this revision must send the fields. An unknown one must."""
    return version is not None and version.decode("latin-1") not in OLDER_VERSIONS
