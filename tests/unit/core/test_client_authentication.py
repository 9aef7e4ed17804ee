"""Client authentication at an introspection endpoint."""

from __future__ import annotations

import json
from base64 import b64decode
from urllib.parse import unquote_plus

import jwt
import pytest

from iiniit_guard.core.issuer.client_authentication import (
    BearerToken,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
    SecretFile,
    TlsClient,
    credential_fault,
    sign_in,
)
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.testing.keys import make_key
from tests.unit.core.stepping import ISSUER, NOW, Steps

AWKWARD = "colon:percent%plus+space ü€&="
FILE = SecretFile("/run/secret")


def begin(method):
    return Steps(sign_in(method, ISSUER, NOW + 0.9, lambda: "unique-1"))


def form_of(method):
    return dict(begin(method).result.form)


def private_jwk(key, **members):
    encoded = jwt.get_algorithm_by_name("ES256").to_jwk(key.private_key, as_dict=True)
    return {**encoded, **members}


def claims_of(assertion, key, algorithm):
    return jwt.decode(
        assertion,
        key.private_key.public_key(),
        algorithms=[algorithm],
        options={"verify_exp": False, "verify_aud": False, "verify_iat": False},
    )


@pytest.mark.parametrize(
    ("client_id", "secret", "written"),
    [
        pytest.param("api", "secret", "api:secret", id="plain"),
        pytest.param("a:b", "c:d", "a%3Ab:c%3Ad", id="colons"),
        pytest.param("api", "100%&=+ x", "api:100%25%26%3D%2B+x", id="what a form encodes"),
        pytest.param("api", "ü€", "api:%C3%BC%E2%82%AC", id="UTF-8"),
    ],
)
def test_basic_is_form_encoded_first(client_id, secret, written):
    """RFC 6749 §2.3.1, appendix B."""
    signed_in = begin(ClientSecretBasic(client_id, secret)).result
    ((name, value),) = signed_in.headers
    assert (name, signed_in.form) == ("Authorization", ())
    assert b64decode(value.removeprefix("Basic ")).decode() == written


def test_basic_arrives_as_it_was_meant():
    ((_, value),) = begin(ClientSecretBasic(AWKWARD, AWKWARD)).result.headers
    client_id, _, secret = b64decode(value.removeprefix("Basic ")).decode().partition(":")
    assert unquote_plus(client_id) == unquote_plus(secret) == AWKWARD


def test_post_puts_both_into_the_form():
    """RFC 6749 §2.3.1."""
    assert form_of(ClientSecretPost("api", AWKWARD)) == {
        "client_id": "api",
        "client_secret": AWKWARD,
    }
    assert begin(ClientSecretPost("api", "x")).result.headers == ()


def test_mutual_tls_names_the_client_alone():
    """RFC 8705 §2."""
    signed_in = begin(TlsClient("api", "/cert.pem", "/key.pem")).result
    assert (signed_in.headers, signed_in.form) == ((), (("client_id", "api"),))


def test_a_token_of_our_own():
    """RFC 7662 §2.1."""
    signed_in = begin(BearerToken("abc.def~==")).result
    assert (signed_in.headers, signed_in.form) == ((("Authorization", "Bearer abc.def~=="),), ())


@pytest.mark.parametrize("token", ["a b", "a\r\nX: y", "é", "a\x00", "", "=a"])
def test_a_token_of_our_own_that_is_none_would_break_the_header(token):
    """RFC 6750 §2.1; CWE-113."""
    steps = begin(BearerToken(FILE)).send(f"x{token}x".encode() if token else b"\n")
    assert steps.cause == "credentials"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        (algorithm, make_key(algorithm, "our client"))
        for algorithm in ("ES256", "ES384", "RS256", "PS256", "EdDSA")
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_assertion_is_signed_as_pyjwt_verifies_it(algorithm, key):
    """RFC 7523 §3."""
    form = form_of(PrivateKeyJwt("api", key.private_pem(), algorithm))
    assert form["client_id"] == "api"
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assertion = form["client_assertion"]
    assert "=" not in assertion
    assert jwt.get_unverified_header(assertion) == {"alg": algorithm, "typ": "JWT"}
    claims = claims_of(assertion, key, algorithm)
    assert claims == {
        "iss": "api",
        "sub": "api",
        "aud": ISSUER,
        "jti": "unique-1",
        "iat": NOW,
        "exp": NOW + 60,
    }


def test_an_assertion_under_the_newer_name_of_the_algorithm():
    """RFC 9864 §2.2."""
    key = make_key("Ed25519", "our client")
    assertion = form_of(PrivateKeyJwt("api", key.private_pem(), "Ed25519"))["client_assertion"]
    assert jwt.get_unverified_header(assertion)["alg"] == "Ed25519"


@pytest.mark.parametrize("as_text", [False, True], ids=["a mapping", "text"])
def test_the_key_as_a_jwk_with_its_name(as_text):
    """RFC 7517 §4.5."""
    key = make_key("ES256", "our client")
    jwk = private_jwk(key, kid="k1")
    assertion = form_of(PrivateKeyJwt("api", json.dumps(jwk) if as_text else jwk))[
        "client_assertion"
    ]
    assert jwt.get_unverified_header(assertion)["kid"] == "k1"
    assert claims_of(assertion, key, "ES256")["sub"] == "api"


def test_audience_and_key_id_can_be_set():
    key = make_key("ES256", "our client")
    method = PrivateKeyJwt(
        "api", private_jwk(key, kid="k1"), audience="https://issuer.test/introspect", key_id="k2"
    )
    assertion = form_of(method)["client_assertion"]
    assert jwt.get_unverified_header(assertion)["kid"] == "k2"
    assert claims_of(assertion, key, "ES256")["aud"] == "https://issuer.test/introspect"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        pytest.param("canary", "ES256", id="no key"),
        pytest.param("{canary", "ES256", id="no JWK"),
        pytest.param({"kty": "EC", "d": "canary"}, "ES256", id="half a JWK"),
        pytest.param(
            make_key("ES256", "our client").private_pem(), "RS256", id="a key of another type"
        ),
        pytest.param(make_key("ES256", "our client").private_pem(), "canary", id="no algorithm"),
        pytest.param("canary", "none", id="none"),
        pytest.param(make_key("ES256", "our client").jwk(), "ES256", id="a public key"),
    ],
)
def test_a_key_that_cannot_sign_is_an_outage_and_is_never_quoted(key, algorithm):
    steps = begin(PrivateKeyJwt("api", key, algorithm))
    assert (steps.cause, steps.result.retry_after_seconds) == ("credentials", 30.0)
    assert "canary" not in repr(steps.result)


@pytest.mark.parametrize(
    ("method", "content", "shown"),
    [
        (ClientSecretBasic("api", FILE), b"s3cret\r\n", "YXBpOnMzY3JldA=="),
        (ClientSecretPost("api", FILE), b" s3cret \n\n", " s3cret "),
        (BearerToken(FILE), b"s3cret", "Bearer s3cret"),
        (
            PrivateKeyJwt("api", FILE),
            make_key("ES256", "our client").private_pem().encode(),
            "client_assertion",
        ),
    ],
    ids=["basic", "post", "bearer", "private_key_jwt"],
)
def test_a_secret_in_a_file_is_read_at_each_use(method, content, shown):
    """A changed file is read again; a final line break is not part of the secret."""
    for _ in range(2):
        steps = begin(method)
        assert steps.path == "/run/secret"
        assert shown in str((steps.send(content).result.headers, steps.result.form))
    missing = Unreachable("file", "missing")
    assert begin(method).send(missing).result is missing
    assert begin(method).send(b"\xff").cause == "credentials"


@pytest.mark.parametrize(
    "method",
    [
        ClientSecretBasic("api", "canary"),
        ClientSecretPost("api", "canary"),
        PrivateKeyJwt("api", "canary"),
        PrivateKeyJwt("api", {"d": "canary"}),
        TlsClient("api", "/cert.pem", "canary"),
        BearerToken("canary"),
    ],
    ids=lambda method: type(method).__name__,
)
def test_no_repr_holds_a_secret(method):
    assert "canary" not in repr(method)
    assert credential_fault(method) is None
    if not isinstance(method, PrivateKeyJwt):
        assert "canary" not in repr(begin(method).result)


@pytest.mark.parametrize(
    ("method", "part"),
    [
        (ClientSecretBasic("", "canary"), "client_id"),
        # os.environ.get of a variable that is missing
        (ClientSecretBasic("api", None), "client_secret"),  # type: ignore[arg-type]
        (ClientSecretPost("api", ""), "client_secret"),
        # refused values
        (ClientSecretPost("api", b"canary"), "client_secret"),  # type: ignore[arg-type]
        # refused
        (ClientSecretPost(FILE, "canary"), "client_id"),  # type: ignore[arg-type]
        (PrivateKeyJwt("api", {}), "key"),
        (PrivateKeyJwt("api", "canary", algorithm=""), "algorithm"),
        (PrivateKeyJwt("api", "canary", audience=""), "audience"),
        (TlsClient("api", "/cert.pem", FILE), "key"),  # type: ignore[arg-type]  # refused
        (BearerToken(""), "token"),
    ],
)
def test_a_part_that_cannot_be_used_is_named_without_what_it_holds(method, part):
    fault = credential_fault(method)
    assert fault == f"{type(method).__name__}: {part} must be a non-empty string"


def test_files_and_mappings_can_be_used():
    for method in (
        ClientSecretBasic("api", FILE),
        PrivateKeyJwt("api", FILE, audience="a", key_id="k"),
        BearerToken(FILE),
    ):
        assert credential_fault(method) is None
