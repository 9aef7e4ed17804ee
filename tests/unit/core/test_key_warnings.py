"""Warnings about keys that cannot be used: once for each change of the set, safe to log."""

from __future__ import annotations

import pytest

from iiniit_guard.core.issuer.key_warnings import KeyWarnings
from tests.contract.cases.jose_checks import set_of
from tests.contract.cases.jose_keys import ec_jwk, ed_jwk, rsa_jwk
from tests.unit.core.stepping import KEY, Steps, answer, make_server

ISSUER = "https://issuer.test"


@pytest.fixture
def report(caplog):
    warnings = KeyWarnings(ISSUER)

    def lines(*members):
        caplog.clear()
        warnings.report(set_of(*members))
        return caplog.messages

    return lines


def test_a_key_is_named_with_its_reason(report):
    assert report(ec_jwk(), rsa_jwk(kid="weak", n="AQAB"), {"kty": "oct"}) == [
        (
            f"jwks: keys of {ISSUER} cannot be used: kid 'weak' (modulus too short or too long), "
            "number 3 (symmetric key)"
        )
    ]


def test_nothing_is_said_of_good_keys(report):
    assert report(ec_jwk(), ed_jwk()) == []


def test_once_for_each_change_of_the_set(report):
    weak = rsa_jwk(kid="weak", n="AQAB")
    assert report(ec_jwk(), weak)
    assert not report(ec_jwk(), weak)
    assert report(ed_jwk(), weak)
    assert not report(ed_jwk())
    assert report(ed_jwk(), weak)
    assert report(ed_jwk(), {**weak, "kid": "other"})


def test_a_source_reports_a_set_again_after_one_without_faults(caplog, clock):
    good, weak = {"keys": [KEY.jwk()]}, {"keys": [KEY.jwk(), {"kty": "oct"}]}
    source, lines = make_server(clock).keys, []
    for document in (good, weak, weak, good, good, weak):
        caplog.clear()
        assert Steps(source.load()).send(answer(document)).ended
        lines.append(len(caplog.messages))
    assert lines == [0, 1, 0, 0, 0, 1]


def test_a_key_for_encryption_is_a_fault_only_without_another(report):
    """Keycloak publishes one beside each signing key."""
    assert report(ec_jwk(), rsa_jwk(kid="enc", use="enc")) == []
    assert report(rsa_jwk(kid="enc", use="enc")) == [
        f"jwks: keys of {ISSUER} cannot be used: kid 'enc' (use is enc)"
    ]


@pytest.mark.parametrize(
    ("kid", "shown"),
    [
        ("a\r\nWARNING forged", "'a\\r\\nWARNING forged'"),
        ("\u2028\u202e\x1b[2J", "'\\u2028\\u202e\\x1b[2J'"),
        ("k" * 65, f"'{'k' * 64}'..."),
        ("k" * 64, f"'{'k' * 64}'"),
        (1, "number 2"),
    ],
)
def test_a_key_id_cannot_break_the_line(report, kid, shown):
    (line,) = report(ec_jwk(), rsa_jwk(kid=kid, n="AQAB"))
    assert f"cannot be used: {'kid ' if isinstance(kid, str) else ''}{shown} (" in line
    assert line.isascii()
    assert line.isprintable()


def test_a_long_list_is_cut(report):
    (line,) = report(ec_jwk(), *[1] * 120)
    assert line.count("not an object") == 10
    assert line.endswith(" and 90 more")
