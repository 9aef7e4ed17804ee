"""The second spelling (r, n - s) of an ECDSA signature: it verifies, and ends with the first."""

from __future__ import annotations

import pytest

from iiniit_guard import TokenRefused
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.jose.ec_key import CURVES
from iiniit_guard.core.jose.jws import verify_signature
from iiniit_guard.core.jose.second_spelling import second_spelling
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from iiniit_guard.testing.jws import encode
from iiniit_guard.testing.keys import make_key
from tests.contract.cases.jose_keys import unsigned
from tests.unit.core.introspecting import World
from tests.unit.core.stepping import (
    INACTIVE,
    ISSUER,
    KEY,
    Steps,
    active,
    key_set,
    make_clock,
    mint,
    parsed,
    verify_jwt,
)
from tests.unit.core.test_introspection_shared import Process, Store


def spellings(clock, **more):
    token = mint(clock, **more)
    other = second_spelling(token)
    assert other is not None
    return token, other


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_both_spellings_verify_and_each_is_that_of_the_other(algorithm):
    """RFC 7518 §3.4: no form is preferred, and signatures with a high s are good."""
    key = make_key(algorithm, "second spelling")
    token, other = spellings(make_clock(), key=key)
    keys = Steps(World(algorithms=[algorithm]).server.keys.get()).send(key_set(key)).result
    for each in (token, other):
        (fitting,) = keys.find(parsed(each).header.kid, algorithm)
        assert verify_signature(parsed(each), fitting)
    assert other != token
    assert second_spelling(other) == token


ES256K_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.mark.parametrize(
    ("alg", "size", "s", "other"),
    [
        ("ES256", 32, 1, CURVES["P-256"].order - 1),
        ("ES256K", 32, 5, ES256K_ORDER - 5),
        ("ES512", 66, CURVES["P-521"].order - 1, 1),
        ("ES256", 32, 0, None),
        ("ES256", 32, CURVES["P-256"].order, None),
        ("ES384", 32, 1, None),
        ("ES256", 33, 1, None),
        ("RS256", 32, 1, None),
        ("EdDSA", 32, 1, None),
        ("none", 32, 1, None),
        (["ES256"], 32, 1, None),
        (None, 32, 1, None),
    ],
)
def test_the_numbers(alg, size, s, other):
    head = unsigned({"alg": alg}).rpartition(".")[0] + "."
    r = b"r" * size
    spelled = None if other is None else head + encode(r + other.to_bytes(size, "big"))
    assert second_spelling(head + encode(r + s.to_bytes(size, "big"))) == spelled


@pytest.mark.parametrize(
    "token",
    ["opaque", "", "..", "a.b.c", "W10.e30.AAAA", unsigned({"alg": "ES256"})[:-4] + "A"],
    ids=repr,
)
def test_what_has_none(token):
    assert second_spelling(token) is None


@pytest.mark.parametrize("issuer", [None, ISSUER])
def test_its_digest_names_the_issuer_where_the_token_s_does(issuer):
    """If the request names the issuer, the cache keys of both spellings include the issuer."""
    world = World(jwt="introspect")
    token, other = spellings(world.clock)
    digests = {named: digest_of(other, named) for named in (None, ISSUER)}
    asked = Steps(introspect(token, digest_of(token, issuer), world.server, world.cache))
    assert asked.send(INACTIVE).reason is Reason.INACTIVE
    refused = {named for named, key in digests.items() if world.server.refused.get(key)}
    assert refused == {issuer}


def deadline(world, token):
    entry = world.cache.find(digest_of(token))
    assert entry is not None
    return entry.valid_until_monotonic


@pytest.mark.parametrize("first", [0, 1], ids=["as issued", "as computed"])
def test_an_inactive_answer_ends_a_remembered_second_spelling(first):
    world = World(jwt="introspect")
    both = spellings(world.clock)
    asked, other = both[first], both[1 - first]
    for each in both:
        assert isinstance(world.ask(each).send(active(world.clock)).result, AccessToken)
    world.clock.advance(30)
    assert (
        world.ask(asked, outdated=deadline(world, asked)).send(INACTIVE).reason is Reason.INACTIVE
    )
    assert world.remembered(other) is None
    for _ in range(3):
        assert world.ask(other).reason is Reason.INACTIVE, "and no call is made"
        world.clock.advance(3600)


def test_it_ends_though_it_was_never_seen():
    """A deny-list of token texts does not contain it."""
    world = World(jwt="introspect")
    token, other = spellings(world.clock)
    world.end(token)
    world.clock.advance(3600)
    assert world.ask(other).reason is Reason.INACTIVE


@pytest.mark.parametrize("jwt", ["introspect", "both"])
def test_it_is_asked_about_anew_where_it_alone_was_ever_good_here(jwt):
    """A server that looks up tokens by text knows one spelling and calls the other inactive."""
    world = World(jwt=jwt)
    Steps(world.server.keys.get()).send(key_set(KEY))
    token, other = spellings(world.clock)
    verified = Steps(verify_jwt(parsed(token), world.server)).result if jwt == "both" else None
    assert isinstance(world.ask(other).send(active(world.clock)).result, AccessToken)
    assert world.ask(token, verified=verified).send(INACTIVE).reason is Reason.INACTIVE
    assert world.remembered(other) is None
    world.clock.advance(1)
    assert isinstance(world.ask(other).send(active(world.clock)).result, AccessToken)
    assert world.remembered(other) is not None


def test_no_older_answer_counts_where_it_is_asked_about_anew():
    world = World(jwt="introspect")
    token, other = spellings(world.clock)
    assert isinstance(world.ask(other).send(active(world.clock)).result, AccessToken)
    late = world.ask(other, outdated=deadline(world, other))
    assert world.ask(token).send(INACTIVE).reason is Reason.INACTIVE
    world.clock.advance(1)
    assert late.send(active(world.clock)).reason is Reason.INACTIVE
    assert world.remembered(other) is None


def test_a_mark_is_not_shortened_by_what_comes_late():
    world = World(jwt="introspect")
    _, other = spellings(world.clock)
    world.server.tombstones.end(digest_of(other))
    world.server.tombstones.add(digest_of(other))
    assert world.server.tombstones.is_ended(digest_of(other))
    assert world.ask(other).reason is Reason.INACTIVE


def test_garbage_writes_nothing_into_the_store():
    clock, store = make_clock(), Store()
    process = Process(clock, store, jwt="introspect")
    token, other = spellings(clock)
    assert process.learn(INACTIVE, token).reason is Reason.INACTIVE
    assert store.values == {}
    process.clock.advance(10)
    process.learn(active(clock), other)
    process.learn(INACTIVE, token)
    assert len(store.values) == 2, "the answer, and that it ended"


def test_it_ends_where_the_issuer_s_signature_was_verified():
    world = World(jwt="both")
    Steps(world.server.keys.get()).send(key_set(KEY))
    token, other = spellings(world.clock)
    verified = Steps(verify_jwt(parsed(token), world.server)).result
    assert world.ask(token, verified=verified).send(INACTIVE).reason is Reason.INACTIVE
    world.clock.advance(3600)
    assert world.ask(other, verified=verified).reason is Reason.INACTIVE


def test_garbage_leaves_no_lasting_mark():
    """Otherwise a flood of forged tokens would evict the tombstones of real ones."""
    world = World(jwt="introspect")
    token, other = spellings(world.clock)
    assert world.ask(token).send(INACTIVE).reason is Reason.INACTIVE
    assert world.ask(other).reason is Reason.INACTIVE
    world.clock.advance(10)
    assert world.ask(other).fetch
    assert not world.server.tombstones.any_spelling


def test_an_answer_that_was_asked_for_before_does_not_bring_it_back():
    world = World(jwt="introspect")
    token, other = spellings(world.clock)
    late = world.ask(other)
    world.end(token)
    assert late.send(active(world.clock)).reason is Reason.INACTIVE
    assert world.remembered(other) is None


def test_it_is_good_again_when_the_server_calls_the_first_active_again():
    """A replica that lagged behind, for example."""
    world = World(jwt="introspect")
    token, other = spellings(world.clock)
    world.end(token)
    world.clock.advance(10)
    assert isinstance(world.ask(token).send(active(world.clock)).result, AccessToken)
    assert isinstance(world.ask(other).send(active(world.clock)).result, AccessToken)
    assert isinstance(world.ask("opaque").send(active(world.clock)).result, AccessToken)


def test_a_usual_tombstone_is_not_lifted():
    """A token that ended by itself stays ended for answers to earlier requests."""
    world = World(jwt="introspect")
    token, other = spellings(world.clock)
    world.server.tombstones.end(digest_of("something"))
    world.server.tombstones.add(digest_of(other))
    assert isinstance(world.ask(token).send(active(world.clock)).result, AccessToken)
    assert world.server.tombstones.supersedes(digest_of(other), world.clock.monotonic())


def test_the_store_does_not_bring_it_back():
    clock, store = make_clock(), Store()
    one, two = (Process(clock, store, jwt="introspect") for _ in range(2))
    token, other = spellings(clock)
    one.learn(active(clock), token)
    two.learn(active(clock), other)
    clock.advance(30)
    assert Process(clock, store, jwt="introspect").ask(other).ended, "the store has it"
    remembered = one.resource.cache.find(digest_of(token))
    assert remembered is not None
    asked = store.serve(
        Steps(
            introspect(
                token,
                digest_of(token),
                one.server,
                one.resource.cache,
                outdated=remembered.valid_until_monotonic,
            )
        )
    )
    assert store.serve(asked.send(INACTIVE)).reason is Reason.INACTIVE
    assert Process(clock, store, jwt="introspect").ask(other).fetch, "the server is asked"


def test_with_a_server_that_keeps_its_deny_list_by_the_text():
    issuer = Issuer()
    guard = issuer.guard(jwt="both")
    token = issuer.token(expires_in=3600)
    other = second_spelling(token)
    assert other is not None
    issuer._known[other] = issuer._known[token]
    assert guard.verify(token)
    assert guard.verify(other)
    issuer.revoke(token)
    issuer.clock.advance(61)
    for _ in range(2):
        for each in (token, other):
            with pytest.raises(TokenRefused) as refused:
                guard.verify(each)
            assert refused.value.reason is Reason.INACTIVE
        issuer.clock.advance(600)
