"""A simulated world: an issuer, faulty clocks, processes with guards, and a shared store.

The time of the issuer is the true time. A process has a wall clock that can be set, and a monotonic
clock that stops while the machine sleeps. Only a rule of the test makes a clock wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any, cast

from iiniit_guard.core.decide import begin
from iiniit_guard.core.model.decision import Decision
from iiniit_guard.core.model.flow import (
    TIMED_OUT,
    Fetch,
    HttpRequest,
    Spawn,
    StoreGet,
    StoreSet,
    Unreachable,
    Wait,
)
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.presented import Presented
from iiniit_guard.core.resource import Entropy, ProtectedResource
from iiniit_guard.testing import Issuer, SettableClock
from tests.contract.properties.at_once import do_at_once
from tests.contract.properties.parts import (
    CALL_SECONDS,
    NOW,
    STORE_SECONDS,
    Issued,
    Memory,
    Pending,
    Process,
    bearer,
    document_of,
)
from tests.contract.properties.verdicts import Verdicts
from tests.unit.core.deciding import decide
from tests.unit.core.stepping import Steps


class World(Verdicts):
    """The simulated world, with the checks that hold for every decision."""

    def __init__(
        self,
        processes: int,
        jwt: str,
        delay: int,
        *,
        shared: bool,
        skews: list[float],
        listening: bool,
    ) -> None:
        self.issuer = Issuer(clock=SettableClock(NOW))
        self.jwt, self.delay, self.shared = jwt, delay, shared
        self.store = Memory()
        self.tokens: list[Issued] = []
        self.rotated: dict[int, float] = {}
        self.seen: list[str] = []
        self.processes = [
            self._start(number, skews[number], listening) for number in range(processes)
        ]

    def _start(self, number: int, skew: float, listening: bool) -> Process:
        clock = SettableClock(NOW + skew)
        settings: dict[str, Any] = {
            "jwt": self.jwt,
            "revocation_delay_seconds": self.delay,
            "clock": clock.clock,
        }
        if self.shared:
            settings |= {"store_url": "redis://store.test", "store_secret": "s" * 32}
        if listening:
            settings["on_event"] = lambda event: None
        process = Process(number, clock, None, clock.wall())

        def transport(request: HttpRequest) -> Any:
            sent = process.mono
            return self.arrived(process, request, self.issuer.handle(request), sent)

        guard = self.issuer.guard(**settings, transport=transport)
        numbers = count()
        # Jitter and nonces from a counter: a run must be the same when it is repeated.
        chance = Entropy(
            lambda: 0.5,
            lambda: f"{number}-{next(numbers)}",
            lambda size: f"{number}.{next(numbers)}".encode().ljust(size),
        )
        resource = ProtectedResource(guard._engine.resource.settings, clock.clock, chance)
        engine: Any = guard._engine
        engine.resource = resource
        engine.begin = partial(engine._events.begin if listening else begin, resource)
        runner = guard._engine._runner
        runner.store = runner.loops.store = cast("Any", self.store) if self.shared else None
        do_at_once(runner)
        process.guard = guard
        return process

    def arrived(self, process: Process, request: HttpRequest, answer: Any, sent: float) -> Any:
        """Record the content of an answer for a process."""
        document = document_of(answer)
        if document is None:
            process.failed = process.mono
        elif request.url.endswith("/jwks") and (
            process.key_set is None or sent >= process.key_set[0]
        ):
            process.key_set = (sent, frozenset(key["kid"] for key in document["keys"]))
        return answer

    # Time

    def pass_time(self, seconds: float) -> None:
        """Advance all clocks."""
        self.issuer.clock.advance(seconds)
        for process in self.processes:
            process.clock.advance(seconds)
            process.peak = max(process.peak, process.clock.wall())

    def sleep(self, seconds: float) -> None:
        """Advance the wall clocks while every machine sleeps and monotonic clocks stand still."""
        self.issuer.clock.advance(seconds)
        for process in self.processes:
            self.set_wall(process, seconds)

    def set_wall(self, process: Process, change: float) -> None:
        """Set one wall clock."""
        process.clock.set_wall(process.clock.wall() + change)
        process.peak = max(process.peak, process.clock.wall())

    # Tokens

    def issue(self, lifetime: float, *, opaque: bool) -> Issued:
        """Issue a token."""
        make = self.issuer.opaque_token if opaque else self.issuer.token
        now = self.issuer.now
        kid = None if opaque else self.issuer.signing_key.kid
        token = Issued(make(expires_in=lifetime), now + lifetime, now, kid)
        self.tokens.append(token)
        return token

    def revoke(self, token: Issued) -> None:
        """Revoke a token now."""
        self.issuer.revoke(token.text)
        if token.revoked is None:
            token.revoked = {
                process.number: (process.mono, process.peak) for process in self.processes
            }

    def rotate(self, *, keep_old: bool) -> None:
        """Publish a new key."""
        self.issuer.rotate_keys(keep_old)
        self.rotated = {process.number: process.mono for process in self.processes}

    # Flows

    def begin(self, process: Process, token: Issued) -> None:
        """Begin to decide about a request, up to the first effect."""
        self.settle(
            process,
            Pending(
                Steps(
                    decide(
                        Presented.of(bearer(token.text)),
                        process.guard._engine.resource,
                        ANY_TOKEN,
                    )
                ),
                token,
                process.mono,
            ),
        )

    def settle(self, process: Process, flow: Pending) -> None:
        """Record the state of a flow: its next effect, or its end."""
        flow.since, flow.answer = process.mono, None
        if not flow.steps.ended:
            if flow not in process.flows:
                process.flows.append(flow)
            return
        if flow in process.flows:
            process.flows.remove(flow)
        if flow.token is not None:
            self.judge(process, flow.token, flow.steps.result)

    def serve(self, process: Process, flow: Pending) -> bool:
        """Create the server's answer without delivering it; return False if nothing is pending."""
        if isinstance(flow.steps.effect, Fetch) and flow.answer is None:
            flow.answer = self.issuer.handle(flow.steps.effect.request)
        return isinstance(flow.steps.effect, Fetch)

    def deliver(self, process: Process, flow: Pending) -> None:
        """Deliver the response that a flow waits for, within the limits of the drivers."""
        effect, waited = flow.steps.effect, process.mono - flow.since
        reply: Any = None
        match effect:
            case Fetch(request):
                self.serve(process, flow)
                late = waited >= CALL_SECONDS
                reply = Unreachable("timeout", "no answer in time") if late else flow.answer
                self.arrived(process, request, reply, flow.since)
            case Wait(load, timeout_seconds):
                if load.done():
                    reply = load.result(0)
                elif waited >= timeout_seconds:
                    reply, process.waited_in_vain = TIMED_OUT, True
                else:
                    return
            case Spawn(start):
                process.flows.append(Pending(Steps(start()), None, process.mono))
                self.settle(process, process.flows[-1])
            case StoreGet(names):
                reply = (
                    self.store.perform(effect) if waited <= STORE_SECONDS else (None,) * len(names)
                )
            case StoreSet():
                reply = self.store.perform(effect) if waited <= STORE_SECONDS else None
            case _:
                raise AssertionError(effect)
        flow.steps.send(reply)
        self.settle(process, flow)

    def asks_about_tokens(self, flow: Pending) -> bool:
        """Return whether a flow waits for an introspection response."""
        return isinstance(flow.steps.effect, Fetch) and flow.steps.effect.request.method == "POST"

    def forget_flight(self, process: Process, flow: Pending | None) -> None:
        """Give up waiting as a driver does after a timeout: the next request calls the server
        again, while the first response is still in transit.
        """
        if flow in process.flows and isinstance(flow.steps.effect, Fetch):
            for server in process.guard._engine.resource.servers:
                server.flights.reset_after_fork()

    def finish(self, process: Process) -> None:
        """Run every flow of a process to its end now."""
        for _ in range(100):
            for flow in list(process.flows):
                if flow in process.flows:
                    self.deliver(process, flow)
            if not process.flows:
                return
        raise AssertionError("flows that never end")

    def cancel(self, process: Process, flow: Pending) -> None:
        """Cancel a request. Its result stays unknown, and no request may repeat its call
        immediately.
        """
        if isinstance(flow.steps.effect, Fetch):
            process.failed = process.mono
        process.flows.remove(flow)
        flow.steps.close()

    def wake(self, until: float) -> None:
        """Run everything that takes no time, and cancel calls that last longer than `until` seconds
        more.
        """
        moved = True
        while moved:
            moved = False
            for process in self.processes:
                for flow in list(process.flows):
                    effect, waited = flow.steps.effect, process.mono - flow.since
                    ready = isinstance(effect, Spawn) or (
                        isinstance(effect, Wait) and effect.load.done()
                    )
                    limits = {Fetch: CALL_SECONDS, StoreGet: STORE_SECONDS, StoreSet: STORE_SECONDS}
                    late = waited + until > limits.get(type(effect), math.inf)
                    if (ready or late) and flow in process.flows:
                        if late and isinstance(effect, Fetch) and flow.answer is None:
                            flow.answer = Unreachable("timeout", "no answer in time")
                        self.deliver(process, flow)
                        moved = True

    def ask(
        self, process: Process, token: Issued, decide: Callable[[Any, Request], Decision]
    ) -> None:
        """Decide about a request through one of the drivers."""
        self.judge(process, token, decide(process.guard, bearer(token.text)))
