"""Rows about the claims that hold scopes: names, and paths into nested claims."""

from __future__ import annotations

from typing import Any, Final

from tests.contract.cases.case import ALLOWED, Allowed, Case, Refused, token
from tests.contract.cases.scopes import missing

_READ: Final = missing("user:read")
_BOTH: Final = missing("user:read user:write")


def _names() -> list[Case]:
    aliases = {"scope_aliases": {"read:user": "user:read", "profile": "user:read"}}
    implies = {
        "scope_implies": {
            "user:write": ["user:read"],
            "admin": ["user:write"],
            "loop": ["pool"],
            "pool": ["loop", "user:read"],
        }
    }
    both = {**aliases, "scope_implies": {"user:read": ["email"]}}
    rows: list[tuple[str, str, str, dict[str, Any], Refused | Allowed]] = [
        ("an alias", "read:user", "/read", aliases, Allowed(frozenset({"read:user", "user:read"}))),
        ("another alias", "profile", "/read", aliases, ALLOWED),
        (
            "an alias, not turned round",
            "user:read",
            "/both",
            {"scope_aliases": {"user:read": "x"}},
            _BOTH,
        ),
        ("an alias of something else", "email", "/read", aliases, _READ),
        ("implied", "user:write", "/both", implies, ALLOWED),
        ("implied by what is implied", "admin", "/both", implies, ALLOWED),
        ("not implied the other way", "user:read", "/both", implies, _BOTH),
        ("implied in a circle", "loop", "/read", implies, ALLOWED),
        (
            "implied by an alias",
            "profile",
            "/token",
            both,
            Allowed(frozenset({"profile", "user:read", "email"})),
        ),
    ]
    clause = "IINIIT scopes (scope_aliases, scope_implies)"
    return [
        Case(f"scope {name}", clause, token(scope), expected, path=path, settings=settings)
        for name, scope, path, settings, expected in rows
    ]


def _paths() -> list[Case]:
    """Return rows for `scope_claims`: paths into objects, names with dots, names in an object."""
    zitadel = "urn:zitadel:iam:org:project:roles"
    granted = {"user:read": {"224": "acme.test"}, "user:write": {}, "off": {"225": ""}}
    access = {
        "resource_access": {"my.client": {"roles": ["user:read"]}, "user:read": {"roles": []}}
    }
    rows: list[tuple[str, list[Any], dict[str, Any], Refused | Allowed]] = [
        ("a name", ["permissions"], {"permissions": ["user:read"]}, ALLOWED),
        (
            "a dotted path",
            ["realm_access.roles"],
            {"realm_access": {"roles": ["user:read"]}},
            ALLOWED,
        ),
        (
            "a name with dots",
            ["https://api.test/roles"],
            {"https://api.test/roles": ["user:read"]},
            ALLOWED,
        ),
        (
            "a list",
            [["realm_access", "roles"]],
            {"realm_access": {"roles": ["user:read"]}},
            ALLOWED,
        ),
        ("a list with a dotted name", [["resource_access", "my.client", "roles"]], access, ALLOWED),
        ("a dotted path through a dotted name", ["resource_access.my.client.roles"], access, _READ),
        ("a list and a claim whose name is that path", [["a", "b"]], {"a.b": ["user:read"]}, _READ),
        (
            "names of an object, as Zitadel writes them",
            [zitadel],
            {zitadel: granted},
            Allowed(frozenset({"x", "user:read", "off"})),
        ),
        ("a list of such objects", [zitadel], {zitadel: [granted]}, ALLOWED),
        (
            "names of an object, explicitly",
            [[zitadel, "*"]],
            {zitadel: granted},
            Allowed(frozenset({"x", "user:read", "off"})),
        ),
        (
            "names of an object, by a dotted path",
            ["a.b.*"],
            {"a": {"b": {"user:read": True}}},
            ALLOWED,
        ),
        ("names of a list of objects", ["a.*"], {"a": [{"user:read": [1]}]}, ALLOWED),
        ("a name that is false in an object", ["a.*"], {"a": {"user:read": False}}, _READ),
        ("a name that is null in an object", ["a.*"], {"a": {"user:read": None}}, _READ),
        ("a name that is text in an object", ["a.*"], {"a": {"user:read": "false"}}, _READ),
        ("a name that is 1 in an object", ["a.*"], {"a": {"user:read": 1}}, _READ),
        ("values of an object", [zitadel], {zitadel: {"r": {"user:read": "user:read"}}}, _READ),
        ("names of an object of another shape", ["resource_access"], access, _READ),
        ("names of an object of flags", ["a"], {"a": {"user:read": True}}, _READ),
        ("text where names of an object are meant", ["a.*"], {"a": "user:read"}, _READ),
        ("a list where names of an object are meant", ["a.*"], {"a": ["user:read"]}, _READ),
        ("a claim called *", ["a.*"], {"a.*": ["user:read"]}, _READ),
        ("null", ["a"], {"a": None}, _READ),
        ("a number", ["a"], {"a": 1}, _READ),
        ("true", ["a"], {"a": True}, _READ),
    ]
    return [
        Case(
            f"scope_claims: {name}",
            "RFC 6749 §3.3 (scope_claims)",
            token("x", **claims),
            expected,
            path="/read",
            settings={"scope_claims": paths},
        )
        for name, paths, claims, expected in rows
    ]


CASES: Final[list[Case]] = [*_names(), *_paths()]
