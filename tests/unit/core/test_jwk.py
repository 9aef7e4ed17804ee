"""JSON Web Key Sets: usable keys, their algorithms, and the limit of keys per token."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.jose.ec_key import CURVES, EcPoint
from iiniit_guard.core.jose.jwk import (
    MAX_CANDIDATES,
    MAX_KEYS,
    Jwk,
    JwkSet,
    SkippedKey,
    VerificationKey,
    read_jwk_set,
)
from iiniit_guard.core.jose.jws import ALGORITHMS
from iiniit_guard.core.jose.rsa_key import RsaNumbers
from iiniit_guard.core.model.flow import Checkpoint
from tests.contract.cases.jose_checks import parse_jwk_set, set_of
from tests.contract.cases.jose_keys import (
    PUBLIC,
    RSA,
    ec_jwk,
    ed_jwk,
    make_signature,
    number,
    rsa_jwk,
)
from tests.contract.cases.jwk_members import USABLE
from tests.contract.cases.unusable_jwks import UNUSABLE
from tests.contract.cases.unusable_numbers import UNUSABLE_NUMBERS


@pytest.mark.parametrize(
    ("jwk", "algorithms"), [pytest.param(*row[2:], id=f"{row[0]} ({row[1]})") for row in USABLE]
)
def test_a_usable_key_serves_its_algorithms_and_no_other(jwk, algorithms):
    keys = set_of(jwk)
    assert keys.skipped == ()
    assert tuple(alg for alg in ALGORITHMS if keys.find(None, alg)) == algorithms
    assert keys.keys[0].algorithms == algorithms
    assert keys.keys[0].kid == jwk.get("kid")


@pytest.mark.parametrize(
    ("member", "reason"),
    [pytest.param(*row[2:], id=f"{row[0]} ({row[1]})") for row in [*UNUSABLE, *UNUSABLE_NUMBERS]],
)
def test_an_odd_key_is_left_out_and_spoils_nothing(member, reason):
    """CVE-2026-102274: one bad key made a whole set unusable."""
    text = json.dumps({"keys": [ed_jwk(kid="before"), member, ec_jwk(kid="after")]})
    if '"\\ud800"' in text:
        assert parse_jwk_set(text.encode()) is None  # invalid JSON by our rules
        return
    keys = parse_jwk_set(text.encode())
    assert keys is not None
    kid = member.get("kid") if isinstance(member, dict) else None
    assert keys.skipped == (SkippedKey(1, kid if isinstance(kid, str) else None, reason),)
    assert {key.kid for key in keys.keys} == {"before", "after"}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"<html></html>",
        b'{"keys":null}',
        b'{"keys":{}}',
        b'{"keys":"[]"}',
        b'{"Keys":[]}',
        b'{"keys":[],"keys":[]}',
        b'{"keys":[{"kty":"RSA","kty":"oct"}]}',
        b'{"keys":[{"kty":"RSA","n":NaN}]}',
        b'\xef\xbb\xbf{"keys":[]}',
        json.dumps(rsa_jwk()).encode(),
        json.dumps([rsa_jwk()]).encode(),
    ],
    ids=lambda body: body[:16].decode("latin-1"),
)
def test_what_is_no_jwk_set(body):
    """RFC 7517 §5, §4: names are unique."""
    assert parse_jwk_set(body) is None


def test_an_empty_set_is_a_set():
    keys = set_of()
    assert len(keys) == 0
    assert keys == JwkSet()
    assert keys.keys == ()
    assert keys.find(None, "RS256") == keys.find("a", "RS256") == ()
    assert len(set_of({"kty": "oct"}, ec_jwk(), other="member")) == 1


def test_only_so_many_keys_are_read():
    keys = set_of(*(ed_jwk(kid=str(index)) for index in range(MAX_KEYS + 1)))
    assert len(keys) == MAX_KEYS == 100
    assert "99" in {key.kid for key in keys.keys}
    assert "100" not in {key.kid for key in keys.keys}
    junk = set_of(*[{}] * MAX_KEYS, ed_jwk())
    assert len(junk) == 0
    assert len(junk.skipped) == MAX_KEYS + 1
    assert junk.skipped[-1] == SkippedKey(MAX_KEYS, None, "the set has more than 100 keys")


def test_a_token_without_kid_is_tried_with_few_keys():
    """At most 16 keys are tried."""
    keys = set_of(
        ec_jwk(),
        *(ed_jwk(ed25519.Ed25519PrivateKey.generate(), kid=str(index)) for index in range(17)),
        ed_jwk(),
    )
    found = keys.find(None, "EdDSA")
    assert [key.kid for key in found] == list(map(str, range(16)))
    assert len(found) == MAX_CANDIDATES == 16
    assert [key.kid for key in keys.find("16", "EdDSA")] == ["16"]
    assert [key.alg for key in keys.find(None, "ES256")] == ["ES256"]


def test_two_keys_of_one_kid_are_both_tried():
    """RFC 7517 §4.5: different types may share a kid, and a rotation may leave two of one type."""
    other = ed25519.Ed25519PrivateKey.generate()
    keys = set_of(ed_jwk(kid="a"), ed_jwk(other, kid="a"), ec_jwk(kid="a"), ed_jwk(kid="b"))
    found = keys.find("a", "EdDSA")
    assert len(found) == 2
    signature = make_signature("EdDSA", b"x")
    assert [key.verifies(b"x", signature) for key in found] == [True, False]
    assert [key.verifies(b"x", other.sign(b"x")) for key in found] == [False, True]
    assert len(keys.find("a", "ES256")) == 1


def test_a_kid_is_compared_to_the_letter():
    """RFC 7517 §4.5: `kid` is case-sensitive."""
    keys = set_of(ed_jwk(kid="a"), ed_jwk(kid=""), ed_jwk())
    for kid in ("A", "a ", " a", "b", "\u0430"):
        assert keys.find(kid, "EdDSA") == ()
    assert [key.kid for key in keys.find("", "EdDSA")] == [""]
    assert [key.kid for key in keys.find(None, "EdDSA")] == ["a", "", None]
    assert [key.kid for key in keys.keys] == ["a", "", None]


def test_a_bound_key_is_made_once_and_strangers_make_nothing_grow():
    keys = set_of(ed_jwk(kid="a"), rsa_jwk(kid="r"))
    assert keys.find("a", "EdDSA") is keys.find("a", "EdDSA")
    assert keys.find("a", "EdDSA")[0].alg == "EdDSA"
    assert keys.find("a", "Ed25519")[0].alg == "Ed25519"
    remembered = len(keys._found)
    for index in range(100):
        keys.find(f"unknown{index}", "EdDSA")
        keys.find("a", f"unknown{index}")
        keys.find("a", "RS256")
    assert len(keys._found) == remembered


def test_a_set_and_its_keys_cannot_be_changed():
    keys = set_of(ed_jwk(kid="a"))
    (key,) = keys.find("a", "EdDSA")
    for value, name in ((keys, "keys"), (keys.keys[0], "algorithms"), (key, "alg")):
        with pytest.raises(AttributeError):
            setattr(value, name, ())


def test_repr_shows_names_only():
    keys = set_of(ed_jwk(kid="a"))
    (key,) = keys.find("a", "EdDSA")
    assert repr(key) == "VerificationKey(kid='a', alg='EdDSA')"
    assert ed_jwk()["x"] not in repr(keys)


def test_equal_public_keys_have_equal_numbers():
    """A refresh of a set finds out by them which keys stayed."""
    before = set_of(rsa_jwk(kid="r"), ed_jwk(kid="e"))
    (rsa_key,), (ed_key,) = before.find("r", "RS256"), before.find("e", "EdDSA")
    n = RSA.public_key().public_numbers().n
    (leading_zero,) = set_of(rsa_jwk(kid="s", n=number(n, 257))).find("s", "RS256")
    assert leading_zero.numbers == rsa_key.numbers
    for other in (
        set_of(rsa_jwk(kid="r", e=number(3))).find("r", "RS256")[0],
        set_of(ed_jwk(ed25519.Ed25519PrivateKey.generate(), kid="r")).find("r", "EdDSA")[0],
    ):
        assert other.numbers not in (rsa_key.numbers, ed_key.numbers)
    assert ed_key == VerificationKey("e", "EdDSA", ed_key.numbers, lambda *_: False)


def test_a_key_that_the_library_refuses_is_no_candidate():
    """A FIPS build without Ed25519, for example, must not raise."""
    off = EcPoint(CURVES["P-256"], 1, 1)
    keys = JwkSet((Jwk("a", ("ES256",), off), Jwk("b", ("RS256",), RsaNumbers(2**2048 + 1, 2))))
    assert keys.find("a", "ES256") == ()
    assert keys.find("b", "RS256") == ()
    assert {key.kid for key in keys.keys} == {"a", "b"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
MEMBERS = ("kty", "crv", "n", "e", "x", "y", "d", "k", "kid", "alg", "use", "key_ops")


@given(
    st.sampled_from([*PUBLIC.values()]),
    st.dictionaries(
        st.sampled_from(MEMBERS),
        JSON | st.sampled_from(["RSA", "EC", "OKP", "AQAB", "sig"]),
        max_size=2,
    ),
)
def test_no_member_raises(jwk, changes):
    text = json.dumps({"keys": [jwk | changes, 1]}).encode()
    keys = parse_jwk_set(text)
    if keys is None:
        assert b"\\u" in text
        return
    assert len(keys) + len(keys.skipped) == 2
    for alg in ALGORITHMS:
        for key in keys.find(None, alg):
            assert key.verifies(b"x", b"") is False


@given(st.binary(max_size=80))
def test_no_body_raises(body):
    for text in (body, b'{"keys":[' + body + b"]}"):
        keys = parse_jwk_set(text)
        assert keys is None or isinstance(keys, JwkSet)


def test_parsing_loads_no_cryptography():
    """`import jwt` takes 83 ms, so it is deferred until the first key is used."""
    script = (
        "import json, sys\n"
        "from iiniit_guard.core.jose.jws import parse_jws\n"
        "from iiniit_guard.core.jose.jwk import read_jwk_set\n"
        "from iiniit_guard.io.effects import run\n"
        "keys = "
        f"run(read_jwk_set({json.dumps({'keys': [rsa_jwk(), ec_jwk(), ed_jwk()]}).encode()!r}), "
        "None)\n"
        "assert len(keys) == 3\n"
        "print([name for name in ('jwt', 'cryptography', 'socket', 'ssl', 'http', 'asyncio') if "
        "name in sys.modules])\n"
        "keys.find(None, 'RS256')\n"
        "print('cryptography' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


@pytest.mark.parametrize(("keys", "breaths"), [(1, 0), (8, 0), (9, 1), (16, 1), (17, 2), (100, 12)])
def test_a_long_set_is_read_eight_keys_at_a_time(keys, breaths):
    """An Ed25519 key takes 0.1 ms; other flows run in between."""
    reading = read_jwk_set(json.dumps({"keys": [{"kty": "oct"}] * keys}).encode())
    assert list(reading) == [Checkpoint()] * breaths


def test_a_key_of_another_set_is_not_put_first():
    """A refresh may replace the set between the verification and the note of it."""
    keys, others = set_of(ec_jwk(kid="1"), ec_jwk(kid="2")), set_of(ec_jwk(kid="1"))
    found = keys.find(None, "ES256")
    keys.try_first(None, others.find(None, "ES256")[0])
    keys.try_first("2", found[1])
    assert keys.find(None, "ES256") == found
    keys.try_first(None, found[1])
    assert [key.kid for key in keys.find(None, "ES256")] == ["2", "1"]
