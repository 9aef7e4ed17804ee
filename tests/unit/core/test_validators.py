"""Validators of setting values, by kind."""

from __future__ import annotations

import math
from http import HTTPStatus

import pytest

from iiniit_guard.core.issuer import validators as check
from iiniit_guard.core.model.problem import Reason

GOOD = [
    (check.text, ["a", "https://a.test/?x=1", "a b"]),
    (check.texts, [["a"], ("a", "b")]),
    (check.names, [[], (), ["a"]]),
    (check.seconds, [1, 0.5, 0.001, 1e9]),
    (check.seconds_or_none, [0, 0.0, 5]),
    (check.count, [1, 65_536]),
    (check.flag, [True, False]),
    (check.one_of("a", "b"), ["a", "b"]),
    (check.some_of(("a", "b")), [["a"], ["a", "b"]]),
    (check.scope_words, [{}, {"profile": "user:read"}, {"Team Lead": "lead", "Größe": "x"}]),
    (check.scope_lists, [{}, {"a": []}, {"a": ["b", "c"]}]),
    (check.scope_paths, [[], ["roles"], ("a.b", ["a.b", "c"])]),
    (
        check.claim_table,
        [
            {},
            {"tenant": "acme", "n": [1, 2]},
            {"a": ("x", True, 1.5)},
            {"a": False},
            {"a": 0},
            {"a": 10**400},
        ],
    ),
    (check.hosts, [[], ["a.test"], ("127.0.0.1", "::1", "localhost")]),
    (check.token_prefix, ["ory_at_", "a-b.~+/"]),
    (check.at_most(5, check.seconds), [0.1, 5, 5.0]),
    (check.at_most(5, check.seconds_or_none), [0, 5]),
    (check.function, [print, str]),
    (check.functions, [[], [print], (print, repr)]),
]
BAD = [
    (check.text, [None, 1, "", b"a", "é", "a\n", "\x7f", ["a"], " ", " a", "a "]),
    (check.texts, [None, [], "a", b"a", {"a"}, ["a", ""], ["a", 1], 7]),
    (check.names, ["a", "", b"", None, [""], [1]]),
    (check.seconds, [0, 0.0, -1, "1", None, True, math.nan, math.inf, -(10**400)]),
    (
        check.at_most(5, check.seconds),
        [5.001, 6, 10**400, 0, -1, "1", None, True, math.nan, math.inf],
    ),
    (check.at_most(5, check.seconds_or_none), [5.001, 10**400, -1, None]),
    (check.seconds_or_none, [-0.001, "1", None, False, math.nan, -math.inf, [1]]),
    (check.count, [0, -1, 1.0, True, "1", None]),
    (check.flag, [0, 1, "true", None]),
    (check.one_of("a", "b"), ["c", "", None, ["a"], 1]),
    (check.some_of(("a", "b")), [[], ["a", "c"], "a", [1]]),
    (
        check.scope_words,
        [None, [], {"": "c"}, {" a": "c"}, {"a\n": "c"}, {"a": "b c"}, {"a": 1}, {1: "a"}],
    ),
    (
        check.scope_lists,
        [
            None,
            [],
            {"a": b""},
            {"a": None},
            {"a": "b"},
            {"a": 1},
            {"a b": []},
            {"a": ["b c"]},
            {"a": [1]},
        ],
    ),
    (
        check.scope_paths,
        [
            None,
            "roles",
            b"roles",
            [""],
            [[]],
            [1],
            [None],
            ["a."],
            ["*.a"],
            {"roles"},
            {"roles": 1},
        ],
    ),
    (
        check.claim_table,
        [
            None,
            [],
            {1: "a"},
            {"": "a"},
            "tenant",
            {"tenant": None},
            {"tenant": ""},
            {"tenant": "  "},
            {"tenant": []},
        ],
    ),
    (
        check.claim_table,
        [
            {"tenant": ()},
            {"tenant": {}},
            {"tenant": {"a": 1}},
            {"tenant": [None]},
            {"tenant": ["acme", None]},
        ],
    ),
    (
        check.claim_table,
        [
            {"tenant": ["acme", ""]},
            {"tenant": [["acme"]]},
            {"tenant": math.nan},
            {"tenant": -math.inf},
            {"tenant": {"acme"}},
        ],
    ),
    (
        check.claim_table,
        [
            {"tenant": b"acme"},
            {"a": 1, "tenant": None},
            {" tenant": "acme"},
            {"tenant": Reason.EXPIRED},
            {"n": HTTPStatus.OK},
        ],
    ),
    (
        check.hosts,
        [
            None,
            "a.test",
            [""],
            ["*"],
            ["*.a.test"],
            ["A.test"],
            ["a.test:80"],
            ["http://a.test"],
            ["a.test/"],
            ["[::1]"],
            ["u@a"],
        ],
    ),
    (check.hosts, [["a b"], ["::1:x["], [1]]),
    (check.token_prefix, ["", None, "a b", "a,b", "=", "é"]),
    (check.function, [None, "print", 1]),
    (check.functions, [None, print, "print", [print, 1], {print}, b"", bytearray(), [None]]),
]


def rows(table):
    return [
        pytest.param(f, value, id=f"{f.__qualname__.partition('.')[0]} {value!r}")
        for f, values in table
        for value in values
    ]


@pytest.mark.parametrize(("function", "value"), rows(GOOD))
def test_good(function, value):
    assert function(value) is None


@pytest.mark.parametrize(("function", "value"), rows(BAD))
def test_bad_is_said_in_words_that_do_not_quote_it(function, value):
    fault = function(value)
    assert isinstance(fault, str)
    assert (
        not isinstance(value, str)
        or function is check.flag
        or value.strip() in ("", "a", "=")
        or value not in fault
    )


def test_an_unknown_word_is_named():
    """Values from a fixed list are not secret, and the name helps to correct the setting."""
    fault = check.some_of(("a", "b"))(["a", "HS256"])
    assert fault is not None
    assert "HS256" in fault


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://a.test", True),
        ("https://a.test:8443/x?y=z", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1/x", True),
        ("http://[::1]:80/", True),
        ("https://a.test:/", True),
        ("https://a.test:0443/", True),
        ("http://inner.test", True),
        ("http://a.test", False),
        ("http://inner.test.evil.test", False),
        ("ftp://a.test", False),
        ("file:///etc/passwd", False),
        ("//a.test", False),
        ("a.test", False),
        ("https://", False),
        ("https:///x", False),
        ("https://a.test/x y", False),
        ("https://u@a.test", False),
        ("https://u:canary@a.test", False),
        ("https://:canary@a.test", False),
        ("https://a.test/#x", False),
        ("https://a.test/#", False),
        ("https://a.test:99999", False),
        ("https://a.test:x", False),
        ("https://[::1", False),
        ("https://[::1]8443/", False),
        ("https://a.test[::1]/", False),
        ("https://a.test:[::1]/", False),
        ("https://[::1]x:443/", False),
        ("https://a.test:0/", False),
        ("https://a.test:00/", False),
        ("https://ä.test", False),
        ("", False),
        (None, False),
        (1, False),
    ],
)
def test_urls_that_may_be_called(url, good):
    """RFC 8414 §2, RFC 9110 §4.2.4."""
    fault = check.endpoint_fault(url, ("inner.test",))
    assert (fault is None) is good
    assert "canary" not in str(fault)


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("https://a.test", True),
        ("https://a.test/x?y", True),
        ("https://a.test/#x", False),
        ("http://localhost", True),
        ("http://127.0.0.1:9000/mcp", True),
        ("http://api.test", False),
        ("urn:x", False),
        (1, False),
    ],
)
def test_resource_identifiers(value, good):
    """RFC 9728 §1.2."""
    assert (check.resource_fault(value) is None) is good
