"""Verification of a JWT: the order of the checks, and the fetches that a token may cause."""

from __future__ import annotations

import pytest

from iiniit_guard.core.cache.entry import CacheEntry
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.verify_jwt import LONGEST_SECONDS
from iiniit_guard.testing.keys import make_key
from tests.unit.core.stepping import (
    DOWN,
    JWKS,
    KEY,
    NOW,
    OTHER_KEY,
    Steps,
    answer,
    key_set,
    make_clock,
    make_server,
    mint,
    parsed,
    verify_jwt,
)

STRANGER = make_key("ES256", "a stranger")  # uses the issuer's key IDs


def finish(steps):
    """Pass the checkpoints of a long key set."""
    while not steps.ended:
        steps.send(None)
    return steps


class World:
    def __init__(self, *keys, **settings):
        self.clock = make_clock()
        self.server = make_server(self.clock, **settings)
        if keys:
            finish(Steps(self.server.keys.get()).send(key_set(*keys)))

    def verify(self, token=None, **claims):
        return Steps(
            verify_jwt(parsed(mint(self.clock, **claims) if token is None else token), self.server)
        )

    def mint(self, *arguments, **claims):
        return mint(self.clock, *arguments, **claims)

    def grow_old(self, seconds=301):
        self.clock.advance(seconds)


@pytest.fixture
def world():
    return World(KEY)


def test_a_good_token_with_what_it_rests_on_and_how_long(world):
    """The claims are cached until `exp`, at most 5 min."""
    found = world.verify(exp=NOW + 100, nbf=NOW + 10).result
    assert isinstance(found, CacheEntry)
    assert found.token.subject == "user-1"
    assert (found.valid_from, found.valid_until) == (NOW - 20, NOW + 105)
    assert found.valid_until_monotonic == world.clock.monotonic() + LONGEST_SECONDS
    assert found.validity.valid
    assert world.verify(exp=NOW + 9999).result.valid_until == NOW + LONGEST_SECONDS


@pytest.mark.parametrize(
    ("max_age", "fraction", "lasts"),
    [(4, 0.0, 4), (1, 0.9, 1), (0.5, 0.5, 0.5), (200, 0.0, 161), (200, 0.5, 180.5)],
)
def test_it_counts_no_longer_than_the_key_set(max_age, fraction, lasts):
    """The ends of cached tokens are spread, so they are not all verified again at once."""
    world = World(keys_max_age_seconds=max_age)
    world.clock.advance(fraction)
    Steps(world.server.keys.get()).send(key_set(KEY))
    now = world.clock.clock.now()
    found = world.verify(exp=NOW + 9999).result
    assert (
        found.valid_until - now.wall,
        found.valid_until_monotonic - now.monotonic,
    ) == pytest.approx((lasts, max_age))


def test_what_needs_no_key_is_refused_without_a_fetch():
    """A token that fails local checks must not cost a fetch."""
    world = World(algorithms=["RS256"])
    assert world.verify().reason is Reason.UNSUPPORTED_ALGORITHM
    world = World()
    refused = world.verify(world.mint(header={"typ": "dpop+jwt"}))
    assert refused.reason is Reason.WRONG_TYPE
    assert refused.result.diagnosis.expected == "(no typ), at+jwt, jwt"


@pytest.mark.parametrize(
    ("typ", "generic", "strict"),
    [
        ("at+jwt", True, True),
        ("Application/AT+JWT", True, True),
        ("JWT", True, False),
        (None, True, False),
        ("logout+jwt", False, False),
    ],
)
def test_types(typ, generic, strict):
    """RFC 9068 §4."""
    for profile, good in (("generic", generic), ("rfc9068", strict)):
        world = World(KEY, profile=profile)
        steps = world.verify(world.mint(header={"typ": typ}))
        assert isinstance(steps.result, CacheEntry) is good


def test_a_bad_signature_comes_before_bad_claims(world):
    """RFC 8725 §3.10: claims are untrusted until the signature is verified."""
    assert world.verify(world.mint(STRANGER, exp=NOW - 999)).reason is Reason.BAD_SIGNATURE
    assert world.verify(exp=NOW - 999).reason is Reason.EXPIRED


def test_a_dropped_key_vouches_for_nothing(world):
    found = world.verify().result
    Steps(world.server.keys.refresh_for(world.server.keys.value)).send(key_set(OTHER_KEY))
    assert not found.validity.valid


def test_the_first_token_fetches_the_set():
    steps = World().verify()
    assert steps.fetch.url == JWKS
    assert isinstance(steps.send(key_set(KEY)).result, CacheEntry)


def test_without_a_set_nothing_is_known():
    assert World().verify().send(DOWN).cause == DOWN.cause


def test_an_unknown_key_right_after_the_fetch_it_caused_causes_no_other():
    """The first fetch counts as the forced refresh."""
    world = World()
    unknown = world.mint(OTHER_KEY)
    assert world.verify(unknown).send(key_set(KEY)).reason is Reason.UNKNOWN_KEY
    assert world.verify(unknown).reason is Reason.UNKNOWN_KEY
    world.clock.advance(30)
    assert world.verify(unknown).fetch


@pytest.mark.parametrize("age", [1, 301])
def test_a_new_key_is_found_by_the_first_token_that_it_signed(world, age):
    """OpenID Connect Core §10.1.1; the request that caused the fetch is tried once more."""
    world.grow_old(age)
    steps = world.verify(world.mint(OTHER_KEY))
    assert steps.fetch.url == JWKS
    assert isinstance(steps.send(key_set(KEY, OTHER_KEY)).result, CacheEntry)


def test_unknown_keys_cause_one_fetch_in_thirty_seconds(world):
    """PyJWT's client fetched 1,001 times for 1,001 unknown keys."""
    world.clock.advance(40)
    unknown = make_key("ES256", "tests of the core", 9)
    assert world.verify(world.mint(unknown)).send(key_set(KEY)).reason is Reason.UNKNOWN_KEY
    for number in range(1000):
        assert (
            world.verify(
                world.mint(unknown, header={"kid": str(number)})
                if number % 100 == 0
                else world.mint(unknown)
            ).reason
            is Reason.UNKNOWN_KEY
        )
    world.clock.advance(29.999)
    assert world.verify(world.mint(unknown)).reason is Reason.UNKNOWN_KEY
    world.clock.advance(0.001)
    assert world.verify(world.mint(unknown)).fetch


def test_during_the_cool_down_it_is_503_where_the_last_fetch_failed(world):
    """The key may exist: without a fetch the guard cannot refuse the token."""
    unknown = world.mint(OTHER_KEY)
    assert world.verify(unknown).send(DOWN).cause == DOWN.cause
    assert world.verify(unknown).cause == "waiting"
    assert isinstance(world.verify().result, CacheEntry), "known keys serve on"
    assert world.verify(world.mint(STRANGER)).reason is Reason.BAD_SIGNATURE
    world.clock.advance(30)
    assert world.verify(unknown).send(key_set(KEY)).reason is Reason.UNKNOWN_KEY


def test_a_known_key_never_waits_behind_an_unknown_one(world):
    """PyJWT's client holds its lock while it fetches, so every token waits for one unknown key."""
    slow = world.verify(world.mint(OTHER_KEY))
    assert slow.fetch
    assert isinstance(world.verify().result, CacheEntry)


@pytest.mark.parametrize(("age", "fetches"), [(299, False), (300, False), (301, True)])
def test_a_bad_signature_is_a_sign_of_a_replaced_key_only_where_the_set_is_old(world, age, fetches):
    world.grow_old(age)
    steps = world.verify(world.mint(STRANGER))
    assert (not steps.ended) is fetches
    if fetches:
        assert steps.send(answer({"keys": [STRANGER.jwk()]})).result.token.subject == "user-1"


def test_a_bad_signature_under_an_old_set_costs_one_fetch_and_stays_bad(world):
    world.grow_old()
    assert world.verify(world.mint(STRANGER)).send(key_set(KEY)).reason is Reason.BAD_SIGNATURE
    world.clock.advance(29)
    assert world.verify(world.mint(STRANGER)).reason is Reason.BAD_SIGNATURE


def test_no_key_id_and_no_fitting_key_that_verifies(world):
    """At most 4 keys are tried, then the key set is refreshed once."""
    anonymous = world.mint(OTHER_KEY, header={"kid": None})
    steps = world.verify(anonymous)
    assert steps.fetch
    assert isinstance(steps.send(key_set(KEY, OTHER_KEY)).result, CacheEntry)
    assert isinstance(world.verify(anonymous).result, CacheEntry)


def test_a_key_beyond_the_sixteenth_is_not_tried_without_its_name():
    """Verification is expensive, and an attacker chooses the number of tokens."""
    keys = [make_key("ES256", "tests of the core", number) for number in range(10, 27)]
    world = World(*keys)
    assert isinstance(world.verify(world.mint(keys[15], header={"kid": None})).result, CacheEntry)
    assert isinstance(world.verify(world.mint(keys[16])).result, CacheEntry)
    steps = world.verify(world.mint(keys[16], header={"kid": None})).send(key_set(*keys))
    assert finish(steps).reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("known", [True, False], ids=["a header that is cached", "one too long"])
def test_the_last_key_that_verified_is_tried_first(known):
    """A token without kid does not cost one verification for each key of the set."""
    keys = [make_key("ES256", "tests of the core", number) for number in range(10, 16)]
    world = World(*keys)
    header = {"kid": None} if known else {"kid": None, "x5c": ["x" * 2000]}
    for signer in (keys[5], keys[3]):
        token = world.mint(signer, header=header)
        entry = world.verify(token).result
        assert isinstance(entry, CacheEntry)
        found = world.server.keys.value
        assert found is not None
        first, *others = found.find(None, "ES256")
        assert first.kid == signer.kid
        assert entry.validity is world.server.keys.validity_of(first)
        assert len(others) == 5
    assert isinstance(world.verify(world.mint(keys[0], header=header)).result, CacheEntry)


def test_an_empty_set_is_an_outage_for_tokens_too(world):
    """The token may be good, so it is not refused."""
    world.clock.advance(600)
    assert world.verify().send(key_set()).cause == "answer"
    assert world.verify().cause == "waiting"


def test_all_keys_replaced_at_once(world):
    """The issuer rotates its keys without an overlap."""
    old = world.mint()
    new = world.verify(world.mint(OTHER_KEY)).send(key_set(OTHER_KEY))
    assert isinstance(new.result, CacheEntry)
    assert world.verify(old).reason is Reason.UNKNOWN_KEY


def test_the_last_signer_counts_for_its_own_key_set_only(world):
    """The issuer replaces a key that has just verified a token with the same header."""
    old = [world.mint(), world.mint(jti="another")]
    assert isinstance(world.verify(old[0]).result, CacheEntry)
    assert isinstance(world.verify(old[1]).result, CacheEntry)
    finish(Steps(world.server.keys.load()).send(key_set(OTHER_KEY)))
    steps = world.verify(old[1]).send(key_set(OTHER_KEY))
    assert steps.reason is Reason.UNKNOWN_KEY


def test_a_bad_signature_below_the_header_of_the_last_signer_is_refused(world):
    good, other = world.mint(), world.mint(jti="another")
    assert isinstance(world.verify(good).result, CacheEntry)
    mixed = f"{other.rpartition('.')[0]}.{good.rpartition('.')[2]}"
    assert world.verify(mixed).reason is Reason.BAD_SIGNATURE
    assert isinstance(world.verify(other).result, CacheEntry)
