"""Key rotation at a real server (OpenID Connect Core §10.1.1): each test counts its requests."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from iiniit_guard.core.errors import TokenRefused
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import make_key
from iiniit_guard.testing.keys import SigningKey
from tests.integration.faults.answers import seconds_told
from tests.integration.faults.worlds import request_with
from tests.integration.servers.loopback import Answer

COOLDOWN = 30
PAST_YOUTH = 301


@pytest.fixture
def guard(real, world):
    made = real.guard()
    world.verify(made, real.issuer.token())
    assert (real.asked["discovery"], real.asked["jwks"]) == (1, 1)
    yield made
    made.close()


def reason(world, guard, token):
    with pytest.raises(TokenRefused) as caught:
        world.verify(guard, token)
    return caught.value.reason


def test_a_new_key_published_before_its_use_costs_nothing(world, real, guard):
    old = real.issuer.signing_key
    real.issuer.rotate_keys()
    real.issuer.clock.advance(3_600 * 0.9)
    world.verify(guard, real.issuer.token(sign_with=old))  # the early refresh begins by now
    for _ in range(200):
        if real.asked["jwks"] == 2:
            break
        world.verify(guard, real.issuer.token(sign_with=old))
    for _ in range(200):  # it may still be under way
        world.verify(guard, real.issuer.token())
    assert real.asked["jwks"] == 2


def test_a_new_key_used_at_once(world, real, guard):
    real.issuer.rotate_keys()
    for _ in range(20):
        world.verify(guard, real.issuer.token())
    assert real.asked["jwks"] == 2


def test_an_old_key_withdrawn(world, real, guard):
    old = real.issuer.signing_key
    remembered = real.issuer.token()
    world.verify(guard, remembered)
    real.issuer.rotate_keys(keep_old=False)
    assert (
        world.verify(guard, remembered).subject == "user-1"
    )  # without a call to the server, the guard cannot know
    world.verify(guard, real.issuer.token())

    assert (
        reason(world, guard, remembered) is Reason.UNKNOWN_KEY
    )  # the tokens that the key verified are no longer cached
    assert reason(world, guard, real.issuer.token(sign_with=old)) is Reason.UNKNOWN_KEY
    assert real.asked["jwks"] == 2


def test_all_keys_replaced_again_and_again(world, real, guard):
    for number in range(5):
        old = real.issuer.token()
        world.verify(guard, old)
        real.issuer.rotate_keys(keep_old=False)
        real.issuer.clock.advance(COOLDOWN)
        world.verify(guard, real.issuer.token())
        assert reason(world, guard, old) is Reason.UNKNOWN_KEY
        assert real.asked["jwks"] == number + 2


def test_a_second_rotation_within_the_cool_down_waits_for_its_end(world, real, guard):
    real.issuer.rotate_keys(keep_old=False)
    world.verify(guard, real.issuer.token())
    real.issuer.rotate_keys(keep_old=False)
    token = real.issuer.token()
    assert reason(world, guard, token) is Reason.UNKNOWN_KEY
    assert real.asked["jwks"] == 2
    real.issuer.clock.advance(COOLDOWN)
    assert isinstance(world.decide(guard, token), Allow)
    assert real.asked["jwks"] == 3


def test_a_kid_reused_for_another_key(world, real, guard):
    old, new = real.issuer.signing_key, make_key("ES256", "reused")
    remembered = real.issuer.token(expires_in=3600)
    world.verify(guard, remembered)
    real.issuer.signing_key = SigningKey(old.kid, "ES256", new.private_key)
    real.issuer.keys = [real.issuer.signing_key]

    assert reason(world, guard, real.issuer.token()) is Reason.BAD_SIGNATURE  # the set is young
    assert real.asked["jwks"] == 1
    real.issuer.clock.advance(PAST_YOUTH)
    world.verify(guard, real.issuer.token())
    assert reason(world, guard, remembered) is Reason.BAD_SIGNATURE
    assert reason(world, guard, real.issuer.token(sign_with=old)) is Reason.BAD_SIGNATURE
    assert real.asked["jwks"] == 2


def test_a_set_that_is_withdrawn_whole_is_an_outage_and_comes_back(world, real, guard):
    remembered = real.issuer.token(expires_in=86_400)
    world.verify(guard, remembered)
    keys, real.issuer.keys = real.issuer.keys, []
    real.issuer.clock.advance(3_601)
    told = [seconds_told(world.decide(guard, remembered)) for _ in range(10)]
    assert real.asked["jwks"] == 2
    real.issuer.keys = keys
    real.issuer.clock.advance(told[-1])
    assert isinstance(world.decide(guard, remembered), Allow)


def test_a_rotation_while_the_server_is_down(world, real, guard):
    known = real.issuer.signing_key
    real.issuer.rotate_keys()
    real.die()
    new = real.issuer.token()
    told = []
    for _ in range(10):
        told.append(seconds_told(world.decide(guard, new)))
        assert isinstance(
            world.decide(guard, real.issuer.token(sign_with=known)), Allow
        )  # other tokens are not affected
    real.come_back()
    real.issuer.clock.advance(told[-1])
    assert isinstance(world.decide(guard, new), Allow)
    assert real.asked["jwks"] == 2


def test_a_thousand_unknown_keys_cost_one_fetch_whether_it_succeeds_or_fails(world, real, guard):
    for number in range(1_000):
        world.decide(guard, real.issuer.token(header={"kid": f"nobody-{number}"}))
    assert real.asked["jwks"] == 2
    real.issuer.clock.advance(COOLDOWN)
    real.break_at(Answer(500), "jwks")
    for number in range(1_000):
        world.decide(guard, real.issuer.token(header={"kid": f"nobody-{number}"}))
    assert real.asked["jwks"] == 3
    assert isinstance(world.decide(guard, real.issuer.token()), Allow)


def test_known_keys_do_not_wait_for_a_refresh_that_hangs(world, real, guard):
    hung, release = threading.Event(), threading.Event()
    real.break_at(lambda peer: (hung.set(), release.wait(10)), "jwks")
    with ThreadPoolExecutor(1) as pool:
        stranger = pool.submit(
            guard.authenticate, request_with(real.issuer.token(header={"kid": "nobody"}))
        )
        assert hung.wait(5)
        for _ in range(50):
            world.verify(guard, real.issuer.token())
        assert not stranger.done()
        release.set()
        assert stranger.result().status == 503
    assert real.asked["jwks"] <= 3  # the first; the hung one, on a kept connection; and that again
