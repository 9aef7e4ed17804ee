"""MCP requests and their decisions: header fields, bodies, scopes by tool, attacks on the check.

Clauses: MCP 2026-07-28, Streamable HTTP ("Server Validation", "Value Encoding", "Sending
Messages") and Authorization ("Scope Challenge Handling"); JSON-RPC 2.0; RFC 8259; RFC 9110.
"""

from __future__ import annotations

from tests.contract.cases.mcp_bodies import BODIES
from tests.contract.cases.mcp_rows import (
    BOTH,
    INVALID,
    LIST,
    MISMATCH,
    NEEDS_WRITE,
    NO_RULE,
    OLD,
    PARAMS,
    RAN,
    READ,
    Row,
    encoded,
    without,
)
from tests.contract.hosts.mcp_calls import message, mirrored, tool

CURRENT_ROWS = [
    Row("a tool without scopes of its own", READ, tool("read_note"), RAN),
    Row("in seven chunks", READ, tool("read_note"), RAN, chunks=7),
    Row(
        "a tool with a scope", mirrored("tools/call", "delete_note"), tool("delete_note"), RAN, BOTH
    ),
    Row("without it", mirrored("tools/call", "delete_note"), tool("delete_note"), NEEDS_WRITE),
    Row("a method without a name", LIST, message("tools/list"), RAN),
    Row("a name that is not needed", [*LIST, ("Mcp-Name", "x")], message("tools/list"), RAN),
    Row("a prompt", mirrored("prompts/get", "p"), message("prompts/get", name="p"), RAN),
    Row("a tool that is not listed", mirrored("tools/call", "new"), tool("new"), NO_RULE),
    Row("another case", mirrored("tools/call", "Read_note"), tool("Read_note"), NO_RULE),
    Row(
        "a prefix",
        mirrored("tools/call", "admin.wipe"),
        tool("admin.wipe"),
        RAN,
        "notes:read admin",
    ),
    Row(
        "the prefix's scope is missing",
        mirrored("tools/call", "admin.wipe"),
        tool("admin.wipe"),
        (403, "missing_scope", "notes:read admin"),
    ),
    Row(
        "a name wins over a prefix",
        mirrored("tools/call", "admin.help"),
        tool("admin.help"),
        (403, "missing_scope", "notes:read help"),
    ),
    Row("a star in a name", mirrored("tools/call", "*"), tool("*"), NO_RULE),
    Row(
        "the pattern as a name",
        mirrored("tools/call", "admin.*"),
        tool("admin.*"),
        RAN,
        "notes:read admin",
    ),
    Row(
        "an encoded name", mirrored("tools/call", encoded("löschen")), tool("löschen"), NEEDS_WRITE
    ),
    Row(
        "a plain name, encoded",
        mirrored("tools/call", encoded("delete_note")),
        tool("delete_note"),
        NEEDS_WRITE,
    ),
]
CONTRADICTIONS = [
    Row("the body names another tool", READ, tool("delete_note"), MISMATCH, BOTH),
    Row(
        "the header names another tool",
        mirrored("tools/call", "delete_note"),
        tool("read_note"),
        MISMATCH,
        BOTH,
    ),
    Row("the body has another method", LIST, tool("delete_note"), MISMATCH, BOTH),
    Row("the header has another method", READ, message("tools/list"), MISMATCH),
    Row("no Mcp-Method", mirrored(None), message("tools/list"), MISMATCH),
    Row("no Mcp-Name", mirrored("tools/call"), tool("read_note"), MISMATCH),
    Row("an empty Mcp-Name", mirrored("tools/call", ""), tool("read_note"), MISMATCH),
    Row(
        "Mcp-Method in another case",
        mirrored("Tools/Call", "read_note"),
        tool("read_note"),
        MISMATCH,
    ),
    Row(
        "both in another case",
        mirrored("Tools/Call", "x"),
        message("Tools/Call", name="x"),
        MISMATCH,
    ),
    Row(
        "white space in Mcp-Method",
        mirrored("tools/call ", "read_note"),
        tool("read_note"),
        MISMATCH,
    ),
    Row(
        "white space around Mcp-Name",
        mirrored("tools/call", " read_note"),
        tool("read_note"),
        MISMATCH,
    ),
    Row("Mcp-Method twice", [*READ, ("Mcp-Method", "tools/call")], tool("read_note"), MISMATCH),
    Row("Mcp-Name twice", [*READ, ("Mcp-Name", "delete_note")], tool("read_note"), MISMATCH),
    Row("the version twice", [*READ, ("Mcp-Protocol-Version", OLD)], tool("read_note"), MISMATCH),
    Row("an underscore", [*READ, ("Mcp_Name", "delete_note")], tool("read_note"), MISMATCH),
    Row(
        "a proxy removes it",
        [*READ, ("Connection", "close, Mcp-Name")],
        tool("read_note"),
        MISMATCH,
    ),
    Row(
        "the version differs",
        mirrored("tools/call", "read_note", "2027-01-01"),
        tool("read_note"),
        MISMATCH,
    ),
    Row("an older version", mirrored("tools/call", "read_note", OLD), tool("read_note"), MISMATCH),
    Row("no version", mirrored("tools/call", "read_note", None), tool("read_note"), MISMATCH),
    Row(
        "an unknown version needs fields",
        mirrored(None, None, "2027-01-01"),
        tool("read_note", meta=False),
        MISMATCH,
    ),
    Row("a marker in capitals", mirrored("tools/call", "=?BASE64?eA==?="), tool("x"), MISMATCH),
    Row("a marker cut short", mirrored("tools/call", "=?base64?eA=="), tool("x"), MISMATCH),
    Row("Base64 without padding", mirrored("tools/call", "=?base64?eA?="), tool("x"), MISMATCH),
    Row("unused bits", mirrored("tools/call", "=?base64?eB==?="), tool("x"), MISMATCH),
    Row("not UTF-8", mirrored("tools/call", "=?base64?/w==?="), tool("x"), MISMATCH),
    Row("not ASCII", mirrored("tools/call", "löschen"), tool("löschen"), MISMATCH),
]
OLDER = [
    Row("an older tool call", mirrored(None, None, OLD), tool("read_note", meta=False), RAN),
    Row(
        "its body decides", mirrored(None, None, OLD), tool("delete_note", meta=False), NEEDS_WRITE
    ),
    Row("without a version", [], tool("delete_note", meta=False), NEEDS_WRITE),
    Row("not listed", [], tool("new", meta=False), NO_RULE),
    Row("initialize", [], message("initialize", meta=False), RAN),
    Row(
        "fields are compared",
        mirrored("tools/call", "read_note", OLD),
        tool("delete_note", meta=False),
        MISMATCH,
    ),
    Row(
        "Mcp-Method is compared",
        mirrored("tools/list", None, OLD),
        tool("read_note", meta=False),
        MISMATCH,
    ),
    Row(
        "the name may be missing",
        mirrored("tools/call", None, OLD),
        tool("read_note", meta=False),
        RAN,
    ),
    Row("a name alone", mirrored(None, "read_note", OLD), tool("read_note", meta=False), MISMATCH),
    Row("a response to the server", [], {"jsonrpc": "2.0", "id": 1, "result": {}}, RAN),
    Row(
        "an error for the server",
        mirrored(None, None, OLD),
        {"jsonrpc": "2.0", "id": 1, "error": {}},
        RAN,
    ),
    Row("an older response without id", [], {"jsonrpc": "2.0", "result": {}}, INVALID),
    Row(
        "a response that some readers take for a call",
        [],
        {"jsonrpc": "2.0", "id": 1, "result": {}, "Method": "tools/call", "Params": {"name": "x"}},
        INVALID,
    ),
    Row("a notification", [], message("notifications/initialized", ident=None, meta=False), RAN),
    Row("params that are no object", [], message("ping", meta=False) | {"params": []}, PARAMS),
    Row("no params", [], without("params", message("ping")), RAN),
]
NOTIFICATIONS = [
    Row(
        "a notification has no fields", mirrored(None), message("notifications/x", ident=None), RAN
    ),
    Row("a call without id", mirrored(None), tool("delete_note", ident=None), NEEDS_WRITE),
    Row("its fields are compared", READ, tool("delete_note", ident=None), MISMATCH, BOTH),
]
ROWS = [*CURRENT_ROWS, *CONTRADICTIONS, *BODIES, *OLDER, *NOTIFICATIONS]
