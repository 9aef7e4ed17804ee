"""The events of one guard, for the listener of the application."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, cast

from iiniit_guard.core.decide import begin
from iiniit_guard.core.http.event import EventCounter, accepted_event, event_of
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.io.failure_log import FailureLog
from iiniit_guard.reporting import detail_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from iiniit_guard.core.decide import Judged, Unfinished
    from iiniit_guard.core.http.event import Event
    from iiniit_guard.core.model.decision import Decision
    from iiniit_guard.core.model.policy import Policy
    from iiniit_guard.core.model.problem import Problem
    from iiniit_guard.core.model.request import Request
    from iiniit_guard.core.presented import Presented
    from iiniit_guard.core.resource import ProtectedResource


class Events:
    """Emits the events of one guard.

    An `EventCounter` counts accepted requests without an event. An object whose class inherits
    `count_accepted` gets events instead, because the class may replace `__call__`.

    Args:
        listener: Called with each event. Its exceptions are logged.
        wall: Returns seconds since the epoch.
        subjects: Whether an event may name the subject of a token.
        field: The name of the header field that carries the token.
    """

    def __init__(
        self,
        listener: Callable[[Event], object],
        wall: Callable[[], float],
        subjects: bool,
        field: bytes,
    ) -> None:
        self._listener = listener
        self._log_failure = FailureLog("on_event")
        self._wall = wall
        self._subjects = subjects
        self._field = field
        counts = isinstance(listener, EventCounter) and "count_accepted" in vars(type(listener))
        self._count = cast("EventCounter", listener).count_accepted if counts else None

    def begin(
        self,
        resource: ProtectedResource,
        presented: Presented,
        requirement: Policy | Problem = ANY_TOKEN,
    ) -> AccessToken | Unfinished:
        """Return what `decide.begin` returns, and report the decision if the token is accepted."""
        started = perf_counter()
        begun = begin(resource, presented, requirement)
        if isinstance(begun, AccessToken):
            seconds, count = perf_counter() - started, self._count
            try:
                if count is not None:
                    count(presented.cache, seconds)
                else:
                    self._listener(self._accepted(begun, presented, seconds))
            except Exception as error:  # noqa: BLE001 - a listener must not change a decision
                self._log_failure(error)
        return begun

    def _accepted(self, token: AccessToken, presented: Presented, seconds: float) -> Event:
        digest, subject = presented.digest, token.subject if self._subjects else None
        asked = presented.request.method, presented.host, presented.cache
        return accepted_event(token, digest, *asked, self._wall(), seconds, subject)

    def decided(
        self, decision: Decision, result: Judged, request: Request, host: str, seconds: float
    ) -> None:
        """Emit the event of a decision.

        Args:
            decision: The decision.
            result: The result from which the decision was made.
            request: The request that it is about.
            host: The name of the adapter.
            seconds: How long it took.
        """
        failure = result if isinstance(result, Unreachable) else None
        emit = partial(event_of, decision, request, host, failure=failure, seconds=seconds)
        detail, subjects = detail_of(result), self._subjects
        self._emit(emit(now=self._wall(), subjects=subjects, detail=detail, field=self._field))

    def _emit(self, event: Event) -> None:
        try:
            self._listener(event)
        except Exception as error:  # noqa: BLE001 - a listener must not change a decision
            self._log_failure(error)
