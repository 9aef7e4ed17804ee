"""The header fields that mirror a message of the Model Context Protocol (MCP).

A client of revision 2026-07-28 repeats the method of each JSON-RPC request, and the name of what
the request uses, in header fields.

Spec: MCP 2026-07-28, Streamable HTTP, "Request Metadata".
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Header fields: list of (name, value), names lower-case."""

VERSION: Final = b"mcp-protocol-version"
METHOD: Final = b"mcp-method"
NAME: Final = b"mcp-name"
_FIELDS: Final = (VERSION, METHOD, NAME)
MIRRORING_VERSIONS: Final = frozenset({"2026-07-28"})
"""The revisions whose servers must compare these fields with the body."""
NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
"""By method of a request that uses something with a name, the member of `params` that names it."""

METHOD_FORM: Final = re.compile(r"[A-Za-z0-9_$][A-Za-z0-9_$.:~+@/-]*")
# RFC 9110 §5.5. A name in plain form has no white space around it and does not begin like the
# encoded form: two readers could disagree about `=?BASE64?...` or a form that is cut short.
_PLAIN: Final = re.compile(rb"(?!=\?)[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_ENCODED: Final = re.compile(rb"=\?base64\?([A-Za-z0-9+/]+={0,2})\?=")


class Message(NamedTuple):
    """What a message does.

    Attributes:
        method: The JSON-RPC method.
        name: The tool, prompt or resource URI that it uses; None for any other method.
    """

    method: str
    name: str | None


def message_of(headers: Headers) -> Message | None:
    """Return the message that the header fields of a request describe.

    Args:
        headers: List of (name, value), names lower-case.

    Returns:
        None if the request is of an older or unknown revision, or if a field is missing, repeated
        or malformed. Such fields must not select a policy.
    """
    found = mirrored_fields(headers)
    if found is None or found.get(VERSION, b"").decode("latin-1") not in MIRRORING_VERSIONS:
        return None
    method = found.get(METHOD, b"").decode("latin-1")
    if METHOD_FORM.fullmatch(method) is None:
        return None
    if method not in NAMED_BY:
        return Message(method, None)
    name = decoded_name(found.get(NAME, b""))
    return None if name is None else Message(method, name)


def mirrored_fields(headers: Headers) -> dict[bytes, bytes] | None:
    """Return the values of the fields by name, or None if another reader may see other fields.

    A field occurs twice, or in another spelling (CGI and WSGI take `Mcp_Name` for `Mcp-Name`), or
    `Connection` tells a proxy to remove it (RFC 9110 §7.6.1). A server behind that proxy would take
    the message for one of an older revision, whose fields it need not compare.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name == b"connection" and b"mcp-" in value.lower():
            return None
        if name[:3] == b"mcp" and (known := name.replace(b"_", b"-")) in _FIELDS:
            if known != name or name in found:
                return None
            found[name] = value
    return found


def decoded_name(value: bytes) -> str | None:
    """Return the name in a value of `Mcp-Name`; None if two readers could decode it differently.

    Spec: MCP 2026-07-28, Streamable HTTP, "Value Encoding".
    """
    if _PLAIN.fullmatch(value):
        return value.decode("ascii")
    encoded = _ENCODED.fullmatch(value)
    if encoded is None or len(encoded[1]) % 4:
        return None
    octets = b64decode(encoded[1])
    if b64encode(octets) != encoded[1]:  # unused bits that are not zero
        return None
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return None
