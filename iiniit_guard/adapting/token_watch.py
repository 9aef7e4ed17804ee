"""Whether the token of a long-lived connection is still valid, without threads and event loops."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from iiniit_guard.adapting.timer_wheel import NOWHERE
from iiniit_guard.core.cache.entry import KeyValidity
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.policy import ANY_TOKEN, LongLived, Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.verify_jwt import LONGEST_SECONDS
from iiniit_guard.rechecking import Recheck, Rechecks

if TYPE_CHECKING:
    from iiniit_guard.adapting.admission import Admission
    from iiniit_guard.adapting.request_state import RefusalRecord
    from iiniit_guard.core.decide_again import Rejudged
    from iiniit_guard.core.model.clock import Moment
    from iiniit_guard.core.model.request import Request
    from iiniit_guard.engine import Engine

FIRST_SECONDS: Final = 0.5  # a connection that ends within this time is not checked
_EARLY: Final = 0.8
"""The part of the validity after which a token is checked again, so that an outage of the
authorization server shorter than the rest ends no connection."""
_LATEST_SECONDS: Final = 1.0
"""A token that is valid for at most this long is checked at its end only."""
_BUSY_SECONDS: Final = 1.0
"""The least time between two checks of an idle connection whose token may not be cached at all."""
_AGE_SECONDS: Final = 0.001
"""Just after the last moment at which `max_age` is satisfied."""
_UNCACHED: Final = KeyValidity()
_log: Final = logging.getLogger("iiniit_guard")


class WatchSettings:
    """The settings that all watches of one middleware share.

    Args:
        engine: Decides about the requests of the middleware.
        admission: The settings of the middleware.
        host: The name of the adapter, for events.
        read: Returns the `Request` of a source, which is the scope, environ or request object that
            the middleware received.
    """

    def __init__(
        self, engine: Engine, admission: Admission, host: str, read: Callable[..., Request]
    ) -> None:
        self.rechecks: Final = Rechecks(engine, host)
        self.clock: Final = engine.resource.clock
        self.admission: Final = admission
        self.read: Final = read

    def requirement_of(self, request: Request) -> Policy | Problem:
        """Return the policy that the middleware required for a request.

        A handler of a path without a token may have required one. `RefusalRecord.policies` has its
        policy.
        """
        asked = self.admission.policy_for(request)
        return asked if isinstance(asked, (Policy, Problem)) else ANY_TOKEN


class TokenWatch:
    """The token of one connection: until when it is valid, and whether it has ended.

    Args:
        settings: The settings that the watches of the middleware share.
        record: The record of the request that opened the connection.
        source: The argument of `settings.read`.
        note: Names the kind of connection in the log and in the event.

    Attributes:
        next_check: When the token is checked next, by the monotonic clock.
        ended: Why the token is no longer valid; None while it is.
        mode: What happens to the connection when the token ends. `off` means that the token is not
            checked any more.
        tick: The position in the timer wheel.
    """

    __slots__ = (
        "_note",
        "_record",
        "_scopes",
        "_settings",
        "_source",
        "_until",
        "_until_wall",
        "_validity",
        "ended",
        "mode",
        "next_check",
        "tick",
    )

    def __init__(
        self, settings: WatchSettings, record: RefusalRecord, source: object, note: str
    ) -> None:
        self._settings = settings
        self._record = record
        self._source = source
        self._note = note
        self._scopes: frozenset[str] | None = None
        self._validity = _UNCACHED
        self._until_wall = settings.clock.wall() + FIRST_SECONDS
        self._until = settings.clock.monotonic() + FIRST_SECONDS
        self.next_check: float = self._until
        self.ended: Problem | Unreachable | None = None
        self.mode: LongLived = "end"
        self.tick: int = NOWHERE

    @property
    def validity(self) -> KeyValidity:
        """The validity of the key or the issuer behind the token, in addition to the clocks."""
        return self._validity

    @property
    def discards(self) -> bool:
        """Whether the token has ended and the messages of the connection are discarded."""
        return self.ended is not None and self.mode == "stop_delivering"

    @property
    def reason(self) -> Reason:
        """The reason for the client of a connection that has ended."""
        ended = self.ended
        if isinstance(ended, Problem):
            return (ended.shown or ended).reason
        return Reason.ISSUER_UNAVAILABLE

    def renew(self) -> None:
        """Check the token before the next message: a handler verified it, or required more."""
        if self.ended is None:
            self.mode = "end"  # until the check finds the setting that applies
            self._until = self.next_check = self._settings.clock.monotonic()

    def is_current(self) -> bool:
        """Return whether a message may pass now without another check."""
        clock, validity = self._settings.clock, self._validity
        return self.mode == "off" or (
            self.ended is None
            and clock.monotonic() < self._until
            and clock.wall() < self._until_wall
            and validity.valid
            and validity.issuer.valid
        )

    def permits(self) -> bool:
        """Return whether a message may pass; block while the token is checked again, if needed."""
        if not self.is_current() and self.ended is None:
            started, check = self._settings.clock.now(), self.begin()
            if check is not None:
                try:
                    result = self._settings.rechecks.finish(check)
                except Exception as error:  # noqa: BLE001 - of the application's functions
                    self._fail(error)
                else:
                    self.apply(check, result, started)
        return self.ended is None

    async def permits_async(self) -> bool:
        """Asynchronous version of `permits`."""
        if not self.is_current() and self.ended is None:
            started, check = self._settings.clock.now(), self.begin()
            if check is not None:
                await self.finish_async(check, started)
        return self.ended is None

    async def finish_async(self, check: Recheck, started: Moment) -> None:
        """Finish a check that has begun, and store its result."""
        try:
            result = await self._settings.rechecks.finish_async(check)
        except Exception as error:  # noqa: BLE001 - of the application's functions
            self._fail(error)
        else:
            self.apply(check, result, started)

    def begin(self) -> Recheck | None:
        """Begin to check the token again.

        Returns:
            None if this connection needs no check, or if a function of the application failed.
        """
        try:
            return self._begin()
        except Exception as error:  # noqa: BLE001 - of the application's functions
            self._fail(error)
            return None

    def _begin(self) -> Recheck | None:
        settings = self._settings
        request = settings.read(self._source)
        requirement = settings.requirement_of(request)
        self.mode = self._mode(requirement)
        if self.mode == "off":
            return None
        # The first check may use any valid cache entry.
        outdated = None if self._scopes is None else self._until
        return settings.rechecks.begin(request, requirement, outdated)

    def apply(self, check: Recheck, result: Rejudged, started: Moment) -> None:
        """Store the result of a check: a later end, or that the token has ended.

        Args:
            check: The check.
            result: Its result.
            started: When it began.
        """
        if self.ended is not None or self.mode == "off":
            return
        if isinstance(result, AccessToken):
            problem = self._lost(result)
            if problem is None:
                self._extend(result, check, started)
                return
            result = problem
        if isinstance(result, Unreachable) and self.is_current() and self._scopes is not None:
            now = self._settings.clock.monotonic()
            self._plan(now, now + max((self._until - now) / 2, _LATEST_SECONDS))
            return
        self.ended = result
        what = "delivers nothing more" if self.mode == "stop_delivering" else "was ended"
        self._settings.rechecks.report(check, result, f"the open {self._note} {what}")
        self.on_end()

    def on_end(self) -> None:
        """Handle the end of the token, once, in the thread of the check."""

    def _mode(self, requirement: Policy | Problem) -> LongLived:
        """Return the setting that applies: of the handler, of the rule, or of the middleware."""
        if not self._record.has_token:
            return "off"
        rule = requirement.long_lived if isinstance(requirement, Policy) else None
        handlers = [each.long_lived for each in self._record.policies if each.long_lived]
        return handlers[-1] if handlers else rule or self._settings.admission.long_lived

    def _lost(self, token: AccessToken) -> Problem | None:
        """Return why a valid token no longer suffices, or None.

        The policies of most handlers are not stored. So the token must keep every scope that it had
        when the connection was first checked.
        """
        if self._scopes is None:
            self._scopes = token.scopes
        if not self._scopes <= token.scopes:
            return PROBLEMS[Reason.MISSING_SCOPE]
        wall = self._settings.clock.wall
        problems = (policy.check(token, wall) for policy in self._record.policies)
        return next((problem for problem in problems if problem is not None), None)

    def _extend(self, token: AccessToken, check: Recheck, started: Moment) -> None:
        """Store how long the token may be used: until its cache entry ends.

        A token that is not cached is valid for as long as it would be cached at most.
        """
        resource, now = self._settings.rechecks.resource, self._settings.clock.now()
        digest = check.presented.digest
        entry = resource.find(digest)
        if entry is not None:
            self._validity, seconds = entry.validity, resource.remaining(digest)
            self._until, self._until_wall = now.monotonic + seconds, entry.valid_until
        else:
            server = resource.known_server(token.issuer)
            # With status lists, 0: the end of the list is known for cached tokens only.
            delay = (
                0
                if server is None or server.status is not None
                else server.settings.revocation_delay_seconds
            )
            leeway = 0 if server is None else server.checks.expiry_leeway_seconds
            seconds = min(LONGEST_SECONDS, delay)
            self._validity = _UNCACHED
            self._until = started.monotonic + seconds
            self._until_wall = started.wall + seconds
            if token.expires_at is not None:
                self._until_wall = min(self._until_wall, token.expires_at + leeway)
        for policy in (check.requirement, *self._record.policies):
            if isinstance(policy, Policy) and policy.max_age is not None:
                self._until_wall = min(
                    self._until_wall, token.claims["auth_time"] + policy.max_age + _AGE_SECONDS
                )
        left = min(self._until - now.monotonic, self._until_wall - now.wall)
        early = left * _EARLY if left > _LATEST_SECONDS else left
        self._plan(now.monotonic, now.monotonic + early)

    def _plan(self, now: float, moment: float) -> None:
        latest = max(self._until, now + _BUSY_SECONDS)
        self.next_check = min(moment, latest) if moment > now else latest

    def _fail(self, error: Exception) -> None:
        """End a connection whose check failed, as a request fails that raises an exception."""
        if self.ended is not None or self.mode == "off":
            return
        _log.error("the check of an open %s failed: %s", self._note, type(error).__qualname__)
        self.ended = Unreachable("answer", "the check failed")
        self.on_end()
