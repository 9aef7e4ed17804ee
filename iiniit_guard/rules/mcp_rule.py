"""The faults of a rule about MCP messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iiniit_guard.rules.mcp_headers import METHOD_FORM, NAMED_BY
from iiniit_guard.rules.mcp_table import ANY_NAME

if TYPE_CHECKING:
    from iiniit_guard.rules.rule import Rule


def message_faults(rule: Rule, *, compared: bool) -> list[str]:
    """Return the faults of `mcp_method` and `mcp_name` of a rule.

    Args:
        rule: The rule.
        compared: Whether the MCP server compares the header fields with the body.
    """
    if rule.mcp_method is None:
        return [] if rule.mcp_name is None else ["mcp_name: set mcp_method too, such as tools/call"]
    faults = []
    if not compared:
        faults.append(
            "mcp_method: the guard reads the headers Mcp-Method and Mcp-Name, but no body; set "
            'mcp_headers = "compared" if the server behind refuses headers that differ from the '
            "body, or use guard_mcp() in that server"
        )
    if [str(method).upper() for method in rule.methods] != ["POST"]:
        faults.append("mcp_method: the method of the rule must be POST, which carries messages")
    if rule.allow_encoded_slash:
        faults.append("allow_encoded_slash: set it in the rule of this path without mcp_method")
    named = rule.mcp_name is not None
    found = {
        "mcp_method": method_fault(rule.mcp_method, named=named),
        "mcp_name": name_fault(rule.mcp_name) if named else None,
    }
    return faults + [f"{name}: {fault}" for name, fault in found.items() if fault is not None]


def method_fault(method: object, *, named: bool) -> str | None:
    """Return why `method` cannot select messages, or None.

    Args:
        method: A JSON-RPC method.
        named: Whether a name selects too.
    """
    if not isinstance(method, str) or METHOD_FORM.fullmatch(method) is None:
        return "must be a JSON-RPC method, such as tools/call"
    if method not in NAMED_BY and (named or method.lower() in NAMED_BY):
        return f"only {', '.join(NAMED_BY)} have names; write one of them, in lower case"
    return None


def name_fault(name: object) -> str | None:
    """Return why `name` cannot select messages, or None."""
    if not isinstance(name, str) or not name:
        return "must be a name; leave it out for any name"
    if ANY_NAME in name[:-1]:
        return "* is allowed only at the end, where it matches any rest"
    return None
