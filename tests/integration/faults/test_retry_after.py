"""Every Retry-After after a failure on the wire is honest."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.decision import Allow
from tests.integration.faults.answers import seconds_told
from tests.integration.faults.test_wire import AT, new_token
from tests.integration.servers.loopback import Answer


@pytest.mark.parametrize("place", AT)
@pytest.mark.parametrize("failures", [1, 4, 5, 6, 7, 12])
def test_every_retry_after_is_honest(world, real, place, failures):
    guard = real.guard()
    real.break_at(lambda peer: peer.reset(), *AT[place])
    for _ in range(failures):
        told = seconds_told(world.decide(guard, new_token(real, place)))
        real.issuer.clock.advance(told)

    real.mend()
    assert isinstance(world.decide(guard, new_token(real, place)), Allow)
    guard.close()


@pytest.mark.parametrize("failures", [1, 4, 5, 6, 7, 12])
def test_every_retry_after_of_a_dead_server_is_honest(world, real, failures):
    """The breaker opens at the fifth, and each probe that fails doubles its pause."""
    guard = real.guard()
    world.verify(guard, real.issuer.opaque_token())
    real.die()
    for _ in range(failures):
        told = seconds_told(world.decide(guard, real.issuer.opaque_token()))
        real.issuer.clock.advance(told)

    real.come_back()
    assert isinstance(world.decide(guard, real.issuer.opaque_token()), Allow)
    guard.close()


def test_the_retry_after_for_an_unknown_key_is_honest(world, real):
    guard = real.guard()
    world.verify(guard, real.issuer.token())
    real.issuer.rotate_keys()
    real.break_at(Answer(500), "jwks")
    told = seconds_told(world.decide(guard, real.issuer.token()))

    real.mend()
    real.issuer.clock.advance(told)
    assert isinstance(world.decide(guard, real.issuer.token()), Allow)
    guard.close()
