"""The selection of the issuer of a token, and entries that depend on several checks."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.verify import verify
from iiniit_guard.errors import UsageError
from iiniit_guard.testing.dpop import dpop_proof, key_thumbprint
from tests.unit.core.deciding import World, reason_of
from tests.unit.core.stepping import (
    API,
    CREDENTIALS,
    INACTIVE,
    INTROSPECT,
    ISSUER,
    JWKS,
    KEY,
    NOW,
    OTHER_KEY,
    Steps,
    active,
    bearer,
    key_set,
    make_issuer,
    mint,
)

OTHER = "https://other.test"


class TestBoth:
    """`jwt="both"`: a JWT is verified first, so a bad one costs no call, and then introspected."""

    def test_garbage_costs_no_call(self):
        world = World(introspection=CREDENTIALS, jwt="both")
        world.decide(world.mint()).send(key_set(KEY))
        assert (
            reason_of(world.decide(mint(world.clock, OTHER_KEY, {"kid": KEY.kid})))
            is Reason.BAD_SIGNATURE
        )
        assert reason_of(world.decide(world.mint(exp=NOW - 5))) is Reason.EXPIRED

    def test_a_good_one_is_asked_about(self):
        world = World(introspection=CREDENTIALS, jwt="both")
        token = world.mint()
        steps = world.decide(token).send(key_set(KEY))
        assert steps.fetch.url == INTROSPECT
        assert isinstance(steps.send(active(world.clock)).result, Allow)
        assert world.decide(token).result.cache == "hit"

    def test_revoked_is_refused(self):
        world = World(introspection=CREDENTIALS, jwt="both")
        assert (
            reason_of(world.decide(world.mint()).send(key_set(KEY)).send(INACTIVE))
            is Reason.INACTIVE
        )

    @pytest.mark.parametrize(("elapsed", "held"), [(14, True), (15, False), (16, False)])
    def test_the_tokens_own_exp_ends_it_where_the_answer_names_none(self, elapsed, held):
        """The delay or `exp`, whichever is earlier."""
        world = World(introspection=CREDENTIALS, jwt="both")
        token = world.mint(exp=NOW + 10)
        world.decide(token).send(key_set(KEY)).send(active(world.clock, exp=None))
        world.clock.advance(elapsed)
        assert (world.resource.find(digest_of(token)) is not None) is held

    def test_the_revocation_delay_ends_it(self):
        """Not the five minutes after which a signature is verified again."""
        world = World(introspection=CREDENTIALS, jwt="both")
        token = world.mint()
        world.decide(token).send(key_set(KEY)).send(active(world.clock))
        world.clock.advance(59)
        assert world.decide(token).result.cache == "hit"
        world.clock.advance(1)
        assert reason_of(world.decide(token).send(INACTIVE)) is Reason.INACTIVE

    def test_a_dropped_key_ends_it(self):
        """A dropped key ends every entry that it verified at once."""
        world = World(introspection=CREDENTIALS, jwt="both")
        token = world.mint()
        world.decide(token).send(key_set(KEY)).send(active(world.clock))
        assert (
            world.decide(mint(world.clock, OTHER_KEY)).send(key_set(OTHER_KEY)).fetch.url
            == INTROSPECT
        )
        assert world.resource.find(digest_of(token)) is None

    def test_a_clock_set_back_does_not_make_it_outlive_the_key_set(self):
        """RFC 9111 §4.2; each clock alone ends it."""
        world = World(
            introspection=CREDENTIALS,
            jwt="both",
            revocation_delay_seconds=600,
            keys_max_age_seconds=100,
        )
        token = world.mint(exp=NOW + 9999)
        world.decide(token).send(key_set(KEY)).send(active(world.clock, exp=NOW + 9999))
        world.clock.advance(99)
        world.clock.set_wall(NOW)
        assert world.resource.find(digest_of(token)) is not None
        world.clock.advance(1)
        assert world.resource.find(digest_of(token)) is None

    def test_a_clock_set_back_to_before_the_token_refuses_it(self):
        world = World(introspection=CREDENTIALS, jwt="both")
        token = world.mint(nbf=NOW)
        world.decide(token).send(key_set(KEY)).send(active(world.clock))
        world.clock.set_wall(NOW - 31)
        assert world.resource.find(digest_of(token)) is None


class TestSeveralIssuers:
    """A server must not receive a token that it did not issue."""

    def world(self):
        mine = make_issuer(introspection=CREDENTIALS, token_prefix="one_")
        other = make_issuer(
            issuer=OTHER,
            jwks_uri=f"{OTHER}/jwks",
            introspection=CREDENTIALS,
            introspection_endpoint=f"{OTHER}/i",
            token_prefix="two_",
            jwt="introspect",
        )
        return World(issuers=[mine, other])

    def test_a_jwt_goes_to_the_issuer_it_names(self):
        world = self.world()
        assert world.decide(world.mint()).fetch.url == JWKS
        assert world.decide(world.mint(iss=OTHER)).fetch.url == f"{OTHER}/i"
        assert (
            reason_of(world.decide(world.mint(iss="https://third.test"))) is Reason.UNKNOWN_ISSUER
        )

    def test_an_opaque_token_goes_where_its_prefix_says(self):
        world = self.world()
        assert world.decide("one_x").fetch.url == INTROSPECT
        assert world.decide("two_x").fetch.url == f"{OTHER}/i"
        assert reason_of(world.decide("three_x")) is Reason.MALFORMED_TOKEN

    def test_what_was_learned_of_one_does_not_answer_for_the_other(self):
        world = self.world()
        assert isinstance(world.decide(world.mint()).send(key_set(KEY)).result, Allow)
        assert world.decide(world.mint(iss=OTHER)).fetch


class TestResolver:
    """Where the request selects the issuer, the issuer is resolved before any cache is read."""

    def world(self, **more):
        mine = make_issuer(introspection=CREDENTIALS)
        other = make_issuer(
            issuer=OTHER,
            introspection=CREDENTIALS,
            introspection_endpoint=f"{OTHER}/i",
            jwt="introspect",
        )
        return World(
            issuers=[mine, other, make_issuer(issuer="https://third.test")],
            issuer_resolver=print,
            **more,
        )

    def test_each_opaque_token_is_shown_to_the_one_that_the_request_named(self):
        world = self.world()
        request = bearer("opaque")
        steps = world.decide(request)
        assert (steps.asked.function, steps.asked.arguments) == (print, (request,))
        assert steps.send(ISSUER).fetch.url == INTROSPECT
        assert isinstance(steps.send(active(world.clock)).result, Allow)
        assert world.decide(request).send(ISSUER).result.cache == "hit"
        assert world.decide(request).send(OTHER).fetch.url == f"{OTHER}/i", (
            "what one vouched for does not answer for another"
        )

    def test_a_bound_token_is_shown_to_the_one_that_the_request_named(self):
        """The check of its proof computes a digest that does not depend on the issuer."""
        world = self.world(public_url=API)
        cnf = {"jkt": key_thumbprint(KEY)}

        def decide(named):
            made = dpop_proof(KEY, "GET", f"{API}/v1/user/profile", "opaque", clock=world.clock)
            return world.decide(bearer(authorization="DPoP opaque", dpop=made)).send(named)

        steps = decide(ISSUER)
        assert isinstance(steps.send(active(world.clock, cnf=cnf)).result, Allow)
        assert decide(ISSUER).result.cache == "hit"
        steps = decide(OTHER)
        assert steps.fetch.url == f"{OTHER}/i"
        assert reason_of(steps.send(INACTIVE)) is Reason.INACTIVE

    def test_a_jwt_must_come_from_the_one_that_the_request_named(self):
        world = self.world()
        assert (
            reason_of(world.decide(world.mint()).send("https://third.test"))
            is Reason.UNKNOWN_ISSUER
        )
        assert world.decide(world.mint()).send(ISSUER).fetch.url == JWKS
        assert world.decide(world.mint(iss=ISSUER)).send(OTHER).fetch.url == f"{OTHER}/i"

    @pytest.mark.parametrize("token", ["opaque", "jwt"])
    def test_a_request_of_nobody(self, token):
        world = self.world()
        token = token if token == "opaque" else world.mint(iss="https://fourth.test")
        assert reason_of(world.decide(token).send(None)) is Reason.UNKNOWN_ISSUER
        assert reason_of(world.decide(token).send("https://fourth.test")) is Reason.UNKNOWN_ISSUER

    def test_an_opaque_token_for_one_that_does_not_introspect(self):
        assert (
            reason_of(self.world().decide("opaque").send("https://third.test"))
            is Reason.MALFORMED_TOKEN
        )

    @pytest.mark.parametrize(
        ("iss", "required", "expected"),
        [
            (ISSUER, "https://third.test", "https://third.test"),
            ("https://fourth.test", "https://fourth.test", f"{ISSUER}, {OTHER}, "),
        ],
    )
    def test_the_log_names_the_required_issuer_or_the_trusted_ones(self, iss, required, expected):
        world = self.world()
        token = world.mint(iss=iss).encode()
        steps = Steps(verify(token, digest_of(token.decode(), required), world.resource, required))
        assert steps.reason is Reason.UNKNOWN_ISSUER
        assert steps.result.diagnosis.received == iss
        assert steps.result.diagnosis.expected.startswith(expected)

    def test_an_answer_that_is_no_text_is_a_mistake_in_the_code(self):
        with pytest.raises(UsageError, match="issuer_resolver"):
            self.world().decide("opaque").send(7)


def test_a_broken_jwt_is_refused_unread_where_another_issuer_sees_some():
    """One of two issuers introspects its JWTs. A malformed JWS names neither issuer."""
    asked = make_issuer(introspection=CREDENTIALS, jwt="introspect")
    world = World(issuers=[asked, make_issuer(issuer=OTHER)])
    token = mint(world.clock, header={"alg": "none"})
    assert reason_of(world.decide(token)) is Reason.UNSUPPORTED_ALGORITHM
