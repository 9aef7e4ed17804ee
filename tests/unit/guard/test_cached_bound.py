"""A cached token that is bound to a key passes nowhere without its proof."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard import Allow, Request, TokenRefused
from iiniit_guard.testing import Issuer, dpop_proof, make_key

URL = "https://api.example/profile"


@pytest.fixture
def cached():
    """Return a guard and the bound token that it has cached."""
    issuer, key = Issuer(), make_key("ES256", "client")
    token = issuer.token(dpop_key=key)
    proof = dpop_proof(key, "GET", URL, token=token)
    fields = [(b"authorization", f"DPoP {token}".encode()), (b"dpop", proof.encode())]
    with issuer.guard(public_url="https://api.example") as guard:
        assert isinstance(guard.authenticate(Request("GET", "/profile", headers=fields)), Allow)
        yield guard, token


def test_verify_refuses_it(cached):
    guard, token = cached

    for verify in (guard.verify, lambda token: asyncio.run(guard.verify_async(token))):
        with pytest.raises(TokenRefused) as refused:
            verify(token)
        assert refused.value.reason == "unsupported_confirmation"


def test_a_caller_that_does_not_authenticate_its_sender_may_keep_it(cached):
    guard, token = cached

    kept = asyncio.run(guard._engine.verify_async(token, keep_bound=True))

    assert kept.confirmation is not None


def test_the_gateway_does_not_grant_it_from_the_cache(cached):
    guard, token = cached

    assert guard._engine.find(b"Bearer " + token.encode(), b"") is None


@pytest.mark.parametrize("kind", ["token", "opaque_token"])
def test_verify_accepts_no_bearer_token_if_proofs_are_required(kind):
    issuer = Issuer()
    token = getattr(issuer, kind)()
    with issuer.guard(dpop="required") as guard:
        for _ in range(2):  # the second time, the token is cached
            for verify in (guard.verify, lambda token: asyncio.run(guard.verify_async(token))):
                with pytest.raises(TokenRefused) as refused:
                    verify(token)
                assert refused.value.reason == "unbound_token"
