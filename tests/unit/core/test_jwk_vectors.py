"""JSON Web Keys of the specifications: their thumbprints and key sets."""

from __future__ import annotations

import pytest

from iiniit_guard.core.jose.public_key import thumbprint
from tests.contract.cases.jose_checks import set_of

RFC7638_KEY = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS"
    "oc_BJECPebWKRXjBZCiFV4n3oknjhMstn64t"
    "Z_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZg"
    "nYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
    "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
    "kEgU8awapJzKnqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}


@pytest.mark.parametrize(
    ("jwk", "expected"),
    [
        pytest.param(
            RFC7638_KEY, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", id="RFC 7638 §3.1"
        ),
        pytest.param(
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            id="RFC 8037 A.3",
        ),
    ],
)
def test_thumbprints_of_the_specifications(jwk, expected):
    assert thumbprint(set_of(jwk).keys[0].numbers) == expected


def test_the_key_set_of_rfc_7517():
    """Appendix A.1: a key for encryption and an RSA key."""
    elliptic = {
        "kty": "EC",
        "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        "use": "enc",
        "kid": "1",
    }
    keys = set_of(elliptic, RFC7638_KEY)
    (skipped,) = keys.skipped
    assert (skipped.position, skipped.kid, skipped.reason) == (0, "1", "use is enc")
    assert [key.alg for key in keys.find("2011-04-29", "RS256")] == ["RS256"]
    assert keys.find("2011-04-29", "RS384") == ()
