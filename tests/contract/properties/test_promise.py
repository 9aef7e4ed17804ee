"""In any interleaving, a revoked token is refused in time and a good token is not refused."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.contract.properties.parts import CALL_SECONDS
from tests.contract.properties.profile import scaled
from tests.contract.properties.world import World

number = st.integers(0, 7)
few = st.sampled_from(
    [0, 0, 0, 1, 1, 2, 3]
)  # most steps concern the same tokens, so that each token is used in several steps
wall_change = st.sampled_from([0, 0, -3600, -61, -31, -30, -5, 5, 30, 61, 3600])
FAILURES = [
    "connection",
    "tls",
    "timeout",
    "protocol",
    "500",
    "429",
    "401",
    "garbage",
    "array",
    None,
    None,
    None,
]


def pick(values, index):
    return values[index % len(values)]


class Machine(RuleBasedStateMachine):
    """The state machine: events in any order."""

    shared = False

    @initialize(
        count=st.integers(1, 3),
        jwt=st.sampled_from(["verify", "introspect", "both"]),
        delay=st.sampled_from([5, 10, 60]),
        skews=st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=3, max_size=3),
        listening=st.booleans(),
    )
    def begin(self, count, jwt, delay, skews, listening):
        count = max(count, 2) if self.shared else count
        self.world = World(count, jwt, delay, shared=self.shared, skews=skews, listening=listening)
        self.runner = asyncio.Runner()
        self.world.issue(300, opaque=True)
        self.world.issue(300, opaque=False)

    def teardown(self):
        if hasattr(self, "world"):
            self.runner.close()
            for process in self.world.processes:
                for flow in list(process.flows):
                    self.world.cancel(process, flow)
                process.guard.close()

    # The issuer

    @rule(lifetime=st.sampled_from([-6, 3, 20, 300, 300]), opaque=st.booleans())
    def issue(self, lifetime, opaque):
        self.world.issue(lifetime, opaque=opaque)

    @rule(which=few)
    def revoke(self, which):
        self.world.revoke(pick(self.world.tokens, which))

    @rule(mode=st.sampled_from(FAILURES), at=st.sampled_from(["introspection", "jwks", None]))
    def fail(self, mode, at):
        self.world.issuer.fail(mode, at)

    @rule(keep_old=st.booleans())
    def rotate(self, keep_old):
        self.world.rotate(keep_old=keep_old)

    # Time

    @rule(seconds=st.sampled_from([0.05, 0.5, 1, 2, 4.9]))
    def pass_a_moment(self, seconds):
        self.world.wake(seconds)
        self.world.pass_time(seconds)
        self.world.wake(0)

    @rule(seconds=st.sampled_from([9, 10, 29, 30, 31, 55, 59, 60, 61, 299, 600]))
    def pass_much_time(self, seconds):
        self.world.wake(CALL_SECONDS + seconds)
        self.world.pass_time(seconds)
        self.world.wake(0)

    # Requests whose flows the test runs step by step

    @rule(process=number, which=few)
    def ask(self, process, which):
        self.world.begin(pick(self.world.processes, process), pick(self.world.tokens, which))

    @rule(process=number, which=few, moves=st.integers(1, 6))
    def ask_and_go_on(self, process, which, moves):
        process = pick(self.world.processes, process)
        before = len(process.flows)
        self.world.begin(process, pick(self.world.tokens, which))
        for _ in range(moves):
            if len(process.flows) > before:
                self.world.deliver(process, process.flows[-1])

    @rule(process=number, which=number)
    def serve(self, process, which):
        process = pick(self.world.processes, process)
        if process.flows:
            self.world.serve(process, pick(process.flows, which))

    @rule(process=number, which=number)
    def deliver(self, process, which):
        process = pick(self.world.processes, process)
        if process.flows:
            self.world.deliver(process, pick(process.flows, which))

    @rule(process=number, which=number)
    def cancel(self, process, which):
        process = pick(self.world.processes, process)
        if process.flows:
            self.world.cancel(process, pick(process.flows, which))

    # Requests through the drivers: they would wait for flows that only this test moves, so those
    # end first

    def decide(self, process, token, *, asynchronous):
        self.world.finish(process)
        if asynchronous:
            self.world.ask(
                process,
                token,
                lambda guard, request: self.runner.run(guard.authenticate_async(request)),
            )
        else:
            self.world.ask(process, token, lambda guard, request: guard.authenticate(request))

    @rule(process=number, which=few, asynchronous=st.booleans(), again=st.integers(1, 2))
    def drive(self, process, which, asynchronous, again):
        for _ in range(again):
            self.decide(
                pick(self.world.processes, process),
                pick(self.world.tokens, which),
                asynchronous=asynchronous,
            )

    @rule(which=few, asynchronous=st.booleans())
    def drive_all(self, which, asynchronous):
        for process in self.world.processes:
            self.decide(process, pick(self.world.tokens, which), asynchronous=asynchronous)

    # Sequences of events that random choice seldom produces

    @rule(
        opaque=st.booleans(),
        before=st.sampled_from([0, 1, 4, 30, 50]),
        after=st.sampled_from([1, 4, 9, 31, 59, 60, 61]),
        change=wall_change,
    )
    def use_revoke_and_use(self, opaque, before, after, change):
        token = self.world.issue(300, opaque=opaque)
        self.drive_all(-1, False)
        self.pass_a_moment(before)
        self.world.revoke(token)
        for process in self.world.processes:
            self.set_wall_if_allowed(process, change)
        self.pass_much_time(after)
        self.drive_all(-1, False)

    @rule(
        opaque=st.booleans(),
        used=st.booleans(),
        given_up=st.booleans(),
        travels=st.sampled_from([0, 1, 4]),
        later=st.sampled_from([0, 1, 3, 9, 56, 59]),
    )
    def let_an_answer_be_overtaken(self, opaque, used, given_up, travels, later):
        """Deliver a response after the revocation of its token, perhaps also after another process
        learned of the revocation.
        """
        token = self.world.issue(300, opaque=opaque)
        first, last = self.world.processes[0], self.world.processes[-1]
        if used:
            self.drive_all(-1, False)
            self.pass_much_time(61)
        self.world.finish(first)
        self.world.begin(first, token)
        for _ in range(6):
            if first.flows and not (
                self.world.serve(first, first.flows[-1])
                and self.world.asks_about_tokens(first.flows[-1])
            ):
                self.world.deliver(first, first.flows[-1])
        flow = first.flows[-1] if first.flows else None
        self.world.revoke(token)
        if given_up:
            self.world.forget_flight(first, flow)
            self.world.begin(last, token)
            for _ in range(6):
                if last.flows and last.flows[-1] is not flow:
                    self.world.deliver(last, last.flows[-1])
        self.pass_a_moment(travels)
        self.world.finish(first)
        self.pass_a_moment(later)
        self.drive_all(-1, False)

    @rule(keep_old=st.booleans(), wait=st.sampled_from([0, 31, 301]), asynchronous=st.booleans())
    def rotate_and_show(self, keep_old, wait, asynchronous):
        old = self.world.issue(300, opaque=False)
        for process in self.world.processes:
            self.decide(process, old, asynchronous=asynchronous)
        self.world.rotate(keep_old=keep_old)
        new = self.world.issue(300, opaque=False)
        self.pass_much_time(wait)
        for token in (new, old):
            for process in self.world.processes:
                self.decide(process, token, asynchronous=asynchronous)

    def set_wall_if_allowed(self, process, change):
        """Set a wall clock; nothing is promised if clocks that share a store differ by over 2 s."""


class AloneWithBadClocks(Machine):
    """Processes that share nothing; their wall clocks are set at will, and machines sleep."""

    @rule(process=number, change=wall_change)
    def set_wall(self, process, change):
        self.world.set_wall(pick(self.world.processes, process), change)

    def set_wall_if_allowed(self, process, change):
        self.world.set_wall(process, change)

    @rule(seconds=st.sampled_from([5, 30, 60, 300]))
    def sleep(self, seconds):
        self.world.wake(CALL_SECONDS + seconds)
        self.world.sleep(seconds)
        self.world.wake(0)


class WithAStore(Machine):
    """Processes with one store, whose owner withholds values and brings old ones back; their clocks
    differ by up to 2 s.
    """

    shared = True

    @precondition(lambda self: self.world.store.values)
    @rule(which=number)
    def lose(self, which):
        del self.world.store.values[pick(list(self.world.store.values), which)]

    @precondition(lambda self: self.world.store.history)
    @rule(which=st.integers(0, 30))
    def bring_back(self, which):
        name, value = pick(self.world.store.history, which)
        self.world.store.values[name] = value

    @precondition(lambda self: self.world.store.values)
    @rule(which=number, position=st.integers(0, 80))
    def damage(self, which, position):
        name = pick(list(self.world.store.values), which)
        value = bytearray(self.world.store.values[name])
        value[position % len(value)] ^= 1
        self.world.store.values[name] = bytes(value)


@pytest.mark.unmeasured
@pytest.mark.hypothesis
@pytest.mark.parametrize(
    "machine", [AloneWithBadClocks, WithAStore], ids=lambda machine: machine.__name__
)
def test_the_promise(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=scaled(150),
            stateful_step_count=60,
            suppress_health_check=list(HealthCheck),
        ),
    )
