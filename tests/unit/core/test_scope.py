"""The scopes of a token; tests/contract/cases/scopes.py has rows for spellings and shapes."""

from __future__ import annotations

import gc
import logging
import tracemalloc

import pytest

from iiniit_guard.core.claims import scope as module
from iiniit_guard.core.claims.scope import MALFORMED, scope_reading
from iiniit_guard.core.claims.scope_path import path_fault


def reading(*, strict=False, also=(), aliases=None, implies=None):
    return scope_reading(
        strict=strict,
        also=also,
        aliases=aliases or {},
        implies=implies or {},
        issuer="https://issuer.test",
    )


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
        pytest.param(
            {"roles": ["r", "no scope", 1]}, {"r"}, id="what is no scope cannot be asked for"
        ),
        pytest.param({"roles": "r s"}, {"r", "s"}, id="a string"),
        pytest.param({"roles": 7}, set(), id="a number"),
        pytest.param({"realm_access": {"roles": ["r"]}}, {"r"}, id="below a name"),
        pytest.param({"realm_access": ["roles"]}, set(), id="below what is no object"),
        pytest.param({"realm_access": {}}, set(), id="below an object without it"),
        pytest.param({"realm_access.roles": ["r"]}, {"r"}, id="a name that has the dot itself"),
        pytest.param({"scope": "a", "roles": ["r"]}, {"a", "r"}, id="beside scope"),
        pytest.param(
            {"scope": 1, "roles": ["r"]}, MALFORMED, id="a bad scope is not mended by roles"
        ),
    ],
)
def test_further_claims(claims, scopes):
    """The setting `scope_claims`."""
    assert reading(also=("roles", "realm_access.roles")).scopes_of(claims) == scopes


def test_aliases_then_hierarchy_to_the_end():
    names = reading(
        aliases={"profile": "user:read"},
        implies={"user:read": ("email",), "email": ("verified", "user:read")},
    )
    assert names.scopes_of({"scope": "profile"}) == {"profile", "user:read", "email", "verified"}
    assert names.scopes_of({"scope": "verified"}) == {"verified"}


@pytest.mark.parametrize(
    ("path", "claims", "scopes"),
    [
        ("roles", {"roles": ["Team Lead", "b"]}, {"lead", "b"}),
        ("roles", {"roles": "Team Lead"}, {"Team", "Lead", "lead"}),
        ("roles", {"roles": "Team Lead b"}, {"Team", "Lead", "b"}),
        ("roles", {"roles": ["Team  Lead", "team lead", "Team"]}, {"Team"}),
        ("roles", {"roles": ["Größe"]}, {"size"}),
        ("roles.*", {"roles": {"Team Lead": {"7": "x"}}}, {"lead"}),
        ("a.roles", {"a": {"roles": [{"Team Lead": {"7": "x"}}]}}, {"lead"}),
        ("scope", {"scope": "Team Lead"}, {"Team", "Lead"}),
        (["scp"], {"scp": "Team Lead"}, {"Team", "Lead"}),
        ("roles", {"scope": "Team Lead"}, {"Team", "Lead"}),
        ("roles", {"roles": ["b"]}, {"b"}),
    ],
)
def test_an_alias_names_a_role_that_is_not_a_scope(path, claims, scopes):
    """A client chooses the scopes in `scope`, so two of them are never one role."""
    read = reading(also=[path], aliases={"Team Lead": "lead", "Größe": "size"})
    assert read.scopes_of(claims) == scopes


def test_an_alias_of_a_role_has_its_hierarchy():
    read = reading(also=["roles"], aliases={"Team Lead": "lead"}, implies={"lead": ("read",)})
    assert read.scopes_of({"roles": ["Team Lead"]}) == {"lead", "read"}


def test_a_text_that_was_seen_before_is_not_read_again():
    names = reading()
    first = names.scopes_of({"scope": "a b"})
    assert names.scopes_of({"scope": "a b"}) is first
    assert names.scopes_of({"scope": "b a"}) == first == names.scopes_of({"scope": ["b", "a"]})


def test_what_is_remembered_is_never_wrong(monkeypatch):
    monkeypatch.setattr(module, "_SEEN_BYTES", 8_000)
    names = reading(implies={"s3": ("more",)})
    for number in (*range(20), *range(20)):
        expected = {f"s{number}", "more"} if number == 3 else {f"s{number}"}
        assert names.scopes_of({"scope": f"s{number}"}) == expected
        assert names.scopes_of({"scope": "bad\u00a0scope"}) is MALFORMED
    assert 0 < len(names.seen) < 20


def test_a_long_text_is_not_remembered():
    names = reading(implies={"s": ("t" * 1024,)})
    for text, scopes in (
        ("x" * 1025, {"x" * 1025}),
        (f"a{' ' * 1024}b", {"a", "b"}),
        ("s", {"s", "t" * 1024}),
    ):
        assert names.scopes_of({"scope": text}) == scopes
    assert not names.seen


@pytest.mark.parametrize("words", [1, 3, 340])
def test_what_is_remembered_is_bounded_in_bytes(words):
    """A set of 340 short scopes takes 55 KB; a count alone would let one issuer take 250 MB."""
    gc.collect()
    tracemalloc.start()
    names = reading()
    longest = 0
    for number in range(3_000 if words < 340 else 120):
        first = number * 7 if words == 340 else number * words
        names.scopes_of(
            {
                "scope": " ".join(
                    f"{chr(35 + n % 57)}{chr(35 + n // 57 % 57)}"
                    for n in range(first, first + words)
                )
            }
        )
        longest = max(longest, tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert longest < 1.1 * 1024 * 1024
    assert names.seen


def test_further_claims_are_read_even_when_the_scope_string_wasseen_before():
    names = reading(also=("roles",))
    assert names.scopes_of({"scope": "a", "roles": ["r"]}) == {"a", "r"}
    assert names.scopes_of({"scope": "a"}) == {"a"}


def test_an_introspection_response_is_not_bound_by_the_profile_for_jwts():
    """RFC 7662 §2.2."""
    strict = reading(strict=True)
    assert (
        strict.scopes_of({"scope": ["a"]}, introspected=True)
        == strict.scopes_of({"scp": "a"}, introspected=True)
        == {"a"}
    )
    assert strict.scopes_of({"scope": ["a"]}) is MALFORMED
    assert strict.scopes_of({"scp": "a"}) == set()


ROLES = "urn:zitadel:iam:org:project:roles"
READ = "is an object whose names are read as scopes; add * to the path to confirm this"
OBJECT = (
    "is an object, so it adds no scope; name a claim inside it, or add * to the path where "
    "its names are the scopes"
)
OTHER = "is neither text nor a list of texts, so it adds no scope; correct the path"
THROUGH = "leads through a claim that is not an object, so it adds no scope; correct the path"
DOTTED = (
    "leads through a claim whose name has dots, so it adds no scope; write the path as a "
    "list of names"
)
NAMES = "is not an object, so its names (*) add no scope; remove the * from the path"


@pytest.mark.parametrize(
    ("path", "claims", "said"),
    [
        (ROLES, {ROLES: {"canary": {"canary": "canary"}}}, READ),
        (f"{ROLES}.*", {ROLES: {"canary": {"canary": "canary"}}}, None),
        ("realm_access", {"realm_access": {"canary": ["canary"]}}, OBJECT),
        ("realm_access", {"realm_access": [{"canary": "canary"}]}, OBJECT),
        ("realm_access.roles", {"realm_access": ["canary"]}, THROUGH),
        ("realm_access.roles", {"realm_access": {"canary": 1}}, None),
        ("realm_access.roles", {}, None),
        (
            "resource_access.my.client.roles",
            {"resource_access": {"my.client": {"roles": ["canary"]}}},
            DOTTED,
        ),
        (
            "resource_access.my.client.roles",
            {"resource_access": {"canary": {"roles": ["canary"]}}},
            None,
        ),
        ("https://api.test/a.roles", {"https://api.test/a": {"roles": ["canary"]}}, DOTTED),
        (["resource_access", "my", "client"], {"resource_access": {"my.client": ["canary"]}}, None),
        ("a", {"a": 1}, OTHER),
        ("a", {"a": True}, OTHER),
        ("a", {"a": [1, None]}, OTHER),
        ("a", {"a": None}, None),
        ("a", {"a": []}, None),
        ("a", {"a": {}}, None),
        ("a", {"a": ""}, None),
        ("a.*", {"a": "canary"}, NAMES),
        ("a.*", {"a": []}, None),
        ("a.*", {"a": {}}, None),
        ("a.*", {"a": {"canary": False}}, None),
        ("a.*", {"a": None}, None),
    ],
)
def test_a_path_that_adds_no_scope_is_logged_once(path, claims, said, caplog):
    """The line contains the configured path, and nothing from the token."""
    names = reading(also=(path,))
    with caplog.at_level(logging.WARNING, "iiniit_guard"):
        for number in range(3):
            names.scopes_of({"scope": f"s{number}", **claims})
    shown = path if isinstance(path, str) else f"[{', '.join(path)}]"
    lines = (
        []
        if said is None
        else [f"scope_claims: {shown} in the tokens of https://issuer.test {said}"]
    )
    assert [record.getMessage() for record in caplog.records] == lines
    assert all(
        (record.name, record.levelname) == ("iiniit_guard", "WARNING") for record in caplog.records
    )
    assert "canary" not in caplog.text


def test_each_path_has_its_line(caplog):
    names = reading(also=("a", "b", "c"))
    names.scopes_of({"a": 1, "b": 1, "c": ["x"]})
    assert [record.getMessage().split(" ")[1] for record in caplog.records] == ["a", "b"]


@pytest.mark.parametrize(
    "written",
    ["a", "a.b", "https://api.test/roles", "a.*", ["a.b"], ["a", "b c", "\u00e4", "*"], ("a",)],
)
def test_paths(written):
    assert path_fault(written) is None


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "a.", ".a", "a..b", "*", "a.*.b", "*.a", " a", "a b. c", "a\n"),
        *(
            [],
            [""],
            ["a", ""],
            ["a", 1],
            [1],
            ["*"],
            ["*", "a"],
            ["a", "*", "*"],
            ["a", ["b"]],
            [" a"],
            ["a\n"],
        ),
        *(None, 1, True, {"a": 1}, {"a"}, b"a"),
    ],
)
def test_what_can_match_no_claim(written):
    fault = path_fault(written)
    assert isinstance(fault, str)
