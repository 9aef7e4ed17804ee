"""The example signatures of RFC 7515 and RFC 8037."""

from __future__ import annotations

import base64
import json

import pytest

from iiniit_guard.core.jose.jws import JoseHeader, Jws, verify_signature
from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.jose_checks import (
    ALL,
    key_for,
    parsed,
    reason_of,
)
from tests.contract.cases.jws_texts import parse_jws


def split(token):
    """Split a token whose payload is not a JSON object, such as the examples of the RFCs."""
    header, _, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
    return Jws(
        JoseHeader(json.loads(header)["alg"]), {}, token.rpartition(".")[0].encode(), signature
    )


RFC7515_A2 = (
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF"
    "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt"
    "_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4"
    "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOL"
    "n6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv"
    "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
RFC7515_A2_KEY = {
    "kty": "RSA",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"
    "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOW"
    "vG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTB"
    "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT"
    "6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e": "AQAB",
}
RFC7515_A3 = (
    "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF"
    "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
RFC7515_A3_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC8037_A4 = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)
RFC8037_A2_KEY = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}


@pytest.mark.parametrize(
    ("token", "jwk", "alg"),
    [(RFC7515_A2, RFC7515_A2_KEY, "RS256"), (RFC7515_A3, RFC7515_A3_KEY, "ES256")],
    ids=["RFC 7515 A.2", "RFC 7515 A.3"],
)
def test_the_examples_of_rfc_7515_are_good(token, jwk, alg):
    jws = parsed(token)
    assert jws.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}
    assert verify_signature(jws, key_for(alg, jwk))


def test_the_example_of_rfc_8037_is_good():
    """Appendix A.4; its payload is text, so it is not a token, but its signature verifies."""
    assert verify_signature(split(RFC8037_A4), key_for("EdDSA", RFC8037_A2_KEY))
    assert reason_of(parse_jws(RFC8037_A4, ALL)) is Reason.MALFORMED_TOKEN


def test_the_hmac_and_the_unsigned_example_are_refused():
    """RFC 7515 A.1 and A.5, RFC 7519 §6.1."""
    payload = RFC7515_A2.split(".")[1]
    for token in (
        (
            f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{payload}."
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        ),
        f"eyJhbGciOiJub25lIn0.{payload}.",
    ):
        assert reason_of(parse_jws(token, ALL)) is Reason.UNSUPPORTED_ALGORITHM
