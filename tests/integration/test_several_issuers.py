"""Claims of one issuer are never used for another: RFC 9700 §4.4, RFC 8725 §2.7 and §3.8."""

from __future__ import annotations

import pytest

from iiniit_guard import Guard
from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, SettableClock, network, trusted

ONE, TWO, THREE = "https://one.test", "https://two.test", "https://three.test"


class World:
    """Two trusted issuers and an untrusted one; all of them use the same key IDs and client IDs."""

    def __init__(self, one=None, two=None, **settings):
        self.clock = SettableClock(1_800_000_000)
        self.one = Issuer(ONE, "https://api-one.test", clock=self.clock)
        self.two = Issuer(TWO, "https://api-two.test", clock=self.clock)
        self.three = Issuer(THREE, "https://api-one.test", clock=self.clock)
        issuers = [
            trusted(self.one, **(one or {"token_prefix": "one_"})),
            trusted(self.two, **(two or {"token_prefix": "two_"})),
        ]
        self.guard = Guard(
            **{"issuers": issuers, **settings},
            clock=self.clock.clock,
            transport=network(self.one, self.two, self.three),
        )

    @property
    def asked(self):
        return [
            (issuer.issuer, kind)
            for issuer in (self.one, self.two, self.three)
            for kind in issuer.requests
        ]

    def reason(self, token):
        with pytest.raises(TokenRefused) as refused:
            self.guard.verify(token)
        return refused.value.reason


@pytest.fixture
def world():
    return World()


def test_each_issuer_is_asked_about_its_own_jwts_only(world):
    assert world.guard.verify(world.two.token()).issuer == TWO
    assert world.asked == [(TWO, "discovery"), (TWO, "jwks")]


def test_each_issuer_is_asked_about_its_own_opaque_tokens_only(world):
    assert world.guard.verify(world.one.opaque_token(prefix="one_")).issuer == ONE
    assert world.asked == [(ONE, "discovery"), (ONE, "introspection")]


FOREIGN = [
    (
        "one's iss, two's key under one's key ID",
        lambda w: w.one.token(sign_with=w.two.signing_key),
        Reason.BAD_SIGNATURE,
    ),
    (
        "two's iss, one's key",
        lambda w: w.two.token(sign_with=w.one.signing_key),
        Reason.BAD_SIGNATURE,
    ),
    (
        "one's token for two's audience",
        lambda w: w.one.token(aud="https://api-two.test"),
        Reason.WRONG_AUDIENCE,
    ),
    (
        "two's token for one's audience",
        lambda w: w.two.token(aud="https://api-one.test"),
        Reason.WRONG_AUDIENCE,
    ),
    ("a stranger's token", lambda w: w.three.token(), Reason.UNKNOWN_ISSUER),
    (
        "a stranger's token that says it is one's",
        lambda w: w.three.token(iss=ONE),
        Reason.BAD_SIGNATURE,
    ),
    ("no issuer at all", lambda w: w.one.token(iss=None), Reason.UNKNOWN_ISSUER),
    ("both issuers", lambda w: w.one.token(iss=[ONE, TWO]), Reason.UNKNOWN_ISSUER),
    ("no prefix, known to one", lambda w: w.one.opaque_token(), Reason.MALFORMED_TOKEN),
    (
        "two's prefix, known to one only",
        lambda w: w.one.opaque_token(prefix="two_"),
        Reason.INACTIVE,
    ),
    (
        "the prefix in another case",
        lambda w: w.one.opaque_token(prefix="ONE_"),
        Reason.MALFORMED_TOKEN,
    ),
    (
        "one's answer names two",
        lambda w: w.one.opaque_token(prefix="one_", iss=TWO),
        Reason.UNKNOWN_ISSUER,
    ),
    (
        "one's answer is for two's audience",
        lambda w: w.one.opaque_token(prefix="one_", aud="https://api-two.test"),
        Reason.WRONG_AUDIENCE,
    ),
]


@pytest.mark.parametrize(
    ("make", "reason"), [row[1:] for row in FOREIGN], ids=[row[0] for row in FOREIGN]
)
def test_what_one_says_does_not_count_for_another(world, make, reason):
    token = make(world)

    assert world.reason(token) == reason
    assert not world.three.requests


@pytest.mark.parametrize(
    ("make", "reason"), [row[1:] for row in FOREIGN], ids=[row[0] for row in FOREIGN]
)
def test_what_was_learned_from_both_changes_nothing(world, make, reason):
    for issuer, prefix in ((world.one, "one_"), (world.two, "two_")):
        world.guard.verify(issuer.token())
        world.guard.verify(issuer.opaque_token(prefix=prefix))

    assert world.reason(make(world)) == reason


def test_a_stranger_costs_no_request(world):
    assert world.reason(world.three.token()) == Reason.UNKNOWN_ISSUER
    assert world.reason(world.one.opaque_token()) == Reason.MALFORMED_TOKEN
    assert world.asked == []


def test_an_outage_of_one_is_no_outage_of_the_other(world):
    world.one.fail("connection")

    with pytest.raises(IssuerUnavailable):
        world.guard.verify(world.one.token())
    with pytest.raises(IssuerUnavailable):
        world.guard.verify(world.one.opaque_token(prefix="one_"))
    assert world.guard.verify(world.two.token()).issuer == TWO
    assert world.guard.verify(world.two.opaque_token(prefix="two_")).issuer == TWO


def test_a_breaker_opens_for_one_only(world):
    world.one.fail("connection", at="introspection")
    for number in range(6):
        with pytest.raises(IssuerUnavailable):
            world.guard.verify(f"one_{number}")

    world.one.requests.clear()
    with pytest.raises(IssuerUnavailable):
        world.guard.verify("one_more")
    assert world.one.requests == []
    assert world.guard.verify(world.two.opaque_token(prefix="two_")).issuer == TWO


def test_a_cooldown_holds_for_one_only(world):
    world.guard.verify(world.one.token())
    world.guard.verify(world.two.token())
    world.clock.advance(31)
    assert world.reason(world.one.token(header={"kid": "x"})) == Reason.UNKNOWN_KEY

    world.two.rotate_keys()
    assert world.guard.verify(world.two.token()).issuer == TWO


def test_metadata_of_one_cannot_lead_to_the_keys_of_another():
    world = World()
    world.one.metadata = {"issuer": TWO}

    with pytest.raises(IssuerUnavailable):
        world.guard.verify(world.one.token())


def test_settings_are_each_issuers_own():
    world = World(
        one={
            "token_prefix": "one_",
            "profile": "rfc9068",
            "scope_aliases": {"a": "b"},
            "algorithms": ["RS256"],
        },
        two={"token_prefix": "two_", "expiry_leeway_seconds": 0},
    )

    assert world.reason(world.one.token()) == Reason.UNSUPPORTED_ALGORITHM
    assert world.guard.verify(world.two.token("a")).scopes == {"a"}
    assert world.guard.verify(world.two.token(header={"typ": "JWT"})).issuer == TWO
    assert world.reason(world.two.token(expires_in=0)) == Reason.EXPIRED


def test_an_issuer_that_does_not_introspect_gets_no_opaque_token():
    world = World(one={"introspection": None}, two={"jwt": "verify"})

    assert world.guard.verify(world.two.opaque_token()).issuer == TWO
    assert world.one.requests == []


def test_jwt_introspect_among_several_goes_by_iss():
    world = World(one={"token_prefix": "one_", "jwt": "introspect"})

    assert world.guard.verify(world.one.token()).issuer == ONE
    assert world.asked == [(ONE, "discovery"), (ONE, "introspection")]
    assert world.guard.verify(world.two.token()).issuer == TWO
    assert world.reason(world.one.token(iss=None)) == Reason.UNKNOWN_ISSUER
    assert world.reason(world.two.token(iss=ONE)) == Reason.INACTIVE


def finder(world_settings):
    """A callable that returns issuers and records the requested names."""
    world = World()
    asked = []

    def find(issuer):
        asked.append(issuer)
        return trusted(world.one) if issuer == ONE else None

    world.guard = Guard(
        issuers=find,
        clock=world.clock.clock,
        transport=network(world.one, world.two, world.three),
        **world_settings,
    )
    return world, asked


def test_found_issuers_are_kept_and_strangers_for_a_minute():
    world, asked = finder({})

    assert world.guard.verify(world.one.token()).issuer == ONE
    assert world.guard.verify(world.one.token()).issuer == ONE
    for seconds in (0, 59, 1):
        world.clock.advance(seconds)
        assert world.reason(world.two.token()) == Reason.UNKNOWN_ISSUER
    assert asked == [ONE, TWO, TWO]
    assert world.two.requests == []


def test_no_opaque_token_is_shown_to_found_issuers():
    world, _asked = finder({})
    world.guard.verify(world.one.token())

    assert world.reason(world.one.opaque_token()) == Reason.MALFORMED_TOKEN
    assert "introspection" not in world.one.requests


def test_a_foreign_body_at_introspection_is_an_outage(world):
    world.one.fail(
        HttpResponse(200, (("content-type", "text/html"),), b"<title>Two</title>"),
        at="introspection",
    )

    with pytest.raises(IssuerUnavailable):
        world.guard.verify("one_x")
