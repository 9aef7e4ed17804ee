"""The in-memory issuer is as strict as real servers."""

from __future__ import annotations

import doctest
import importlib
import json
import pkgutil

import jwt
import pytest

import iiniit_guard.testing
from iiniit_guard import TokenRefused
from iiniit_guard.core.model.flow import Connection, HttpRequest, HttpResponse, Unreachable
from iiniit_guard.testing import Issuer, SettableClock, SigningKey, make_key
from tests.unit.testing.test_client_check import ask

NOW = 1_800_000_000
MODULES = [
    f"iiniit_guard.testing.{module.name}"
    for module in pkgutil.iter_modules(iiniit_guard.testing.__path__)
]


@pytest.fixture
def issuer():
    return Issuer(clock=SettableClock(NOW))


@pytest.mark.parametrize("name", ["iiniit_guard.testing", *MODULES])
def test_docstring_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_token_is_a_jwt_access_token(issuer):
    token = issuer.token("a b", subject="alice")

    header = jwt.get_unverified_header(token)
    claims = jwt.decode(
        token,
        issuer.signing_key.private_key.public_key(),
        ["ES256"],
        audience="https://api.test",
        options={"verify_iat": False},
    )

    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": "es256-1"}
    assert claims == {
        "iss": "https://issuer.test",
        "sub": "alice",
        "aud": "https://api.test",
        "client_id": "client-1",
        "scope": "a b",
        "iat": NOW,
        "exp": NOW + 300,
        "jti": "token-1",
    }


def test_token_members_can_be_replaced_and_removed(issuer):
    token = issuer.token(header={"typ": None, "x": 1}, exp=None, aud=["b"])

    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "es256-1", "x": 1}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert "exp" not in claims
    assert claims["aud"] == ["b"]


def test_token_expiry_can_be_left_out_or_lie_in_the_past(issuer):
    assert "exp" not in jwt.decode(
        issuer.token(expires_in=None), options={"verify_signature": False}
    )
    assert (
        jwt.decode(issuer.token(expires_in=-1), options={"verify_signature": False})["exp"]
        == NOW - 1
    )


def test_token_can_be_signed_by_anything(issuer):
    other = make_key("RS256", "other")

    assert jwt.get_unverified_header(issuer.token(sign_with=other))["alg"] == "RS256"
    assert issuer.token(sign_with=lambda _: b"").endswith(".")
    assert issuer.sign(b"raw", b"head", sign_with=lambda _: b"x") == "aGVhZA.cmF3.eA"
    assert issuer.sign(b"raw", b"", sign_with=lambda _: b"x") == ".cmF3.eA"


def test_skew_moves_what_the_issuer_says(issuer):
    issuer.skew_seconds = 0.5
    assert issuer.now == NOW + 0.5
    issuer.skew_seconds = 60
    assert jwt.decode(issuer.token(), options={"verify_signature": False})["iat"] == NOW + 60


def test_key_ids_and_keys_are_per_issuer():
    one, two = Issuer("https://one.test"), Issuer("https://two.test")

    assert one.signing_key.kid == two.signing_key.kid
    assert one.signing_key.jwk() != two.signing_key.jwk()


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES384", "EdDSA", "Ed25519"])
def test_keys_are_made_once_and_shown_in_public(algorithm):
    key = make_key(algorithm, "someone")

    assert make_key(algorithm, "someone") is key
    assert key.jwk()["alg"] == algorithm
    assert "d" not in key.jwk()
    assert "key_ops" not in key.jwk()
    assert key.private_pem().startswith("-----BEGIN PRIVATE KEY-----")
    assert "private" not in repr(key)


def test_one_modulus_serves_all_rsa_algorithms_of_an_owner():
    assert make_key("RS256", "someone").jwk()["n"] == make_key("PS384", "someone").jwk()["n"]
    assert make_key("RS256", "someone").jwk()["n"] != make_key("RS256", "someone", 2).jwk()["n"]


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RSA", "PS1", ""])
def test_other_algorithms_are_none_for_access_tokens(algorithm):
    with pytest.raises(ValueError, match="not a signature algorithm"):
        make_key(algorithm)


def test_rotation_keeps_or_withdraws_the_old_keys(issuer):
    first = issuer.signing_key
    second = issuer.rotate_keys()

    assert [key["kid"] for key in issuer.jwk_set()["keys"]] == ["es256-1", "es256-2"]
    assert issuer.signing_key is second is not first

    third = issuer.rotate_keys(keep_old=False)
    assert issuer.keys == [third]
    assert third.kid == "es256-3"


def test_a_key_without_kid_signs_tokens_without_kid(issuer):
    issuer.signing_key = SigningKey(None, "ES256", issuer.signing_key.private_key)

    assert "kid" not in jwt.get_unverified_header(issuer.token())
    assert "kid" not in issuer.signing_key.jwk()


def get(issuer, url):
    return issuer.handle(HttpRequest("GET", url))


@pytest.mark.parametrize(
    ("identifier", "oauth", "openid"),
    [
        (
            "https://a.test",
            "https://a.test/.well-known/oauth-authorization-server",
            "https://a.test/.well-known/openid-configuration",
        ),
        (
            "https://a.test/x/",
            "https://a.test/.well-known/oauth-authorization-server/x",
            "https://a.test/x/.well-known/openid-configuration",
        ),
    ],
)
def test_discovery_documents_are_where_the_specifications_put_them(identifier, oauth, openid):
    issuer = Issuer(identifier)

    for url in (oauth, openid):
        assert json.loads(get(issuer, url).body)["issuer"] == identifier
    issuer.documents = ["openid-configuration"]
    assert get(issuer, oauth).status == 404
    assert get(issuer, openid).status == 200
    assert issuer.requests == ["discovery"] * 4


def test_metadata_can_be_changed(issuer):
    issuer.metadata = {"jwks_uri": "https://keys.test/", "introspection_endpoint": None}

    document = json.loads(get(issuer, f"{issuer.issuer}/.well-known/openid-configuration").body)

    assert document["jwks_uri"] == "https://keys.test/"
    assert "introspection_endpoint" not in document
    assert get(issuer, "https://keys.test/").status == 200
    assert get(issuer, f"{issuer.issuer}/jwks").status == 200
    assert get(issuer, f"{issuer.issuer}/elsewhere").status == 404
    assert issuer.requests == ["discovery", "jwks", "jwks", "other"]


def test_jwk_set_has_odd_keys_and_caching(issuer):
    issuer.odd_keys.append({"kty": "oct"})

    answer = get(issuer, f"{issuer.issuer}/jwks")

    assert json.loads(answer.body)["keys"] == [issuer.signing_key.jwk(), {"kty": "oct"}]
    assert answer.header("cache-control") == "max-age=3600"
    issuer.cache_control = None
    assert get(issuer, f"{issuer.issuer}/jwks").header("cache-control") is None


def test_introspection_knows_tokens_until_they_expire_or_are_revoked(issuer):
    jwt_token, opaque = issuer.token(), issuer.opaque_token(prefix="at_", username="alice")

    assert opaque.startswith("at_")
    assert issuer.introspect(jwt_token)["active"] is True
    assert issuer.introspect(opaque)["username"] == "alice"
    assert issuer.introspect("another") == {"active": False}

    issuer.revoke(opaque)
    assert issuer.introspect(opaque) == {"active": False}
    issuer.clock.advance(299)
    assert issuer.introspect(jwt_token)["active"] is True
    issuer.clock.advance(1)
    assert issuer.introspect(jwt_token) == {"active": False}
    issuer.notices_expiry = False
    assert issuer.introspect(jwt_token)["active"] is True


def test_introspection_cannot_expire_what_is_no_time(issuer):
    assert issuer.introspect(issuer.opaque_token(exp="tomorrow"))["active"] is True


@pytest.mark.parametrize("mode", ["connection", "tls", "protocol", "too_large", "timeout"])
def test_fail_without_an_answer(issuer, mode):
    issuer.fail(mode)

    answer = get(issuer, f"{issuer.issuer}/jwks")

    assert isinstance(answer, Unreachable)
    assert answer.cause == mode


@pytest.mark.parametrize(
    ("mode", "status", "body"),
    [
        ("500", 500, b"out of order"),
        ("array", 200, b"[]"),
        ("empty", 200, b""),
        ("redirect", 302, b""),
    ],
)
def test_fail_with_an_answer(issuer, mode, status, body):
    issuer.fail(mode)

    answer = get(issuer, f"{issuer.issuer}/jwks")

    assert (answer.status, answer.body) == (status, body)


def test_fail_takes_time(issuer):
    url = f"{issuer.issuer}/jwks"
    issuer.fail("timeout")
    issuer.handle(HttpRequest("GET", url, connection=Connection(timeout_seconds=7)))
    assert issuer.clock.wall() == NOW + 7

    issuer.fail("slow")
    assert get(issuer, url).status == 200
    assert issuer.clock.wall() == NOW + 11


def test_fail_at_one_endpoint_and_heal(issuer):
    own = HttpResponse(204)
    issuer.fail("500", at="introspection")
    issuer.fail(own, at="other")

    assert get(issuer, f"{issuer.issuer}/jwks").status == 200
    assert ask(issuer, token="t").status == 500
    assert get(issuer, f"{issuer.issuer}/x") is own
    issuer.fail(None)
    assert ask(issuer, token="t").status == 401


@pytest.mark.parametrize("mode", ["on fire", "5000", "5xx", ""])
def test_fail_knows_its_modes(issuer, mode):
    with pytest.raises(ValueError, match="unknown failure"):
        issuer.fail(mode)


def test_clock_moves_only_when_told():
    clock = SettableClock(NOW)
    clock.advance(10)
    clock.set_wall(NOW)

    assert (clock.clock.wall(), clock.clock.monotonic()) == (NOW, 1010.0)
    assert SettableClock().wall() % 1 == 0


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_two_issuers_never_share_a_key(algorithm):
    """A token of the second issuer has the same `iss` and `kid`, but another signature."""
    one, two = Issuer(algorithm=algorithm), Issuer(algorithm=algorithm)

    with one.guard() as guard, pytest.raises(TokenRefused) as caught:
        guard.verify(two.token())
    assert caught.value.reason == "bad_signature"
    assert one.rotate_keys().jwk() != two.rotate_keys().jwk()
    assert one.client_check.client_key.jwk() != two.client_check.client_key.jwk()


def test_an_issuer_uses_the_given_key():
    key = make_key("RS256", "someone")
    assert Issuer(signing_key=key).signing_key is key
