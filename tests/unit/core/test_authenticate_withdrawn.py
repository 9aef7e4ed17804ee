"""An issuer that the callable of the application no longer returns, in the middle of a request."""

from __future__ import annotations

import pytest

from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.problem import Reason
from tests.unit.core.deciding import World, reason_of
from tests.unit.core.stepping import (
    CREDENTIALS,
    INACTIVE,
    INTROSPECT,
    ISSUER,
    JWKS,
    KEY,
    active,
    key_set,
    make_issuer,
)


class TestWithdrawn:
    """An issuer that the callable no longer returns is refused, also in the middle of a request."""

    def world(self):
        world = World(issuers=print, realm="test")
        steps = world.decide(world.mint()).send(make_issuer())
        assert isinstance(steps.send(key_set(KEY)).result, Allow)
        return world

    def test_a_request_that_shared_the_lookup_of_another_does_not_pass_later(self):
        """Its thread resumes only after a later lookup withdrew the issuer that it shares."""
        world = self.world()
        world.clock.advance(60)
        leader, follower = world.decide(world.mint(jti="1")), world.decide(world.mint(jti="2"))
        assert isinstance(leader.send(make_issuer()).result, Allow)
        world.clock.advance(60)
        assert reason_of(world.decide(world.mint(jti="3")).send(None)) is Reason.UNKNOWN_ISSUER
        assert reason_of(follower.follow()) is Reason.UNKNOWN_ISSUER

    def withdraw(self, world):
        world.clock.advance(60)
        other = world.mint(jti="other")
        assert reason_of(world.decide(other).send(None)) is Reason.UNKNOWN_ISSUER

    @pytest.mark.parametrize("jwt", ["verify", "both"])
    def test_while_its_keys_are_fetched(self, jwt):
        """With `jwt="both"`, its introspection endpoint does not receive the token."""
        world = World(issuers=print, realm="test")
        settings = {"introspection": CREDENTIALS, "jwt": jwt}
        steps = world.decide(world.mint()).send(make_issuer(**settings))
        assert steps.fetch.url == JWKS
        self.withdraw(world)
        assert reason_of(steps.send(key_set(KEY))) is Reason.UNKNOWN_ISSUER

    def test_while_a_token_is_introspected(self):
        world = World(issuers=print, realm="test")
        settings = make_issuer(introspection=CREDENTIALS, jwt="both")
        steps = world.decide(world.mint()).send(settings).send(key_set(KEY))
        assert steps.fetch.url == INTROSPECT
        self.withdraw(world)
        assert reason_of(steps.send(active(world.clock))) is Reason.INACTIVE

    @pytest.mark.parametrize(
        ("settings", "replies"),
        [
            ({}, [key_set(KEY)]),
            ({"introspection": CREDENTIALS, "jwt": "both"}, [key_set(KEY), "active"]),
            ({"introspection": CREDENTIALS, "jwt": "introspect"}, ["active"]),
            ({"introspection": CREDENTIALS, "jwt": "introspect"}, [INACTIVE]),
        ],
        ids=["keys", "both", "introspect", "inactive"],
    )
    def test_other_settings_during_a_call_are_an_outage(self, settings, replies):
        """The token may be valid with them: a 401 would make the client discard it."""
        world = World(issuers=print, realm="test")
        old, new = make_issuer(**settings), make_issuer(clock_leeway_seconds=1, **settings)
        steps = world.decide(token := world.mint()).send(old)
        *before, last = [active(world.clock) if each == "active" else each for each in replies]
        for reply in before:
            steps.send(reply)
        world.clock.advance(60)
        assert world.decide(world.mint(jti="other")).send(new).fetch
        decision = steps.send(last).result
        assert (decision.status, decision.reason) == (503, Reason.ISSUER_UNAVAILABLE)
        again = world.decide(token)
        assert again.effect, "nothing of the old settings is cached"

    def test_other_settings_during_the_call_about_an_opaque_token(self):
        world = World(issuers=print, realm="test", issuer_resolver=print)
        settings = {"introspection": CREDENTIALS}
        steps = world.decide("opaque").send(ISSUER).send(make_issuer(**settings))
        world.clock.advance(60)
        new = make_issuer(clock_leeway_seconds=1, **settings)
        assert world.decide("other").send(ISSUER).send(new).fetch
        assert steps.send(active(world.clock)).result.status == 503

    def test_after_another_request_introspected_the_token(self):
        world = World(issuers=print, realm="test")
        settings, token = make_issuer(introspection=CREDENTIALS, jwt="both"), world.mint()
        leader = world.decide(token).send(settings).send(key_set(KEY))
        follower = world.decide(token)
        assert isinstance(leader.send(active(world.clock)).result, Allow)
        self.withdraw(world)
        assert reason_of(follower.follow()) is Reason.UNKNOWN_ISSUER

    def test_after_another_request_introspected_a_jwt_unread(self):
        world = World(issuers=print, realm="test")
        settings, token = make_issuer(introspection=CREDENTIALS, jwt="introspect"), world.mint()
        leader = world.decide(token).send(settings)
        follower = world.decide(token)
        assert isinstance(leader.send(active(world.clock)).result, Allow)
        self.withdraw(world)
        assert reason_of(follower.follow()) is Reason.UNKNOWN_ISSUER

    def test_after_another_request_introspected_an_opaque_token(self):
        world = World(issuers=print, realm="test", issuer_resolver=print)
        settings = make_issuer(introspection=CREDENTIALS)
        leader = world.decide("opaque").send(ISSUER).send(settings)
        follower = world.decide("opaque").send(ISSUER)
        assert isinstance(leader.send(active(world.clock)).result, Allow)
        world.clock.advance(60)
        later = world.decide("other").send(ISSUER).send(None)
        assert reason_of(later) is Reason.UNKNOWN_ISSUER
        assert reason_of(follower.follow()) is Reason.UNKNOWN_ISSUER

    def test_a_cached_token_of_an_issuer_that_is_returned_again_is_found(self):
        world = self.world()
        token = world.mint()
        assert world.decide(token).result.cache == "miss"
        world.clock.advance(60)
        allowed = world.decide(token).send(make_issuer()).result
        assert (type(allowed), allowed.cache) == (Allow, "hit")
