"""Which scopes a token carries. Spellings and shapes are rows of tests/cases/scopes.py; here is what becomes of them."""

from __future__ import annotations

import pytest

from iiniit_guard.core import scope as module
from iiniit_guard.core.scope import MALFORMED, scope_reading


def reading(*, strict=False, also=(), aliases=None, implies=None):
    return scope_reading(strict=strict, also=also, aliases=aliases or {}, implies=implies or {})


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        pytest.param({"scope": "a  b a"}, {"a", "b"}, id="RFC 6749 §3.3: U+0020 separates"),
        pytest.param({"scope": ["a", "b"]}, {"a", "b"}, id="a list"),
        pytest.param({"scp": "a"}, {"a"}, id="scp"),
        pytest.param({"scope": "a", "scp": "b"}, {"a"}, id="the first present counts"),
        pytest.param({}, set(), id="none"),
        pytest.param({"scope": "a\u00a0b"}, MALFORMED, id="U+00A0 does not separate"),
        pytest.param({"scope": ["a", 1]}, MALFORMED, id="a number in the list"),
        pytest.param({"scope": ["a", ""]}, MALFORMED, id="an empty word in the list"),
        pytest.param({"scope": None}, MALFORMED, id="null is not absent"),
        pytest.param({"scope": {"a": 1}}, MALFORMED, id="an object"),
    ],
)
def test_generic(claims, scopes):
    found = reading().scopes_of(claims)
    assert found == scopes
    assert reading().scopes_of(claims) == found


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [({"scope": "a b"}, {"a", "b"}), ({"scope": ["a"]}, MALFORMED), ({"scp": "a"}, set())],
    ids=["a string", "a list", "scp"],
)
def test_rfc9068_knows_scope_as_a_string_alone(claims, scopes):
    """RFC 9068 §2.2.3."""
    assert reading(strict=True).scopes_of(claims) == scopes


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        pytest.param({"roles": ["r", "no scope", 1]}, {"r"}, id="what is no scope cannot be asked for"),
        pytest.param({"roles": "r s"}, {"r", "s"}, id="a string"),
        pytest.param({"roles": 7}, set(), id="a number"),
        pytest.param({"realm_access": {"roles": ["r"]}}, {"r"}, id="below a name"),
        pytest.param({"realm_access": ["roles"]}, set(), id="below what is no object"),
        pytest.param({"realm_access": {}}, set(), id="below an object without it"),
        pytest.param({"realm_access.roles": ["r"]}, {"r"}, id="a name that has the dot itself"),
        pytest.param({"scope": "a", "roles": ["r"]}, {"a", "r"}, id="beside scope"),
        pytest.param({"scope": 1, "roles": ["r"]}, MALFORMED, id="a bad scope is not mended by roles"),
    ],
)
def test_further_claims(claims, scopes):
    """DESIGN §4: scope_claims."""
    assert reading(also=("roles", "realm_access.roles")).scopes_of(claims) == scopes


def test_aliases_then_hierarchy_to_the_end():
    """DESIGN §4."""
    names = reading(aliases={"profile": "user:read"}, implies={"user:read": ("email",), "email": ("verified", "user:read")})
    assert names.scopes_of({"scope": "profile"}) == {"profile", "user:read", "email", "verified"}
    assert names.scopes_of({"scope": "verified"}) == {"verified"}


def test_equal_scopes_are_one_object():
    """PERFORMANCE: ten thousand tokens share one set."""
    names = reading()
    first = names.scopes_of({"scope": "a b"})
    assert names.scopes_of({"scope": "a b"}) is first
    assert names.scopes_of({"scope": "b a"}) is first
    assert names.scopes_of({"scope": ["b", "a"]}) is first


def test_what_is_remembered_is_bounded_and_never_wrong(monkeypatch):
    monkeypatch.setattr(module, "_KEPT", 8)
    names = reading(implies={"s3": ("more",)})
    for number in (*range(20), *range(20)):
        expected = {f"s{number}", "more"} if number == 3 else {f"s{number}"}
        assert names.scopes_of({"scope": f"s{number}"}) == expected
        assert names.scopes_of({"scope": "bad\u00a0scope"}) is MALFORMED
    assert 0 < len(names.seen) <= 9
    names.seen.clear()
    long = "s" * 1025
    assert names.scopes_of({"scope": long}) == {long}
    assert names.scopes_of({"scope": f"a{' ' * 1024}b"}) == {"a", "b"}
    assert list(names.seen) == [frozenset({"a", "b"})], "a long text is not remembered"


def test_further_claims_are_read_even_when_the_scope_string_wasseen_before():
    names = reading(also=("roles",))
    assert names.scopes_of({"scope": "a", "roles": ["r"]}) == {"a", "r"}
    assert names.scopes_of({"scope": "a"}) == {"a"}
