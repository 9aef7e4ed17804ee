"""Names of roles that no scope may have: an alias makes them scopes, otherwise a line is logged."""

from __future__ import annotations

import pytest

from iiniit_guard.core.claims.scope import scope_reading

SAID = (
    "in the tokens of https://issuer.test has a name with a space or another character that no "
    "scope may have, so this name adds no scope; name it in scope_aliases"
)


@pytest.mark.parametrize(
    ("path", "claims", "scopes", "logged"),
    [
        ("a", {"a": ["canary canary", "x"]}, {"x"}, True),
        ("a", {"a": ["canär"]}, set(), True),
        ("a", {"a": "canär"}, set(), True),
        ("a.*", {"a": {"canary canary": True}}, set(), True),
        ("a", {"a": ["Team Lead", "canary canary"]}, {"lead"}, True),
        ("a", {"a": ["team lead"]}, set(), True),
        ("a", {"a": ["Team Lead"]}, {"lead"}, False),
        ("a", {"a": "Team Lead"}, {"Team", "Lead", "lead"}, False),
        ("a", {"a": "x  y "}, {"x", "y"}, False),
        ("a", {"a": ["", "x"]}, {"x"}, False),
    ],
)
def test_a_name_without_an_alias_is_logged_once(path, claims, scopes, logged, caplog):
    names = scope_reading(
        strict=False,
        also=(path,),
        aliases={"Team Lead": "lead"},
        implies={},
        issuer="https://issuer.test",
    )
    for _ in range(3):
        assert names.scopes_of(claims) == scopes
    lines = [f"scope_claims: {path} {SAID}"] if logged else []
    assert [record.getMessage() for record in caplog.records] == lines
    assert "canary" not in caplog.text
