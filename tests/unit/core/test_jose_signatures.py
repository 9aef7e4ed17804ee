"""JSON Web Signatures: which signatures verify."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from iiniit_guard.core.jose.ec_key import CURVES, EcPoint
from iiniit_guard.core.jose.jws import ALGORITHMS, Jws, verify_signature
from tests.contract.cases.jose_checks import (
    ALPHABET,
    is_good,
    key_for,
    parsed,
    set_of,
)
from tests.contract.cases.jose_keys import (
    RSA,
    b64,
    ec_jwk,
    make_signature,
    number,
    rsa_jwk,
    signed,
    unsigned,
)

N = CURVES["P-256"].order


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_signature_is_good_under_its_own_algorithm_only(alg):
    """RFC 8725 §3.1, §2.1; CVE-2016-5431: the token's alg never selects how a key is used."""
    token = signed(alg)
    for other in ALGORITHMS:
        assert verify_signature(parsed(token), key_for(other)) is (other == alg)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_signature_made_for_another_algorithm_is_bad(alg):
    for other in ALGORITHMS:
        good = other == alg or {alg, other} == {"EdDSA", "Ed25519"}
        assert is_good(signed(alg, key_of=other), key_for(alg)) is good


SPOILED = [
    ("none of it", "Wycheproof: rejectsMissingSignature", lambda made: b""),
    ("one octet", "RFC 7518 §3", lambda made: b"\0"),
    ("the last octet missing", "Wycheproof: truncatedSignature", lambda made: made[:-1]),
    ("the first octet missing", "Wycheproof: truncatedSignature", lambda made: made[1:]),
    ("a zero octet behind", "Wycheproof: appendingZerosToSignature", lambda made: made + b"\0"),
    ("a zero octet before", "Wycheproof: prependingZerosToSignature", lambda made: b"\0" + made),
    ("half of it", "RFC 7518 §3.4", lambda made: made[: len(made) // 2]),
    ("twice", "Wycheproof: SignatureTooLong", lambda made: made * 2),
    ("zeros", "CVE-2022-21449; Wycheproof: SignatureIs0", lambda made: bytes(len(made))),
    ("one", "Wycheproof: SignatureIs1", lambda made: bytes(len(made) - 1) + b"\1"),
    ("ones", "Wycheproof: SignatureIsNotReduced", lambda made: b"\xff" * len(made)),
    (
        "the first bit",
        "Wycheproof: modifiedSignature",
        lambda made: bytes([made[0] ^ 0x80]) + made[1:],
    ),
    (
        "the last bit",
        "Wycheproof: modifiedSignature",
        lambda made: made[:-1] + bytes([made[-1] ^ 1]),
    ),
    ("reversed", "RFC 7518 §3.4: big-endian", lambda made: made[::-1]),
]


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.parametrize(
    "change", [pytest.param(row[2], id=f"{row[0]} ({row[1]})") for row in SPOILED]
)
def test_a_spoiled_signature_is_bad(alg, change):
    key = key_for(alg)
    token = signed(alg)
    jws = parsed(token)
    assert verify_signature(jws, key)
    assert not verify_signature(
        Jws(jws.header, jws.claims, jws.signing_input, change(jws.signature)), key
    )


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
def test_a_leading_zero_octet_belongs_to_the_signature(alg):
    """RFC 8017 §8.1.2, §8.2.2: OpenSSL takes a PSS signature without it, so one token had two
    spellings.
    """
    key = key_for(alg)
    candidates = (parsed(signed(alg, {"jti": str(number)})) for number in range(10_000))
    jws = next(candidate for candidate in candidates if candidate.signature[0] == 0)
    assert verify_signature(jws, key)
    assert not verify_signature(
        Jws(jws.header, jws.claims, jws.signing_input, jws.signature[1:]), key
    )


@pytest.mark.parametrize("curve", CURVES.values(), ids=lambda curve: curve.alg)
def test_r_and_s_lie_within_the_order(curve):
    """CVE-2022-21449; Wycheproof: rIsZero_sIsZero and its fifteen kin, RisTooBig, SisTooBig."""
    key, n = key_for(curve.alg), curve.order
    edges = [0, 1, n - 1, n, n + 1, curve.prime, 2 ** (8 * curve.size) - 1]
    jws = parsed(signed(curve.alg))
    for r in edges:
        for s in edges:
            forged = r.to_bytes(curve.size, "big") + s.to_bytes(curve.size, "big")
            assert not verify_signature(Jws(jws.header, {}, jws.signing_input, forged), key)
    # A number and the number plus the order are congruent; only the range check separates them.
    r, s = (
        int.from_bytes(jws.signature[: curve.size], "big"),
        int.from_bytes(jws.signature[curve.size :], "big"),
    )
    for other_r, other_s in ((r + n, s), (r, s + n)):
        if max(other_r, other_s) < 2 ** (8 * curve.size):
            forged = other_r.to_bytes(curve.size, "big") + other_s.to_bytes(curve.size, "big")
            assert not verify_signature(Jws(jws.header, {}, jws.signing_input, forged), key)


class Psychic:
    """A library with CVE-2022-21449: every signature verifies."""

    def public_key(self) -> Psychic:
        """Return the key."""
        return self

    def verify(self, *_: object) -> None:
        """Accept every signature."""


def test_r_and_s_are_compared_before_the_library_is_asked(monkeypatch):
    monkeypatch.setattr(ec, "EllipticCurvePublicNumbers", lambda *_: Psychic())
    verifies = EcPoint(CURVES["P-256"], 1, 1).bind("ES256")
    for r, s, good in (
        (0, 1, False),
        (1, 0, False),
        (1, 1, True),
        (N - 1, N - 1, True),
        (N, 1, False),
        (1, N, False),
    ):
        assert verifies(b"", r.to_bytes(32, "big") + s.to_bytes(32, "big")) is good
    for length in (0, 1, 32, 62, 63, 65, 66, 128):
        assert not verifies(b"", bytes([1]) * length)


def test_the_second_ecdsa_signature_is_good_too():
    """(r, n - s) verifies too, so the text of a token does not identify it."""
    token = signed(
        "ES256",
        change=lambda made: made[:32] + (N - int.from_bytes(made[32:], "big")).to_bytes(32, "big"),
    )
    assert is_good(token, key_for("ES256"))


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_der_is_no_jose_signature(alg):
    """RFC 7518 §3.4: r and s, concatenated."""
    size = {"ES256": 32, "ES384": 48, "ES512": 66}[alg]

    def der(made):
        return encode_dss_signature(
            int.from_bytes(made[:size], "big"), int.from_bytes(made[size:], "big")
        )

    assert not is_good(signed(alg, change=der), key_for(alg))


@pytest.mark.parametrize(
    ("alg", "salt"),
    [("PS256", 0), ("PS256", 31), ("PS256", 33), ("PS384", 32), ("PS512", 32), ("PS512", 190)],
)
def test_the_salt_is_as_long_as_the_hash(alg, salt):
    """RFC 7518 §3.5; Wycheproof: SaltLenChanged."""
    head = unsigned({"alg": alg}).rpartition(".")[0]
    assert not is_good(
        f"{head}.{b64(make_signature(alg, head.encode(), salt_length=salt))}", key_for(alg)
    )


def test_ed25519_takes_no_second_s():
    """RFC 8032 §5.1.7, §8.4."""
    order = 2**252 + 27742317777372353535851937790883648493

    def plus_order(made):
        return made[:32] + (int.from_bytes(made[32:], "little") + order).to_bytes(32, "little")

    assert not is_good(signed("EdDSA", change=plus_order), key_for("EdDSA"))


def test_a_key_of_another_owner_verifies_nothing():
    token = signed("RS256")
    other = rsa_jwk(n=number(RSA.public_key().public_numbers().n + 2))
    assert not is_good(token, key_for("RS256", other))


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_no_single_character_can_be_changed(alg):
    """RFC 7515 §2: one token, one spelling."""
    key, token = key_for(alg), signed(alg, {"sub": "x"}, kid="k")
    assert is_good(token, key)
    for position, old in enumerate(token):
        near = ALPHABET[ALPHABET.find(old) ^ 1] if old in ALPHABET else "A"
        swapped = {
            near,
            "A",
            "_",
            ".",
            "=",
            "+",
            "/",
            " ",
            "\n",
            "\0",
            "é",
            "~",
            old.swapcase(),
        } - {old}
        last = position + 1 == len(token) or token[position + 1] == "."
        for new in swapped | (set(ALPHABET) - {old} if last else set()):
            assert not is_good(token[:position] + new + token[position + 1 :], key)
        assert not is_good(token[:position] + token[position + 1 :], key)
        for added in "=.A \n":
            assert not is_good(token[:position] + added + token[position:], key)
    for added in ("=", "==", "A", ".", " ", "\n", "\0"):
        assert not is_good(token + added, key)


@given(st.data())
@settings(max_examples=200)
def test_no_change_of_a_token_is_accepted(data):
    token = signed("EdDSA")
    position = data.draw(st.integers(0, len(token)))
    length = data.draw(st.integers(0, 3))
    changed = (
        token[:position]
        + data.draw(st.text(ALPHABET + ".=", max_size=3))
        + token[position + length :]
    )
    assert is_good(changed, key_for("EdDSA")) is (changed == token)


# -- examples of the specifications


def test_curve_and_algorithm_belong_together():
    """RFC 7518 §3.4: a P-256 key makes no ES512 signature, although a library accepts it."""
    keys = set_of(ec_jwk())
    assert keys.find(None, "ES256")
    assert not keys.find(None, "ES512")
    assert not keys.find(None, "ES384")
