"""The form of resource URIs that rules for MCP compare."""

from __future__ import annotations

import pytest

from iiniit_guard.rules.mcp_uri import is_plain_uri


@pytest.mark.parametrize(
    "uri, plain",
    [
        ("file:///a/b.txt", True),
        ("notes://list/today?x=..%2f#/../", True),
        ("urn:isbn:1", True),
        ("config://app", True),
        ("file:///a%20b", True),
        ("http://[::1]:8080/a", True),
        ("http://192.0.2.1/a?b[0]=c", True),
        ("https://a-b.example_1/a", True),
        ("file://host/a", True),
        ("postgres://ada@db:5432/a", True),
        # A reader by the URL standard takes each of these for a URI of `http://h/a` or `file:///a`.
        *[(f"http:{rest}", False) for rest in ("/h/a", "h/a", "///h/a", "//h:80/a", "//@h/a")],
        *[
            (f"http://{rest}", False)
            for rest in ("h:/a", "h:081/a", "\uff48/a", "h\t/a", "h", "h?a")
        ],
        *[(f"file:{rest}", False) for rest in ("/a", "a", "//localhost/a", "//c:/a", "//h:1/a")],
        *[(f"{port}/a", False) for port in ("https://h:443", "ws://h:80", "wss://h:443")],
        *[(f"http://{host}/a", False) for host in ("127.1", "0x7f.0.0.1", "[0::1]", "u@h", "h.")],
        *[(f"note://{rest}", False) for rest in ("@h/a", "h:/a", "h:01/a", "u:@h/a", "h\n/a")],
        *[(f"file:///a{other}", False) for other in '"<>`{}^|'],
        *[
            (f"file://{path}", False)
            for path in ("/a/../b", "/a/./b", "/a//b", "/a;b", "/a\\b", "/..")
        ],
        *[(f"file:///{path}", False) for path in ("%2e%2e/b", "%61", "%2Fb", "%5c", "%25", "%7E")],
        *[(f"file:///{path}", False) for path in ("%c3", "%", "%2", "%zz", "\u00e4", "a b", "a\n")],
        (f"file:///{'a' * 8184}", True),
        (f"file:///{'a' * 8185}", False),
        ("FILE:///a", False),
        ("file://Host/a", False),
        ("file://h%6fst/a", False),
        ("/a", False),
        ("", False),
    ],
)
def test_only_a_uri_in_its_normal_form_is_compared(uri, plain):
    assert is_plain_uri(uri) is plain
