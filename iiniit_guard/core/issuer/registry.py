"""Issuers that a callable of the application returns, looked up by the `iss` of a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Final, NamedTuple, TypeVar

from cachetools import FIFOCache

from iiniit_guard.core.claims.profile import PROFILES
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.clock import Clock, Moment
from iiniit_guard.core.model.flow import Call, Flow, SingleFlight, Unreachable
from iiniit_guard.errors import UsageError

T = TypeVar("T")

MAX_AGE_SECONDS: Final = 60.0
_PROVEN_KEPT: Final = 1_000
_UNPROVEN_KEPT: Final = 64
_PARKED_KEPT: Final = 1_000  # of the proven ones, and as many others
_NAMES_KEPT: Final = 10_000
# Issuers that one eviction examines: its cost must not depend on how many are busy.
_LOOKS: Final = 32
_LONGEST_QUESTION_SECONDS: Final = 5.0
_STRANGERS_KEPT: Final = 1_000
_STRANGER_SECONDS: Final = 60.0
_LONGEST_NAME: Final = 2_048


class _Known(NamedTuple):
    """An issuer, and the time when the callable was last called for it."""

    server: AuthorizationServer
    asked: Moment


class _Answer(NamedTuple):
    """The result of the callable: the issuer, or None for an unknown `iss`."""

    server: AuthorizationServer | None


class FoundIssuers:
    """Cache of the results of a callable from `iss` to a `TrustedIssuer`.

    An issuer is proven once a valid token of it was seen. Others are cached separately, in a small
    cache. Otherwise a client that invents names which the callable accepts (one per tenant, for
    example) could evict the keys of a real issuer. An evicted issuer is parked with its keys, its
    cool-downs and its circuit breakers. After the callable has confirmed it, it is used again, and
    its documents need not be fetched again. Proven issuers and others are parked separately. An
    issuer is not evicted while a call to it is in flight.

    Args:
        find: The callable of the application.
        make: Creates the authorization server from the settings that `find` returns.
        clock: The wall clock and the monotonic clock.
        max_age_seconds: How long a result of the callable is used.
    """

    def __init__(
        self,
        find: Callable[[str], object],
        make: Callable[[TrustedIssuer], AuthorizationServer],
        clock: Clock,
        max_age_seconds: float = MAX_AGE_SECONDS,
    ) -> None:
        self._find = find
        self._make = make
        self._clock = clock
        self._max_age = max_age_seconds
        self._lock = Lock()
        self._proven: dict[str, _Known] = {}
        self._unproven: dict[str, _Known] = {}
        self._parked_proven: dict[str, AuthorizationServer] = {}
        self._parked_unproven: dict[str, AuthorizationServer] = {}
        self._proven_names: FIFOCache[str, None] = FIFOCache(_NAMES_KEPT)
        self._strangers: FIFOCache[str, float] = FIFOCache(_STRANGERS_KEPT)
        self._flights = SingleFlight()

    @property
    def servers(self) -> tuple[AuthorizationServer, ...]:
        """The issuers that are cached now, without the parked ones."""
        with self._lock:
            return tuple(
                known.server for kept in (self._proven, self._unproven) for known in kept.values()
            )

    def known(self, issuer: str) -> AuthorizationServer | None:
        """Return the cached issuer of this name, or None."""
        known = self._proven.get(issuer) or self._unproven.get(issuer)
        return None if known is None else known.server

    def remaining(self, issuer: str) -> float:
        """Return the seconds until `issuer` must be looked up again; 0 if it must be now.

        After that time no cached token of `issuer` may be used without a new lookup.
        """
        known = self._proven.get(issuer) or self._unproven.get(issuer)
        return 0.0 if known is None else max(0.0, self._max_age - self._clock.age(known.asked))

    def server_of(self, issuer: str) -> Flow[AuthorizationServer | None]:
        """Return the issuer whose identifier is exactly `issuer`.

        The callable is called at most once in `max_age_seconds` for each issuer. An issuer that the
        callable no longer returns, or returns with other settings, is withdrawn: all its cached
        tokens become invalid.

        Raises:
            UsageError: The callable returns something other than a `TrustedIssuer` or None, or an
                issuer whose tokens are not in `Authorization`.
        """
        if not is_issuer_name(issuer):
            # No settings can have this name, and the database of the callable may fail on it.
            return None
        answer = self._answer(issuer)
        if answer is not None:
            return answer.server
        if self._max_age <= 0:  # the lookup must not be older than the request
            return (yield from self._ask(issuer))
        while True:
            server = yield from self._flights.share(
                issuer, lambda: self._ask_unless_answered(issuer), _LONGEST_QUESTION_SECONDS
            )
            # If the lookup of another caller timed out, this caller looks up by itself.
            if not isinstance(server, Unreachable):
                return server

    def _answer(self, issuer: str) -> _Answer | None:
        """Return the cached result of the callable, or None if there is none or it expired."""
        now = self._clock.monotonic()
        with self._lock:
            if self._strangers.get(issuer, now) > now:
                return _Answer(None)
            known = self._known(issuer)
        return (
            _Answer(known.server)
            if known is not None and self._clock.age(known.asked) < self._max_age
            else None
        )

    def _ask_unless_answered(self, issuer: str) -> Flow[AuthorizationServer | None]:
        # A concurrent lookup may have ended between the first check and this one.
        answer = self._answer(issuer)
        return (yield from self._ask(issuer)) if answer is None else answer.server

    def _ask(self, issuer: str) -> Flow[AuthorizationServer | None]:
        now = self._clock.now()
        settings = yield Call(self._find, (issuer,))
        if settings is not None and not isinstance(settings, TrustedIssuer):
            raise UsageError("issuers: the callable must return a TrustedIssuer or None")
        # Which field carries the credential is known before the issuer of its token.
        if settings is not None and PROFILES[settings.profile].field is not None:
            raise UsageError(
                f'issuers: the callable must not return an issuer with profile="{settings.profile}"'
                ", whose tokens have a header field of their own; name it in the settings"
            )
        with self._lock:
            server = self._take(issuer)
            # Settings for another issuer identifier do not answer the lookup: the issuer of this
            # token is unknown.
            wanted = settings if settings is not None and settings.issuer == issuer else None
            if server is not None and (wanted is None or server.settings != wanted):
                server.withdraw(replaced=wanted is not None)
                self._remember_name(server)
                server = None
            if wanted is None:
                self._strangers[issuer] = now.monotonic + min(_STRANGER_SECONDS, self._max_age)
                return None
            if server is None:
                server = self._make(wanted)
                server.was_proven = issuer in self._proven_names
            self._place(_Known(server, now))
            return server

    def reset_after_fork(self) -> None:
        """Replace the locks. A thread of the parent process may have held the old ones."""
        self._lock = Lock()
        self._flights.reset_after_fork()
        for server in (
            *self.servers,
            *self._parked_proven.values(),
            *self._parked_unproven.values(),
        ):
            server.reset_after_fork()

    def _known(self, issuer: str) -> _Known | None:
        known = self._unproven.get(issuer)
        if known is not None and known.server.confirmed:
            del self._unproven[issuer]
            self._place(known)
        return known or self._proven.get(issuer)

    def _take(self, issuer: str) -> AuthorizationServer | None:
        """Remove and return an issuer, cached or parked."""
        known = self._proven.pop(issuer, None) or self._unproven.pop(issuer, None)
        parked = self._parked_proven.pop(issuer, None) or self._parked_unproven.pop(issuer, None)
        return parked if known is None else known.server

    def _place(self, known: _Known) -> None:
        server = known.server
        if server.confirmed:
            self._proven[server.issuer] = known
            for loser in _evict(self._proven, _PROVEN_KEPT, lambda kept: kept.server):
                self._park(loser.server)
            return
        self._unproven[server.issuer] = known
        for loser in _evict(self._unproven, _UNPROVEN_KEPT, lambda kept: kept.server):
            if loser.server.confirmed:
                self._place(loser)
            else:
                self._park(loser.server)

    def _park(self, server: AuthorizationServer) -> None:
        if not server.confirmed and not server.has_asked:
            self._forget(server)  # no documents were fetched for it
            return
        parked = self._parked_proven if server.confirmed else self._parked_unproven
        parked[server.issuer] = server
        for loser in _evict(parked, _PARKED_KEPT, lambda kept: kept):
            self._forget(loser)

    def _forget(self, server: AuthorizationServer) -> None:
        """Evict an issuer completely and end its cached tokens.

        The callable is no longer called to confirm the issuer, so its tokens must be verified
        again.
        """
        server.forget()
        self._remember_name(server)

    def _remember_name(self, server: AuthorizationServer) -> None:
        if server.confirmed:
            self._proven_names[server.issuer] = None


def _evict(
    kept: dict[str, T], places: int, server_of: Callable[[T], AuthorizationServer]
) -> Iterator[T]:
    """Remove the oldest issuers until `places` are left, and yield each.

    An issuer with a call in flight is moved to the end instead.
    """
    for _ in range(_LOOKS):
        if len(kept) <= places:
            return
        name = next(iter(kept))
        oldest = kept.pop(name)
        if server_of(oldest).is_busy:
            kept[name] = oldest
        else:
            yield oldest


def is_issuer_name(name: str) -> bool:
    """Return whether `name` can be an issuer identifier: printable ASCII, 1 to 2,048 characters."""
    return 0 < len(name) <= _LONGEST_NAME and name.isascii() and name.isprintable()
