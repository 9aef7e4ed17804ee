"""The order of the checks: which issuer receives a token, and the decision."""

from __future__ import annotations

import inspect

import pytest

from iiniit_guard.core.decide import Pending, Unfinished, begin, resume
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.decision import Allow, Unavailable
from iiniit_guard.core.model.flow import Fetch
from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from iiniit_guard.core.presented import Presented
from tests.unit.core.deciding import World, reason_of
from tests.unit.core.stepping import (
    CREDENTIALS,
    DOWN,
    INACTIVE,
    INTROSPECT,
    ISSUER,
    JWKS,
    KEY,
    NOW,
    OTHER_KEY,
    active,
    bearer,
    key_set,
    mint,
)

OTHER = "https://other.test"
READ = make_policy(["user:read"])
WRITE = make_policy(["user:write"])


@pytest.fixture
def world():
    return World()


def test_miss_then_hit(world):
    token = world.mint()
    steps = world.decide(token)
    assert steps.fetch.url == JWKS
    first = steps.send(key_set(KEY)).result
    assert isinstance(first, Allow)
    assert first.token is not None
    assert (first.token.subject, first.principal, first.cache) == ("user-1", None, "miss")
    again = world.decide(token).result
    assert (again.token, again.cache) == (first.token, "hit")


@pytest.mark.parametrize("written", [b"Bearer %b", b"Bearer  %b", b"Bearer %b \t", b"bearer   %b"])
def test_a_cached_token_is_found_in_every_form_of_the_header(world, written):
    """RFC 9110 §11.4: one or more spaces follow the scheme."""
    token = world.learn(world.mint())
    request = bearer(authorization=(written % token.encode()).decode())
    assert world.decide(request).result.cache == "hit"


def test_all_but_the_signature_is_decided_again_on_a_hit(world):
    """The cache holds claims, not decisions."""
    token = world.learn(world.mint(scope="user:read"))
    assert isinstance(world.decide(token, READ).result, Allow)
    denied = world.decide(token, WRITE).result
    assert (denied.status, denied.reason, denied.cache) == (403, Reason.MISSING_SCOPE, "hit")
    assert denied.token is not None
    world.clock.advance(300)
    assert isinstance(world.decide(token).result, Allow), "exp, with its leeway"
    world.clock.advance(5)
    assert reason_of(world.decide(token)) is Reason.EXPIRED


def test_the_signature_is_looked_at_again_after_five_minutes(world):
    token = world.learn(world.mint(exp=NOW + 3600))
    world.clock.advance(299.9)
    assert world.decide(token).result.cache == "hit"
    world.clock.advance(0.1)
    assert world.decide(token).result.cache == "miss"


def test_what_a_dropped_key_vouched_for_is_gone_at_once(world):
    token = world.learn(world.mint())
    assert isinstance(
        world.decide(mint(world.clock, OTHER_KEY)).send(key_set(OTHER_KEY)).result, Allow
    )
    assert reason_of(world.decide(token)) is Reason.UNKNOWN_KEY


def test_an_outage_is_503(world):
    answer = world.decide(world.mint()).send(DOWN).result
    assert isinstance(answer, Unavailable)
    assert (answer.status, answer.reason, answer.cache) == (503, Reason.ISSUER_UNAVAILABLE, "miss")


@pytest.mark.parametrize(
    ("request_", "policy", "outcome"),
    [
        pytest.param(bearer(), ANY_TOKEN, Reason.NO_TOKEN, id="none"),
        pytest.param(
            bearer(), make_policy(anonymous=True), None, id="optional_token lets the anonymous pass"
        ),
        pytest.param(
            bearer(authorization=""),
            make_policy(anonymous=True),
            None,
            id="also with an empty field",
        ),
        *(
            pytest.param(
                bearer(authorization=value),
                make_policy(anonymous=True),
                Reason.NO_TOKEN,
                id=f"but not {value.split()[0]}",
            )
            for value in (
                "Basic eDp5",
                "Digest a=b, c=d",
                "Negotiate",
                "Token abc",
                "JWT a.b.c",
                "a.b.c",
                "Bearerx y",
            )
        ),
        pytest.param(
            bearer(authorization="DPoP a.b.c"),
            make_policy(anonymous=True),
            Reason.NO_PROOF,
            id="but never a token without its proof",
        ),
        pytest.param(
            bearer("a b"),
            make_policy(anonymous=True),
            Reason.MALFORMED_HEADER,
            id="but never a bad credential",
        ),
        pytest.param(
            bearer("opaque"),
            make_policy(anonymous=True),
            Reason.MALFORMED_TOKEN,
            id="and never a bad token",
        ),
        pytest.param(
            bearer(query=b"access_token=x"),
            make_policy(anonymous=True),
            Reason.TOKEN_IN_QUERY,
            id="nor one elsewhere",
        ),
    ],
)
def test_no_credential(world, request_, policy, outcome):
    result = world.decide(request_, policy).result
    assert result == Allow(None) if outcome is None else result.reason is outcome


def test_a_refusal_found_by_rules_stands_before_credentials_are_looked_at(world):
    """An ambiguous path is 400, with or without a token."""
    problem = PROBLEMS[Reason.AMBIGUOUS_PATH]
    assert reason_of(world.decide(bearer(), problem)) is Reason.AMBIGUOUS_PATH
    assert reason_of(world.decide(bearer("a b"), problem)) is Reason.AMBIGUOUS_PATH


def test_no_rule_is_401_without_a_token_and_403_with_one(world):
    problem = PROBLEMS[Reason.NO_RULE]
    assert reason_of(world.decide(bearer(), problem)) is Reason.NO_TOKEN
    assert reason_of(world.decide(bearer("opaque"), problem)) is Reason.MALFORMED_TOKEN
    token = world.learn(world.mint())
    denied = world.decide(token, problem).result
    assert (denied.status, denied.reason, denied.cache) == (403, Reason.NO_RULE, "hit")
    assert denied.token.subject == "user-1"


@pytest.mark.parametrize("iss", [OTHER, None, 1, ISSUER + "/"])
def test_a_strangers_token_is_refused_without_a_request(world, iss):
    assert reason_of(world.decide(world.mint(iss=iss))) is Reason.UNKNOWN_ISSUER


def test_garbage_is_refused_without_a_request():
    world = World(introspection=CREDENTIALS)
    assert (
        reason_of(world.decide(mint(world.clock, header={"alg": "none"})))
        is Reason.UNSUPPORTED_ALGORITHM
    )
    assert reason_of(world.decide(world.mint() + "~")) is Reason.MALFORMED_TOKEN


def test_an_opaque_token_where_nothing_introspects(world):
    assert reason_of(world.decide("opaque")) is Reason.MALFORMED_TOKEN


def test_an_opaque_token_is_introspected():
    world = World(introspection=CREDENTIALS)
    steps = world.decide("opaque")
    assert steps.fetch.url == INTROSPECT
    assert steps.send(active(world.clock)).result.cache == "miss"
    assert world.decide("opaque").result.cache == "hit"
    assert world.decide(world.mint()).fetch.url == JWKS, "its JWTs are verified here"


def test_introspect_asks_about_everything_where_there_is_one_issuer():
    """A JWT is introspected as if it were opaque."""
    world = World(introspection=CREDENTIALS, jwt="introspect")
    for token in (
        "opaque",
        "opaque~==",
        world.mint(iss=OTHER),
        mint(world.clock, header={"alg": "HS256"}),
        "e30.e30.e30~",
    ):
        assert world.decide(token).form["token"] == token


@pytest.mark.parametrize("alg", ["ES256", "ES256K", "HS256"])
def test_a_jws_in_another_spelling_is_not_introspected(alg):
    """RFC 7515 §2. A tolerant endpoint may keep its deny-list by the first spelling."""
    world = World(introspection=CREDENTIALS, jwt="introspect")
    token = mint(world.clock, header={"alg": alg})
    for spoiled in (
        token + "==",
        token + "~",
        token[:-1] + "~",
        token.replace(".", ".~", 1),
        token.replace(".", "~.", 1),
    ):
        assert reason_of(world.decide(spoiled)) is Reason.MALFORMED_TOKEN


def test_introspect_heeds_when_a_jwt_says_it_was_issued():
    """A young token is refused for 1 s only: a lagging replica may not know it yet."""
    world = World(introspection=CREDENTIALS, jwt="introspect")
    for iat, waits in ((NOW - 20, 1), (NOW - 99, 2)):
        token = world.mint(iat=iat)
        world.decide(token).send(INACTIVE)
        world.clock.advance(1)
        world.decide(token).send(INACTIVE)
        world.clock.advance(waits - 0.5)
        assert reason_of(world.decide(token)) is Reason.INACTIVE
        world.clock.advance(0.5)
        assert world.decide(token).fetch


def test_a_verified_token_is_compared_with_a_policy(world):
    token = AccessToken(ISSUER, scopes=frozenset({"user:read"}))
    assert READ.check(token, world.clock.wall) is None
    assert WRITE.check(token, world.clock.wall) is PROBLEMS[Reason.MISSING_SCOPE]


def test_a_request_that_ends_early_releases_its_place_at_once():
    """Its caller may keep the pending decision for longer."""
    world = World(introspection=CREDENTIALS)
    begun = begin(world.resource, Presented.of(bearer("opaque")))
    assert isinstance(begun, Unfinished)
    assert isinstance(begun.result, Pending)
    flow = resume(begun.result)
    next(flow)
    flow.close()
    assert inspect.getgeneratorstate(begun.result.flow) == inspect.GEN_CLOSED


def test_two_requests_with_one_new_token_cost_one_fetch(world):
    token = world.mint()
    first, second = world.decide(token), world.decide(token)
    assert isinstance(first.effect, Fetch)
    first.send(key_set(KEY))
    assert isinstance(second.follow().result, Allow)
