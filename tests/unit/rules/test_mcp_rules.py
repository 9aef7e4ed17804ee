"""Rules about MCP messages, which decide by header fields alone."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from iiniit_guard.core.model.request import Request, request_from_environ
from iiniit_guard.errors import SettingsError
from iiniit_guard.rules import Rule, Rules, from_openapi, rules_from_file, rules_from_tables
from tests.unit.rules.answers import seen

WRITE = Rule("POST", "/mcp", scopes="w", mcp_method="tools/call", mcp_name="write")
NUMBER: Any = 7
RULES = [
    Rule("POST", "/mcp", scopes="any"),
    Rule("GET", "/mcp", scopes="stream"),
    WRITE,
    Rule("POST", "/mcp", scopes="admin", mcp_method="tools/call", mcp_name="admin_*"),
    Rule("POST", "/mcp", scopes="help", mcp_method="tools/call", mcp_name="admin_help"),
    Rule("POST", "/mcp", scopes="deep", mcp_method="tools/call", mcp_name="admin_db_*"),
    Rule("POST", "/mcp", scopes="prompt", mcp_method="prompts/get"),
    Rule("POST", "/mcp", scopes="list", mcp_method="tools/list"),
    Rule("POST", "/mcp", scopes="files", mcp_method="resources/read", mcp_name="file:///a/*"),
    Rule("POST", "/mcp", scopes="other", mcp_method="resources/read"),
]


def fields(method: str | None, name: str | None = None, version: str | None = "2026-07-28") -> Any:
    given = [("mcp-protocol-version", version), ("mcp-method", method), ("mcp-name", name)]
    return [(key.encode(), value.encode("latin-1")) for key, value in given if value is not None]


def answers(rules: Rules, headers: Any, method: str = "POST", path: str = "/mcp") -> str:
    """Return the answer, which must be the same for a middleware and a gateway."""
    request = Request(method, path, headers=headers)
    answer = seen(rules.policy_for(request))
    assert answer == seen(rules.policy_for_target(method, path, iter(headers)))
    return answer


@pytest.mark.parametrize(
    "method, name, answer",
    [
        ("tools/call", "write", "w"),
        ("tools/call", "=?base64?d3JpdGU=?=", "w"),
        ("tools/call", "Write", "no_rule"),
        ("tools/call", "admin_x", "admin"),
        ("tools/call", "admin_", "admin"),
        ("tools/call", "admin_help", "help"),
        ("tools/call", "admin_db_x", "deep"),
        ("tools/call", "admin", "no_rule"),
        ("tools/call", "admin_*", "admin"),
        ("tools/call", "other", "no_rule"),
        ("tools/call", None, "header_mismatch"),
        ("tools/call", "=?base64?d3JpdGV=?=", "header_mismatch"),
        ("tools/call", "=?Base64?d3JpdGU=?=", "header_mismatch"),
        ("tools/call", "write ", "header_mismatch"),
        ("tools/call", "wr\u00efte", "header_mismatch"),
        ("Tools/call", "write", "header_mismatch"),
        ("Tools/List", None, "header_mismatch"),
        ("tools/list", "ignored", "list"),
        ("prompts/get", "x", "prompt"),
        ("prompts/get", "admin_x", "prompt"),
        ("resources/read", "file:///a/b", "files"),
        ("resources/read", "file:///b", "other"),
        ("resources/read", "file:///b/../a/c", "ambiguous_path"),
        ("resources/list", None, "any"),
        ("server/discover", None, "any"),
        ("tools list", None, "header_mismatch"),
        ("", None, "header_mismatch"),
        (None, "write", "header_mismatch"),
    ],
)
def test_the_fields_select_the_policy(method, name, answer):
    assert answers(Rules(RULES, mcp_headers="compared"), fields(method, name)) == answer


@pytest.mark.parametrize(
    "version", [None, "2025-11-25", "2025-06-18", "2027-01-01", "", "2026-07-28 "]
)
def test_only_a_revision_whose_servers_compare_is_accepted(version):
    rules = Rules(RULES, mcp_headers="compared")

    assert answers(rules, fields("tools/call", "write", version)) == "header_mismatch"
    assert answers(rules, fields("server/discover", None, version)) == "header_mismatch"


@pytest.mark.parametrize(
    "more",
    [
        (b"mcp-method", b"tools/list"),
        (b"mcp-name", b"write"),
        (b"mcp-protocol-version", b"2026-07-28"),
        (b"mcp_name", b"other"),
        (b"mcp-protocol_version", b"2025-11-25"),
        (b"connection", b"keep-alive, MCP-Protocol-Version"),
    ],
)
def test_a_field_that_another_reader_may_see_differently_is_refused(more):
    rules = Rules(RULES, mcp_headers="compared")
    good = fields("tools/call", "write")

    assert answers(rules, [*good, (b"connection", b"close"), (b"mcp-param-x", b"1")]) == "w"
    assert answers(rules, [*good, more]) == answers(rules, [more, *good]) == "header_mismatch"


def test_without_rules_for_uris_any_uri_is_accepted():
    read = Rule("POST", "/mcp", scopes="r", mcp_method="resources/read")
    rules = Rules([read], mcp_headers="compared")

    assert answers(rules, fields("resources/read", "FILE:///a/../%62")) == "r"


def test_fields_that_a_wsgi_server_has_joined_are_refused():
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/mcp",
        "HTTP_MCP_PROTOCOL_VERSION": "2026-07-28",
        "HTTP_MCP_METHOD": "tools/list,tools/call",
        "HTTP_MCP_NAME": "write",
    }
    rules = Rules(RULES, mcp_headers="compared")

    assert seen(rules.policy_for(request_from_environ(environ))) == "header_mismatch"
    environ["HTTP_MCP_METHOD"] = "tools/call"
    assert seen(rules.policy_for(request_from_environ(environ))) == "w"


def test_other_methods_and_paths_do_not_need_the_fields():
    rules = Rules([*RULES, Rule("POST", "/upload", scopes="up")], mcp_headers="compared")

    assert answers(rules, [], "GET") == "stream"
    assert answers(rules, [], "DELETE") == "no_rule"
    assert answers(rules, [], path="/upload") == "up"
    assert answers(rules, fields("tools/call", "write"), path="/mcp/") == "w"


def test_without_a_rule_for_the_rest_every_other_message_is_refused():
    rules = Rules([WRITE, Rule("*", "/mcp", scopes="any")], mcp_headers="compared")

    assert answers(rules, fields("tools/list")) == "no_rule"
    assert answers(rules, [], "PUT") == "any"


def test_a_tolerant_reading_does_not_open_a_message():
    """As for paths: `/mcp/` is not `/mcp` for every framework."""
    listed = Rule("POST", "/mcp", mcp_method="tools/list", optional_token=True)
    rules = Rules([listed, Rule("POST", "/<path:p>", scopes="x")], mcp_headers="compared")

    assert answers(rules, fields("tools/list")) == "optional "
    assert answers(rules, [], path="/mcp/") == "x"


def test_encoded_slashes_are_those_of_the_rule_without_a_message():
    whole = Rule("POST", "/<path:p>", scopes="any", allow_encoded_slash=True)
    named = Rule("POST", "/<path:p>", scopes="w", mcp_method="tools/call", mcp_name="write")
    rules = Rules([whole, named], mcp_headers="compared")

    assert seen(rules.policy_for_target("POST", "/a%2Fb", fields("tools/call", "write"))) == "w"
    assert seen(rules.policy_for_target("POST", "/a%2Fb")) == "header_mismatch"


@pytest.mark.parametrize(
    "rule, fault",
    [
        (Rule("POST", "/mcp", mcp_name="x"), "mcp_name: set mcp_method too"),
        (
            Rule("*", "/mcp", mcp_method="tools/list"),
            "mcp_method: the method of the rule must be POST",
        ),
        (Rule("POST GET", "/mcp", mcp_method="tools/list"), "mcp_method: the method of the rule"),
        (Rule("POST", "/mcp", mcp_method="tools call"), "mcp_method: must be a JSON-RPC method"),
        (Rule("POST", "/mcp", mcp_method=NUMBER), "mcp_method: must be a JSON-RPC method"),
        (Rule("POST", "/mcp", mcp_method="Tools/call"), "mcp_method: only tools/call"),
        (
            Rule("POST", "/mcp", mcp_method="tools/list", mcp_name="x"),
            "mcp_method: only tools/call",
        ),
        (Rule("POST", "/mcp", mcp_method="tools/call", mcp_name=""), "mcp_name: must be a name"),
        (
            Rule("POST", "/mcp", mcp_method="tools/call", mcp_name="a*b"),
            "mcp_name: * is allowed only",
        ),
        (
            Rule("POST", "/mcp", mcp_method="tools/list", allow_encoded_slash=True),
            "allow_encoded_slash: set it in the rule",
        ),
    ],
)
def test_a_wrong_rule_is_a_fault(rule, fault):
    with pytest.raises(SettingsError) as caught:
        Rules([rule], mcp_headers="compared")

    (found,) = caught.value.faults
    assert found.startswith("rules[1] (")
    assert f": {fault}" in found


def test_the_setting_must_declare_that_the_server_compares():
    with pytest.raises(SettingsError, match='set mcp_headers = "compared" if the server behind'):
        Rules([WRITE])
    with pytest.raises(SettingsError, match='mcp_headers: "ignore" or "compared"'):
        Rules([], mcp_headers="yes")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match='method_override: with mcp_method it must be "refuse"'):
        Rules([WRITE], mcp_headers="compared", method_override="judge")
    assert Rules([WRITE], mcp_headers="compared").reads_mcp_headers
    assert not Rules([], mcp_headers="compared").reads_mcp_headers


def test_two_rules_for_one_message_are_a_fault():
    with pytest.raises(SettingsError) as caught:
        Rules([WRITE, WRITE], mcp_headers="compared")

    name = "(POST /mcp tools/call write)"
    assert caught.value.faults == (
        f"rules[2] {name}: rules[1] {name} has the same method and path",
    )


def test_patterns_that_overlap_must_have_the_same_messages():
    def pair(*second: Rule) -> list[Rule]:
        first = Rule("POST", "/a/<x>", scopes="s", mcp_method="tools/list")
        return [first, *second]

    same = Rule("POST", "/<x>/b", scopes="s", mcp_method="tools/list")
    other = Rule("POST", "/<x>/b", scopes="t", mcp_method="tools/list")
    rules = Rules(pair(same), mcp_headers="compared")

    assert answers(rules, fields("tools/list"), path="/a/b") == "s"
    with pytest.raises(SettingsError, match="neither is more specific"):
        Rules(pair(other), mcp_headers="compared")


TABLE = """
[[rules]]
method = "POST"
path = "/mcp"
scope = "any"

[[rules]]
method = "POST"
path = "/mcp"
mcp_method = "tools/call"
mcp_name = "write"
scopes = ["any", "w"]
"""


def test_tables_have_the_same_settings(tmp_path):
    tables = tomllib.loads(TABLE)["rules"]
    file = tmp_path / "rules.toml"
    file.write_text(TABLE)
    described = from_openapi({"openapi": "3.1.0"}, rules=[WRITE], mcp_headers="compared")

    for rules in (
        rules_from_tables(tables, mcp_headers="compared"),
        rules_from_file(file, mcp_headers="compared"),
    ):
        assert answers(rules, fields("tools/call", "write")) == "any w"
        assert answers(rules, fields("tools/list")) == "any"
    assert answers(described, fields("tools/call", "write")) == "w"
    with pytest.raises(SettingsError, match="mcp_method: the guard reads the headers"):
        rules_from_tables(tables)
