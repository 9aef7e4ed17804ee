"""Decide again about the token of a connection that is still open.

A token that is still valid causes no event. This module is a part of the engine.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from iiniit_guard.core.decide import Pending, conclude, resume
from iiniit_guard.core.decide_again import Rejudged, begin_again
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.presented import Presented
from iiniit_guard.io.effects import run
from iiniit_guard.io.event_loops import run_async

if TYPE_CHECKING:
    from iiniit_guard.core.model.request import Request
    from iiniit_guard.engine import Engine


class Recheck(NamedTuple):
    """One repeated decision that has begun.

    Attributes:
        request: The request that opened the connection.
        requirement: The policy that it must still satisfy.
        presented: Its credential.
        result: What is known without I/O.
    """

    request: Request
    requirement: Policy | Problem
    presented: Presented
    result: Rejudged | Pending


class Rechecks:
    """The repeated decisions of one engine.

    Args:
        engine: Has the caches and performs I/O.
        host: The name of the adapter, for events.
    """

    def __init__(self, engine: Engine, host: str) -> None:
        self.resource: Final = engine.resource
        self._engine = engine
        self._host = host

    def begin(
        self, request: Request, requirement: Policy | Problem, outdated: float | None
    ) -> Recheck:
        """Decide about the request of a connection, as far as that needs no I/O.

        Args:
            request: The request that opened the connection.
            requirement: The policy that it must still satisfy.
            outdated: A moment of the monotonic clock. A cache entry that expires at this moment or
                earlier is not used.
        """
        presented = Presented.of(request, self._host)
        presented.outdated = outdated
        result = begin_again(self.resource, presented, requirement)
        return Recheck(request, requirement, presented, result)

    def finish(self, check: Recheck) -> Rejudged:
        """Return the result of a check; block while the authorization server is called."""
        if not isinstance(check.result, Pending):
            return check.result
        return cast("Rejudged", run(resume(check.result), self._engine._runner.perform))

    async def finish_async(self, check: Recheck) -> Rejudged:
        """Asynchronous version of `finish`."""
        if not isinstance(check.result, Pending):
            return check.result
        perform = self._engine._runner.loops.perform
        return cast("Rejudged", await run_async(resume(check.result), perform))

    def report(self, check: Recheck, result: Problem | Unreachable, note: str) -> None:
        """Log why a connection was ended, and emit the event.

        Args:
            check: The check that failed.
            result: Why it failed.
            note: What was ended.
        """
        noted: Problem | Unreachable
        if isinstance(result, Unreachable):
            noted = replace(result, detail=f"{result.detail}; {note}")
        else:
            known = result.diagnosis
            detail = note if known.detail is None else f"{known.detail}; {note}"
            noted = replace(result, diagnosis=replace(known, detail=detail))
        decision = conclude(noted, check.presented, self.resource, check.requirement)
        self._engine._report(decision, noted, check.request, self._host, 0.0)
