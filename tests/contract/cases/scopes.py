"""Scopes: RFC 6749 §3.3, RFC 6750 §3.1, RFC 9068 §2.2.3."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, Allowed, Case, Refused, bad, opaque, token
from tests.contract.cases.times import written

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)


def missing(wanted: str) -> Refused:
    """Return the 403 that names the required scope."""
    return Refused(403, "insufficient_scope", Reason.MISSING_SCOPE, scope=wanted)


_READ: Final = missing("user:read")
_BOTH: Final = missing("user:read user:write")


def _matching() -> list[Case]:
    rows: list[tuple[str, str | None, str, Refused | Allowed]] = [
        ("the one wanted", "user:read", "/read", ALLOWED),
        ("the one wanted and others", "openid user:read email", "/read", ALLOWED),
        ("another", "user:write", "/read", _READ),
        ("none at all", None, "/read", _READ),
        ("empty", "", "/read", _READ),
        ("only spaces", "   ", "/read", _READ),
        ("in upper case", "USER:READ", "/read", _READ),
        ("as a prefix", "user:rea", "/read", _READ),
        ("continued", "user:reads", "/read", _READ),
        ("with a namespace before", "x:user:read", "/read", _READ),
        ("a wildcard, which nothing defines", "user:*", "/read", _READ),
        ("an asterisk", "*", "/read", _READ),
        ("joined by a comma", "user:read,user:write", "/read", _READ),
        ("joined by a semicolon", "user:read;user:write", "/read", _READ),
        ("joined by a plus", "user:read+user:write", "/read", _READ),
        ("percent-encoded", "user%3Aread", "/read", _READ),
        ("an alias that is not set", "read:user", "/read", _READ),
        ("a scope that would imply it, which is not set", "user:write", "/read", _READ),
        ("twice", "user:read user:read", "/read", ALLOWED),
        ("spaces around", "  user:read  ", "/read", ALLOWED),
        ("two spaces between", "openid  user:read", "/read", ALLOWED),
        ("both of two", "user:read user:write", "/both", ALLOWED),
        ("both of two, the other way round", "user:write user:read", "/both", ALLOWED),
        ("the first of two", "user:read", "/both", _BOTH),
        ("the second of two", "user:write", "/both", _BOTH),
        ("none of two", "openid", "/both", _BOTH),
        ("the first of either", "user:write", "/either", ALLOWED),
        ("the second of either", "user:read", "/either", ALLOWED),
        ("both of either", "user:read user:write", "/either", ALLOWED),
        ("neither of either", "openid", "/either", missing("user:write")),
        ("none where none is wanted", None, "/token", ALLOWED),
    ]
    return [
        Case(
            f"scope {name} at {path}",
            "RFC 6750 §3.1; RFC 6749 §3.3",
            token(scope),
            expected,
            path=path,
        )
        for name, scope, path, expected in rows
    ]


def _grammar() -> list[Case]:
    separators = [
        ("a tab", "\t"),
        ("a line feed", "\n"),
        ("a carriage return", "\r"),
        ("a vertical tab", "\x0b"),
        ("a form feed", "\x0c"),
        ("a NUL", "\0"),
        ("a DEL", "\x7f"),
        ("a no-break space", "\u00a0"),
        ("an em space", "\u2003"),
        ("a line separator", "\u2028"),
        ("a zero-width space", "\u200b"),
        ("a quote", '"'),
        ("a backslash", "\\"),
    ]
    rows = [
        Case(
            f"scopes joined by {name}",
            "RFC 6749 §3.3 (only U+0020 separates)",
            token(f"user:read{text}user:write"),
            _CLAIM,
            path="/read",
        )
        for name, text in separators
    ]
    lookalikes = [
        ("full-width letters", "\uff55ser:read"),
        ("a Cyrillic letter", "us\u0435r:read"),
        ("a ratio for the colon", "user\u2236read"),
        ("a soft hyphen", "user:\u00adread"),
    ]
    alike = [
        Case(f"scope with {name}", "RFC 6749 §3.3 (ASCII)", token(scope), _CLAIM, path="/read")
        for name, scope in lookalikes
    ]
    edges = "!#$%&'()*+,-./0123456789:;<=>?@AZ[]^_`az{|}~"
    all_characters = Case(
        "every kind of character that a scope may have",
        "RFC 6749 §3.3",
        token(f"{edges} user:read"),
        Allowed(frozenset({edges, "user:read"})),
        path="/read",
    )
    return [*rows, *alike, all_characters]


def _shapes() -> list[Case]:
    strict = {"profile": "rfc9068"}
    good: list[tuple[str, str, dict[str, Any], Refused | Allowed]] = [
        (
            "scope as a list",
            "RFC 9068 §2.2.3 (servers send a list too)",
            {"scope": ["user:read", "email"]},
            ALLOWED,
        ),
        (
            "scope as an empty list",
            "RFC 9068 §2.2.3 (servers send a list too)",
            {"scope": []},
            _READ,
        ),
        (
            "scope as a list with two in one",
            "RFC 6749 §3.3 (a word)",
            {"scope": ["user:read user:write"]},
            _CLAIM,
        ),
        ("scope as a list with a number", "RFC 6749 §3.3", {"scope": ["user:read", 1]}, _CLAIM),
        (
            "scope as a list with an empty word",
            "RFC 6749 §3.3",
            {"scope": ["user:read", ""]},
            _CLAIM,
        ),
        ("scope as a list of lists", "RFC 6749 §3.3", {"scope": [["user:read"]]}, _CLAIM),
        ("scope as an object", "RFC 9068 §2.2.3", {"scope": {"user:read": True}}, _CLAIM),
        ("scope as a number", "RFC 9068 §2.2.3", {"scope": 1}, _CLAIM),
        ("scope true", "RFC 9068 §2.2.3", {"scope": True}, _CLAIM),
        (
            "scp as a string",
            "RFC 9068 §2.2.3 (servers send scp instead)",
            {"scope": None, "scp": "user:read email"},
            ALLOWED,
        ),
        (
            "scp as a list",
            "RFC 9068 §2.2.3 (servers send scp instead)",
            {"scope": None, "scp": ["user:read"]},
            ALLOWED,
        ),
        (
            "scp as a number",
            "RFC 9068 §2.2.3 (servers send scp instead)",
            {"scope": None, "scp": 1},
            _CLAIM,
        ),
        (
            "scp beside scope, which counts",
            "RFC 9068 §2.2.3 (scope counts before scp)",
            {"scope": "openid", "scp": ["user:read"]},
            _READ,
        ),
        (
            "scp beside an empty scope, which counts",
            "RFC 9068 §2.2.3 (scope counts before scp)",
            {"scope": "", "scp": ["user:read"]},
            _READ,
        ),
        (
            "scopes, a name that nobody set",
            "RFC 9068 §2.2.3 (scope_claims)",
            {"scope": None, "scopes": "user:read"},
            _READ,
        ),
        (
            "permissions, where they are not set",
            "RFC 9068 §2.2.3 (scope_claims)",
            {"scope": None, "permissions": ["user:read"]},
            _READ,
        ),
        (
            "roles, where they are not set",
            "RFC 9068 §2.2.3 (scope_claims)",
            {"scope": None, "roles": ["user:read"]},
            _READ,
        ),
    ]
    rows = [
        Case(name, clause, token(**{"scope": "x", **claims}), expected, path="/read")
        for name, clause, claims, expected in good
    ]
    rfc9068: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("scope as a string", {"scope": "user:read"}, ALLOWED),
        ("scope as a list", {"scope": ["user:read"]}, _CLAIM),
        ("scp alone", {"scope": None, "scp": "user:read"}, _READ),
    ]
    strict_rows = [
        Case(
            f"{name} under rfc9068",
            "RFC 9068 §2.2.3",
            token(**claims),
            expected,
            path="/read",
            settings=strict,
        )
        for name, claims, expected in rfc9068
    ]
    also = {"scope_claims": ["permissions", "realm_access.roles", "https://api.test/roles"]}
    others: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("permissions as a list", {"permissions": ["user:read"]}, ALLOWED),
        ("permissions as a string", {"permissions": "email user:read"}, ALLOWED),
        ("permissions as a number", {"permissions": 1}, _READ),
        (
            "permissions with what is no scope",
            {"permissions": ["user:read", "no scope", 1, None]},
            ALLOWED,
        ),
        ("roles below a name", {"realm_access": {"roles": ["user:read"]}}, ALLOWED),
        ("roles below a name that is a list", {"realm_access": ["user:read"]}, _READ),
        ("roles below another name", {"other_access": {"roles": ["user:read"]}}, _READ),
        ("a claim whose name has dots", {"https://api.test/roles": ["user:read"]}, ALLOWED),
        ("roles at the top", {"roles": ["user:read"]}, _READ),
    ]
    also_rows = [
        Case(
            f"scope_claims: {name}",
            "RFC 9068 §2.2.3 (scope_claims)",
            token("x", **claims),
            expected,
            path="/read",
            settings=also,
        )
        for name, claims, expected in others
    ]
    spelled = [
        Case(
            "scope with a NUL written out",
            "RFC 6749 §3.3",
            written("scope", '"user:read\\u0000"'),
            _CLAIM,
            path="/read",
        ),
        Case(
            "scope with its letters escaped",
            "RFC 8259 §7 (equal strings)",
            written("scope", '"\\u0075ser:read"'),
            ALLOWED,
            path="/read",
        ),
    ]
    return [*rows, *strict_rows, *also_rows, *spelled]


def _introspected() -> list[Case]:
    rows: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("a string", {"scope": "user:read"}, ALLOWED),
        ("a list", {"scope": ["user:read"]}, ALLOWED),
        ("none", {"scope": None}, _READ),
        ("another", {"scope": "email"}, _READ),
        ("a number", {"scope": 1}, _CLAIM),
        ("joined by a tab", {"scope": "user:read\tx"}, _CLAIM),
    ]
    return [
        Case(
            f"introspected scope {name}", "RFC 7662 §2.2", opaque(**members), expected, path="/read"
        )
        for name, members, expected in rows
    ]


CASES: Final[list[Case]] = [
    *_matching(),
    *_grammar(),
    *_shapes(),
    *_introspected(),
]
