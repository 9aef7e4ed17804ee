"""Bodies of MCP requests that two readers could take for different messages, and how they end.

Clauses: JSON-RPC 2.0 §4 to §6; RFC 8259 §4, §8; MCP 2026-07-28, Streamable HTTP.
"""

from __future__ import annotations

import json

from tests.contract.cases.mcp_rows import (
    INVALID,
    LIST,
    PARAMS,
    PARSE,
    RAN,
    READ,
    Row,
    without,
    written,
)
from tests.contract.hosts.mcp_calls import message, tool

SMUGGLED = '"method": "tools/call", "method": "tools/list"'
BODIES = [
    Row("no JSON", READ, b"{", PARSE),
    Row("nothing", READ, b"", PARSE),
    Row("a batch", READ, [tool("read_note")], INVALID),
    Row("a batch after white space", READ, b" \n[" + written(tool("read_note")) + b"]", INVALID),
    Row("text", READ, b'"x"', PARSE),
    Row("UTF-16", READ, json.dumps(tool("read_note")).encode("utf-16-le"), PARSE),
    Row("a BOM", READ, b"\xef\xbb\xbf" + written(tool("read_note")), PARSE),
    Row("two texts", READ, written(tool("read_note")) + written(tool("delete_note")), PARSE),
    Row("NaN", READ, written(tool("read_note"), ('"arguments": {}', '"arguments": NaN')), PARSE),
    Row(
        "a nest of 40 arrays", READ, written(tool("read_note"), ("{}", "[" * 40 + "]" * 40)), PARSE
    ),
    Row("the method twice", LIST, written(tool("x"), ('"method": "tools/call"', SMUGGLED)), PARSE),
    Row(
        "the name twice",
        READ,
        written(tool("read_note"), ('"name"', '"name": "delete_note", "name"')),
        PARSE,
    ),
    Row(
        "the name twice, escaped",
        READ,
        written(tool("read_note"), ('"name"', '"n\\u0061me": "x", "name"')),
        PARSE,
    ),
    Row("METHOD beside method", LIST, message("tools/list") | {"METHOD": "tools/call"}, INVALID),
    Row("Name beside name", READ, tool("read_note", Name="delete_note"), PARAMS),
    Row(
        "params in another case",
        READ,
        tool("read_note") | {"Params": {"name": "delete_note"}},
        INVALID,
    ),
    Row(
        "a method that is no text",
        LIST,
        message("tools/list") | {"method": ["tools/list"]},
        INVALID,
    ),
    Row("a method with a space", LIST, message("tools/call ", name="delete_note"), INVALID),
    Row("no method", LIST, without("method", message("tools/list")), INVALID),
    Row("params as a list", READ, tool("x") | {"params": ["read_note"]}, PARAMS),
    Row("a name that is no text", READ, tool(["read_note"]), PARAMS),
    Row("an empty name", READ, tool(""), PARAMS),
    Row("id null", READ, tool("read_note") | {"id": None}, INVALID),
    Row("id true", READ, tool("read_note") | {"id": True}, INVALID),
    Row("id 1.5", READ, tool("read_note") | {"id": 1.5}, INVALID),
    Row("a result beside the method", READ, tool("read_note") | {"result": {}}, INVALID),
    Row("an error beside the method", READ, tool("read_note") | {"error": {}}, INVALID),
    Row("params in capitals", LIST, message("tools/list") | {"PARAMS": {}}, INVALID),
    Row("a name in capitals", LIST, message("tools/list", NAME="x"), PARAMS),
    Row("an id in capitals", LIST, without("id", message("tools/list")) | {"ID": 1}, INVALID),
    Row("a response", LIST, {"jsonrpc": "2.0", "id": 1, "result": {}}, INVALID),
    Row("a response without id", LIST, {"jsonrpc": "2.0", "result": {}}, INVALID),
    Row("no content type", [*READ, ("Content-Type", "")], tool("read_note"), INVALID),
    Row(
        "a form",
        [*READ, ("Content-Type", "application/x-www-form-urlencoded")],
        tool("read_note"),
        INVALID,
    ),
    Row(
        "UTF-7",
        [*READ, ("Content-Type", "application/json; charset=utf-7")],
        tool("read_note"),
        INVALID,
    ),
    Row(
        "UTF-8",
        [*READ, ("Content-Type", 'application/JSON; charset="UTF-8"')],
        tool("read_note"),
        RAN,
    ),
    Row(
        "two content types",
        [*READ, *[("Content-Type", "application/json")] * 2],
        tool("read_note"),
        INVALID,
    ),
    Row("compressed", [*READ, ("Content-Encoding", "gzip")], tool("read_note"), INVALID),
    Row("not compressed", [*READ, ("Content-Encoding", "identity")], tool("read_note"), RAN),
    Row(
        "too large",
        READ,
        tool("read_note", pad="x" * 5000),
        (413, "malformed_message", -32600),
        chunks=9,
    ),
]
