"""Responses with status 400: which of them concern the token.

tests/contract/cases/rejections.py has rows for single responses.
"""

from __future__ import annotations

import logging

import pytest

from iiniit_guard.core.issuer.client_authentication import (
    BearerToken,
    ClientSecretPost,
    PrivateKeyJwt,
    SecretFile,
    sign_in,
)
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import ReadFile
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import make_key
from tests.unit.core.introspecting import World
from tests.unit.core.stepping import DOWN, INACTIVE, ISSUER, NOW, active, answer

UNSUPPORTED = answer({"error": "unsupported_token_type"}, status=400)
INVALID = answer({"error": "invalid_request"}, status=400)


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("proof", [INACTIVE, None], ids=["inactive", "active"])
def test_any_valid_answer_proves_the_credentials(world, proof):
    assert world.ask("first").send(proof or active(world.clock)).ended
    assert world.ask("second").send(INVALID).reason is Reason.UNSUPPORTED_TOKEN_TYPE


def test_a_failure_proves_nothing_and_disproves_nothing(world):
    assert world.ask("first").send(DOWN).cause == DOWN.cause
    assert world.ask("second").send(INVALID).cause == "answer"
    assert world.ask("third").send(UNSUPPORTED).reason is Reason.UNSUPPORTED_TOKEN_TYPE
    assert world.ask("fourth").send(INVALID).cause == "answer"
    assert world.ask("fifth").send(INACTIVE).reason is Reason.INACTIVE
    assert world.ask("sixth").send(DOWN).cause == DOWN.cause
    assert world.ask("seventh").send(INVALID).reason is Reason.UNSUPPORTED_TOKEN_TYPE


def test_a_proof_belongs_to_the_secret_that_was_sent():
    world = World(introspection=ClientSecretPost("api", SecretFile("/run/secret")))

    def ask(token, secret, reply):
        steps = world.ask(token)
        assert isinstance(steps.effect, ReadFile)
        return steps.send(secret).send(reply)

    assert ask("first", b"old", INACTIVE).reason is Reason.INACTIVE
    assert ask("second", b"old\n", INVALID).reason is Reason.UNSUPPORTED_TOKEN_TYPE
    assert ask("third", b"new", INVALID).cause == "answer"
    assert ask("fourth", b"old", INVALID).reason is Reason.UNSUPPORTED_TOKEN_TYPE


def test_a_rejected_token_does_not_make_the_issuer_fail(world):
    """The status page shows `failure`, and any client can send such a token."""
    world.ask("first").send(UNSUPPORTED)
    assert world.server.failure is None
    world.ask("second").send(DOWN)
    world.ask("third").send(UNSUPPORTED)
    assert world.server.failure == DOWN


def test_a_rejection_drops_no_token_that_is_cached(world):
    """The server is asked again ahead of time about a token that is active."""
    assert isinstance(world.ask().send(active(world.clock)).result, AccessToken)
    outdated = world.clock.clock.monotonic() + 3600
    for reply in (UNSUPPORTED, INVALID):
        assert world.ask(outdated=outdated).send(reply).cause == "answer"
        assert world.remembered() is not None
        assert isinstance(world.ask().result, AccessToken)


def test_the_log_names_the_setting_once_an_hour(world, caplog):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    world.ask("first").send(UNSUPPORTED)
    world.ask("second").send(UNSUPPORTED)
    assert caplog.messages == [
        (
            f"introspection: {ISSUER} answers 400 unsupported_token_type: it does not introspect "
            'this kind of token; if it issues JWTs, set jwt="verify"'
        )
    ]
    world.clock.advance(3600)
    world.ask("third").send(INACTIVE)
    world.ask("fourth").send(INVALID)
    assert "invalid_request" in caplog.messages[1]


def _signed_in(method):
    flow = sign_in(method, ISSUER, NOW, lambda: "unique")
    with pytest.raises(StopIteration) as ended:
        next(flow)
    return ended.value.value


def test_an_assertion_is_known_by_its_key():
    """An assertion differs in each request."""
    one, two = (
        make_key("ES256", name).private_pem() for name in ("a client's", "another client's")
    )
    first = _signed_in(PrivateKeyJwt("api", one))
    assert first.fingerprint == _signed_in(PrivateKeyJwt("api", one)).fingerprint
    assert first.fingerprint != _signed_in(PrivateKeyJwt("api", two)).fingerprint
    assert first.fingerprint != _signed_in(PrivateKeyJwt("web", one)).fingerprint
    assert one not in repr(first)
    assert _signed_in(BearerToken("a")).fingerprint == _signed_in(BearerToken("a")).fingerprint
    assert _signed_in(BearerToken("a")).fingerprint != _signed_in(BearerToken("b")).fingerprint
