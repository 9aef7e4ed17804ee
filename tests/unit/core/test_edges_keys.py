"""Keys and issuers at the edges: rows that each kill one mutant."""

from __future__ import annotations

import pytest
from jwt.algorithms import get_default_algorithms

from iiniit_guard.core.application import request_issuer
from iiniit_guard.core.issuer.client_authentication import (
    ClientSecretPost,
    PrivateKeyJwt,
    SecretFile,
    sign_in,
)
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.request import Request
from iiniit_guard.errors import UsageError
from tests.unit.core.stepping import (
    ISSUER,
    KEY,
    NOW,
    Steps,
    key_set,
    make_clock,
    make_resource,
    make_server,
    mint,
    parsed,
    verify_jwt,
)


def test_a_forced_refresh_waits_for_the_very_end_of_the_cool_down():
    clock = make_clock()
    source = make_server(clock).keys

    def refresh():
        assert source.value is not None
        return Steps(source.refresh_for(source.value))

    Steps(source.get()).send(key_set(make_key_of(1)))
    clock.advance(1)
    refresh().send(key_set(make_key_of(1)))
    clock.advance(29.5)
    assert refresh().ended
    clock.advance(0.5)
    assert not refresh().ended


def make_key_of(number):
    from iiniit_guard.testing.keys import make_key

    return make_key("ES256", "edges", number)


def test_the_wait_for_anothers_keys_has_an_end():
    clock = make_clock()
    source = make_server(clock, timeout_seconds=4).keys
    leader, follower = Steps(source.get()), Steps(source.get())
    assert follower.join.timeout_seconds == 12, "two places of metadata, then the set"
    leader.send(key_set(make_key_of(1)))
    assert source.value is not None
    forcing, waiting = (
        Steps(source.refresh_for(source.value)),
        Steps(source.refresh_for(source.value)),
    )
    assert waiting.join.timeout_seconds == 12
    forcing.send(HttpResponse(500))
    result = Steps(source.refresh_for(source.value)).result
    assert (result.cause, result.detail) == (
        "waiting",
        "jwks: the last attempt failed (jwks: status 500)",
    )


def test_a_token_of_ours_in_a_file_keeps_its_last_letter():
    assert sign("X\n") == {"client_id": "api", "client_secret": "X"}


def sign(content):
    steps = Steps(
        sign_in(ClientSecretPost("api", SecretFile("/run/secret")), ISSUER, NOW, lambda: "unique")
    )
    return dict(steps.send(content.encode()).result.form)


def test_a_jwk_in_a_file_may_begin_with_a_line_break():
    from iiniit_guard.testing.keys import make_key

    key = make_key("ES256", "edges", 9)
    private = get_default_algorithms()["ES256"].to_jwk(key.private_key)
    steps = Steps(
        sign_in(
            PrivateKeyJwt("api", SecretFile("/run/key"), "ES256"), ISSUER, NOW, lambda: "unique"
        )
    )
    assert "client_assertion" in dict(steps.send(b"\n " + private.encode()).result.form)


def test_a_verified_token_proves_that_its_issuer_can_be_reached():
    clock = make_clock()
    server = make_server(clock)
    assert server.confirmed is False
    Steps(verify_jwt(parsed(mint(clock)), server)).send(key_set(KEY))
    assert server.confirmed is True


def test_an_issuer_that_is_no_text_is_a_mistake_in_words():
    resource = make_resource(make_clock(), issuer_resolver=lambda request: 7, jwt="verify")
    steps = Steps(request_issuer(Request("GET", "/"), lambda request: 7))
    with pytest.raises(UsageError) as mistake:
        steps.send(7)
    assert (
        str(mistake.value)
        == "issuer_resolver must return the issuer identifier as a string, or None"
    )
    assert resource.takes_assertions is False


def test_a_guard_that_believes_the_gateway_knows_it():
    assert make_resource(make_clock(), profile="assertion").takes_assertions is True
