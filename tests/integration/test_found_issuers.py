"""Issuers that a callable finds: the delay of a withdrawal, the information for clients, and the
cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from iiniit_guard import AccessToken, Allow, Deny, Guard, Request
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.errors import TokenRefused
from iiniit_guard.core.model.flow import HttpRequest
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, SettableClock, network, trusted
from tests.unit.guard.calling import begin

KNOWN, UNKNOWN = "https://known.test", "https://unknown.test"


class World:
    """One issuer that the callable knows until the test removes it, and an unknown one."""

    def __init__(
        self, *, issuer_settings: Mapping[str, Any] | None = None, **settings: Any
    ) -> None:
        self.clock = SettableClock(1_800_000_000)
        self.known, self.unknown = (Issuer(name, clock=self.clock) for name in (KNOWN, UNKNOWN))
        self.settings: dict[str, Any] | None = {**(issuer_settings or {})}
        self.asked: list[str] = []
        self.network: Callable[[HttpRequest], Any] = network(self.known, self.unknown)
        self.events: list[Any] = []
        self.guard = Guard(
            **{"issuers": self.find, "realm": "test", "on_event": self.events.append, **settings},
            clock=self.clock.clock,
            transport=self.network,
        )

    def find(self, issuer: str) -> object:
        self.asked.append(issuer)
        return (
            None
            if issuer != KNOWN or self.settings is None
            else trusted(self.known, **self.settings)
        )

    def decide(self, token: str, method: str = "GET", host: bytes = b"") -> Any:
        headers = [(b"authorization", b"Bearer " + token.encode()), (b"host", host)]
        return self.guard.authenticate(Request(method, "/", headers=headers))

    def verdict(self, token: str) -> str:
        try:
            self.guard.verify(token)
        except TokenRefused as refused:
            return refused.reason.value
        return "good"


ACCESS = {
    "authenticate": lambda world, token: isinstance(world.decide(token), Allow),
    "on an event loop": lambda world, token: isinstance(
        asyncio.run(
            world.guard.authenticate_async(
                Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode())])
            )
        ),
        Allow,
    ),
    "verify": lambda world, token: world.verdict(token) == "good",
    "begin, then authenticate": lambda world, token: (
        isinstance(begin(world.guard, token), AccessToken) or isinstance(world.decide(token), Allow)
    ),
}


@pytest.mark.parametrize("passes", ACCESS.values(), ids=ACCESS)
@pytest.mark.parametrize("jwt", ["verify", "both", "introspect"])
@pytest.mark.parametrize("max_age", [60, 5])
@pytest.mark.parametrize(
    "change", [None, {"audience": "https://other-api.test"}], ids=["unknown", "other settings"]
)
def test_a_remembered_token_is_refused_when_the_callable_no_longer_vouches_for_its_issuer(
    passes, jwt, max_age, change
):
    given = {"jwt": jwt, "revocation_delay_seconds": 600}
    world = World(
        issuer_settings=given, **({} if max_age == 60 else {"issuers_max_age_seconds": max_age})
    )
    token = world.known.token(expires_in=3600)
    assert passes(world, token)
    world.clock.advance(max_age - 1)
    world.settings = None if change is None else {**given, **change}
    assert passes(world, token)
    world.clock.advance(1)
    assert not passes(world, token)
    world.settings = {**given}
    world.clock.advance(max_age)
    assert passes(world, token), "it is verified anew"


def test_a_remembered_token_of_an_issuer_that_is_confirmed_costs_the_question_alone():
    world = World(issuer_settings={"jwt": "both", "revocation_delay_seconds": 600})
    token = world.known.token(expires_in=3600)
    world.decide(token)
    world.known.requests.clear()
    for times in range(1, 5):
        world.clock.advance(60)
        assert world.decide(token).cache == "hit"
        assert world.decide(token).cache == "hit"
        assert world.asked == [KNOWN] * (1 + times)
    assert world.known.requests == []


def test_what_a_gateway_may_remember_ends_when_the_callable_is_to_be_asked():
    world = World(issuer_settings={"introspection": None})
    token = world.known.token(expires_in=3600)
    assert world.guard._engine.resource.remaining(digest_of(token)) == 0
    world.decide(token)
    world.clock.advance(20)
    assert world.guard._engine.resource.remaining(digest_of(token)) == 40
    world.clock.advance(40)
    assert world.guard._engine.resource.remaining(digest_of(token)) == 0
    world.decide(token)
    assert world.guard._engine.resource.remaining(digest_of(token)) == 60


def test_zero_asks_for_each_request():
    world = World(issuers_max_age_seconds=0)
    token = world.known.token()
    assert isinstance(world.decide(token), Allow)
    asked = len(world.asked)
    assert isinstance(world.decide(token), Allow)
    assert len(world.asked) == asked + 1
    world.settings = None
    assert world.decide(token).reason is Reason.UNKNOWN_ISSUER


@pytest.mark.parametrize("jwt", ["verify", "both"])
def test_an_issuer_that_is_withdrawn_while_its_token_is_verified_does_not_count(jwt):
    """Another request calls the callable while the server is slow."""
    world = World(issuer_settings={"jwt": jwt})
    token = world.known.token()
    (where,) = {"verify": ["jwks"], "both": ["introspection"]}[jwt]
    handle = world.known.handle

    def withdraw(request: Any) -> Any:
        answer = handle(request)
        if world.known.requests[-1] == where and world.settings is not None:
            world.settings = None
            world.clock.advance(60)
            assert world.decide(world.known.token(jti="other")).reason is Reason.UNKNOWN_ISSUER
        return answer

    world.guard = Guard(
        issuers=world.find, realm="test", clock=world.clock.clock, transport=withdraw
    )
    assert isinstance(world.decide(token), Deny)
    assert isinstance(world.decide(token), Deny)


FORGED = {
    "an unknown issuer": (lambda w: w.unknown.token(), "unknown_issuer"),
    "no issuer": (lambda w: w.known.token(iss=None), "unknown_issuer"),
    "an unknown key": (lambda w: w.known.token(header={"kid": "nobody's"}), "unknown_key"),
    "a bad signature": (lambda w: w.known.token(sign_with=lambda _: b"x" * 64), "bad_signature"),
    "another algorithm": (
        lambda w: w.known.token(header={"alg": "RS256"}),
        "unsupported_algorithm",
    ),
    "an algorithm that nobody may use": (
        lambda w: w.known.token(header={"alg": "none"}),
        "unsupported_algorithm",
    ),
    "another type": (lambda w: w.known.token(header={"typ": "logout+jwt"}), "wrong_type"),
    "a critical extension": (
        lambda w: w.known.token(header={"crit": ["x"]}),
        "unsupported_critical",
    ),
    "four parts": (lambda w: w.known.token() + ".x", "malformed_token"),
    "garbage": (lambda w: "garbage", "malformed_token"),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_all_refusals_before_the_signature_look_alike_and_events_tell_them_apart(method):
    world = World(issuer_settings={"algorithms": ["ES256"]})
    world.decide(world.known.token())
    answers = set()
    for make, reason in FORGED.values():
        refused = world.decide(make(world), method)
        answers.add((refused.status, refused.headers, refused.body))
        assert (refused.reason, world.events[-1].reason) == (reason, reason)
        assert world.verdict(make(world)) == reason
    ((status, headers, body),) = answers
    assert status == 401
    assert b"not_verified" in body or method == "HEAD"
    assert 'error="invalid_token"' in dict(headers)["WWW-Authenticate"]


def test_what_verify_raises_shows_no_more():
    world = World()
    shown = set()
    for make, _ in FORGED.values():
        with pytest.raises(TokenRefused) as refused:
            world.guard.verify(make(world))
        shown.add((str(refused.value), refused.value.problem))
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"expires_in": -60}, "expired"),
        ({"aud": "x"}, "wrong_audience"),
        ({"events": {}}, "wrong_type"),
    ],
)
def test_after_the_signature_the_client_learns_why(claims, reason):
    world = World()
    refused = world.decide(world.known.token(**claims))
    assert refused.reason == reason
    assert reason.encode() in refused.body


def test_settings_by_hand_tell_the_client_why():
    world = World()
    world.guard = Guard(
        issuers=[trusted(world.known)], clock=world.clock.clock, transport=network(world.known)
    )
    assert b'"unknown_issuer"' in world.decide(world.unknown.token()).body


@pytest.mark.parametrize("jwt", ["verify", "introspect"])
@pytest.mark.parametrize("introspects", [True, False])
def test_a_host_name_does_not_tell_either_where_the_request_decides(jwt, introspects):
    given: dict[str, Any] = {} if introspects else {"introspection": None}
    if jwt == "introspect" and not introspects:
        given = {"introspection": None}
    elif introspects:
        given = {"jwt": jwt}
    resolver = {b"known": KNOWN, b"unknown": UNKNOWN}
    world = World(
        issuer_settings=given,
        issuer_resolver=lambda request: resolver.get(request.header(b"host") or b""),
    )
    bodies = set()
    for host in (b"known", b"unknown", b"nobody"):
        for token in ("opaque", "a.b.c", world.unknown.token(), world.unknown.token() + ".x"):
            refused = world.decide(token, host=host)
            bodies.add((refused.status, refused.headers, refused.body))
    assert len(bodies) == 1
