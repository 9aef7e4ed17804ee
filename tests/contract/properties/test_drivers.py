"""`run` and `run_async` agree on any script of answers, and so do the two halves of a guard."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.flow import Fetch, HttpRequest, HttpResponse, Unreachable
from iiniit_guard.core.model.request import Request
from iiniit_guard.io.effects import run
from iiniit_guard.io.event_loops import run_async
from iiniit_guard.testing import Issuer, SettableClock
from tests.contract.properties.at_once import do_at_once
from tests.contract.properties.profile import examples

# Coverage triples the time of these examples. The tests of the planted faults run the same lines.
pytestmark = pytest.mark.unmeasured

NOW = 1_800_000_000
MODES = [
    "connection",
    "tls",
    "timeout",
    "slow",
    "too_large",
    "protocol",
    "500",
    "429",
    "401",
    "404",
    "garbage",
    "empty",
    "array",
    "redirect",
    None,
]

replies = st.one_of(
    st.builds(HttpResponse, st.sampled_from([200, 404, 500])),
    st.builds(Unreachable, st.sampled_from(["connection", "timeout", "answer"]), st.just("x")),
)


@given(st.lists(replies, max_size=8), st.integers(0, 9))
def test_both_drivers_give_the_same_replies_in_the_same_order(script, raising_at):
    def flow(seen):
        try:
            for number in range(len(script)):
                if number == raising_at:
                    raise RuntimeError("a mistake of ours")
                seen.append((yield Fetch(HttpRequest("GET", f"https://a.test/{number}"))))
            return len(seen)
        finally:
            seen.append("closed")

    def outcome(drive):
        seen, asked = [], []
        try:
            result = drive(flow(seen), asked)
        except RuntimeError as error:
            result = str(error)
        return result, seen, asked

    def threads(made, asked):
        def perform(effect):
            asked.append(effect.request.url)
            return script[len(asked) - 1]

        return run(made, perform)

    def loop(made, asked):
        async def perform(effect):
            asked.append(effect.request.url)
            return script[len(asked) - 1]

        return asyncio.run(run_async(made, perform))

    assert outcome(threads) == outcome(loop)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("jwt"), st.integers(-10, 400)),
        st.tuples(st.just("opaque"), st.integers(-10, 400)),
        st.tuples(st.just("again"), st.integers(0, 5)),
        st.tuples(st.just("revoke"), st.integers(0, 5)),
        st.tuples(st.just("fail"), st.sampled_from(MODES)),
        st.tuples(st.just("advance"), st.sampled_from([0.5, 1, 29, 30, 59, 60])),
        st.tuples(st.just("set wall"), st.sampled_from([-100, -31, -30, 0, 30, 31, 1000, 10_000])),
        st.tuples(st.just("rotate"), st.booleans()),
        st.tuples(st.just("kid"), st.sampled_from(["a", "b"])),
    ),
    max_size=14,
)


class Side:
    """One guard and one issuer, on one of the two drivers."""

    def __init__(self, decide):
        self.issuer = Issuer(clock=SettableClock(NOW))
        self.guard = self.issuer.guard()
        do_at_once(self.guard._engine._runner)
        self.tokens: list[str] = []
        self.decide = decide
        self.seen: list[object] = []

    def ask(self, token):
        decision = self.decide(
            self.guard,
            Request("GET", "/", headers=[(b"authorization", b"Bearer " + token.encode())]),
        )
        outcome = (
            "allow"
            if isinstance(decision, Allow)
            else (decision.status, decision.reason, decision.header("Retry-After"))
        )
        self.seen.append((outcome, tuple(self.issuer.requests)))

    def play(self, step):
        kind, value = step
        issuer = self.issuer
        if kind in ("jwt", "opaque"):
            self.tokens.append(
                issuer.token(expires_in=value)
                if kind == "jwt"
                else issuer.opaque_token(expires_in=value)
            )
            self.ask(self.tokens[-1])
        elif kind == "again" and self.tokens:
            self.ask(self.tokens[value % len(self.tokens)])
        elif kind == "revoke" and self.tokens:
            issuer.revoke(self.tokens[value % len(self.tokens)])
        elif kind == "fail":
            issuer.fail(value)
        elif kind == "advance":
            issuer.clock.advance(value)
        elif kind == "set wall":
            issuer.clock.set_wall(NOW + value)
        elif kind == "rotate":
            issuer.rotate_keys(keep_old=value)
        elif kind == "kid":
            self.ask(issuer.token(header={"kid": value}))


@given(steps)
@examples(250)
def test_both_halves_of_a_guard_agree_whatever_happens(script):
    def in_thread(guard, request):
        return guard.authenticate(request)

    with asyncio.Runner() as runner:
        sides = [
            Side(in_thread),
            Side(lambda guard, request: runner.run(guard.authenticate_async(request))),
        ]
        for side in sides:
            for step in script:
                side.play(step)
            side.guard.close()

    assert sides[0].seen == sides[1].seen
