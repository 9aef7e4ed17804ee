"""Issuers that the application's own callable knows: found by the name that a token claims, kept within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Final, NamedTuple, TypeVar

from cachetools import FIFOCache

from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.trusted_issuer import TrustedIssuer
from iiniit_guard.core.model.clock import Clock, Moment
from iiniit_guard.core.model.flow import Ask, Flow, SingleFlight, Unreachable
from iiniit_guard.errors import UsageError

T = TypeVar("T")

MAX_AGE_SECONDS: Final = 60.0
_PROVEN_KEPT: Final = 1_000
_UNPROVEN_KEPT: Final = 64
_PARKED_KEPT: Final = 1_000  # of the proven ones, and as many others
_NAMES_KEPT: Final = 10_000
_LOOKS: Final = 32  # how many issuers one eviction looks at: it must cost the same however many are busy
_LONGEST_QUESTION_SECONDS: Final = 5.0
_STRANGERS_KEPT: Final = 1_000
_STRANGER_SECONDS: Final = 60.0
_LONGEST_NAME: Final = 2_048


class _Known(NamedTuple):
    """An issuer, and when the callable was last asked about it."""

    server: AuthorizationServer
    asked: Moment


class _Answer(NamedTuple):
    """What the callable answered: the issuer, or None for a name that it does not know."""

    server: AuthorizationServer | None


class FoundIssuers:
    """What a callable from `iss` to a `TrustedIssuer` answered.

    An issuer of which no good token has come yet is kept apart, in few places: a client that invents names that the callable
    accepts (one per tenant, say) must not make a real issuer lose its keys. An issuer that loses its place is parked with its keys,
    its cool-downs and its circuit breakers: it counts again once the callable has confirmed it, and its documents need not be fetched
    again. Proven issuers and others are parked apart. An issuer keeps its place while a call to it is under way.

    Args:
        find: The application's callable.
        make: Makes the server of the settings that it returns.
        clock: Both clocks.
        max_age_seconds: How long an answer of the callable counts.
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
        """The issuers known at this moment."""
        with self._lock:
            return tuple(known.server for kept in (self._proven, self._unproven) for known in kept.values())

    def remaining(self, issuer: str) -> float:
        """Return the seconds until the callable must be asked again before anything of `issuer` counts; 0 if it must be now."""
        known = self._proven.get(issuer) or self._unproven.get(issuer)
        return 0.0 if known is None else max(0.0, self._max_age - self._clock.age(known.asked))

    def server_of(self, issuer: str) -> Flow[AuthorizationServer | None]:
        """Find the issuer that is called `issuer` to the letter; the callable is asked at most once in `max_age_seconds` about each.

        An issuer that the callable no longer knows, or knows with other settings, is withdrawn with all that it vouched for.

        Raises:
            UsageError: The callable returns something else than a `TrustedIssuer` or None.
        """
        if not is_issuer_name(issuer):
            return None  # no settings could have this name, and a database behind the callable might choke on it
        answer = self._answer(issuer)
        if answer is not None:
            return answer.server
        if self._max_age <= 0:  # then the question must not be older than the request
            return (yield from self._ask(issuer))
        while True:
            server = yield from self._flights.share(issuer, lambda: self._ask_unless_answered(issuer), _LONGEST_QUESTION_SECONDS)
            if not isinstance(server, Unreachable):  # else another's question did not end in time: this caller asks
                return server

    def _answer(self, issuer: str) -> _Answer | None:
        """Return what the callable answered where that still counts, else None."""
        now = self._clock.monotonic()
        with self._lock:
            if self._strangers.get(issuer, now) > now:
                return _Answer(None)
            known = self._known(issuer)
        return _Answer(known.server) if known is not None and self._clock.age(known.asked) < self._max_age else None

    def _ask_unless_answered(self, issuer: str) -> Flow[AuthorizationServer | None]:
        answer = self._answer(issuer)  # another's question may have ended between this caller's look and its lead
        return (yield from self._ask(issuer)) if answer is None else answer.server

    def _ask(self, issuer: str) -> Flow[AuthorizationServer | None]:
        now = self._clock.now()
        settings = yield Ask(self._find, (issuer,))
        if settings is not None and not isinstance(settings, TrustedIssuer):
            raise UsageError("issuers: the callable gives a TrustedIssuer or None")
        with self._lock:
            server = self._take(issuer)
            # Another name than the one asked for is an answer about another issuer: this token's issuer is unknown.
            wanted = settings if settings is not None and settings.issuer == issuer else None
            if server is not None and (wanted is None or server.settings != wanted):
                server.withdraw()
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
        """Take fresh locks: another thread of the parent may have held the old ones."""
        self._lock = Lock()
        self._flights.reset_after_fork()
        for server in (*self.servers, *self._parked_proven.values(), *self._parked_unproven.values()):
            server.reset_after_fork()

    def _known(self, issuer: str) -> _Known | None:
        known = self._unproven.get(issuer)
        if known is not None and known.server.proven:
            del self._unproven[issuer]
            self._place(known)
        return known or self._proven.get(issuer)

    def _take(self, issuer: str) -> AuthorizationServer | None:
        """Remove an issuer from wherever it is kept."""
        known = self._proven.pop(issuer, None) or self._unproven.pop(issuer, None)
        parked = self._parked_proven.pop(issuer, None) or self._parked_unproven.pop(issuer, None)
        return parked if known is None else known.server

    def _place(self, known: _Known) -> None:
        server = known.server
        if server.proven:
            self._proven[server.issuer] = known
            for loser in _evict(self._proven, _PROVEN_KEPT, lambda kept: kept.server):
                self._park(loser.server)
            return
        self._unproven[server.issuer] = known
        for loser in _evict(self._unproven, _UNPROVEN_KEPT, lambda kept: kept.server):
            if loser.server.proven:
                self._place(loser)
            else:
                self._park(loser.server)

    def _park(self, server: AuthorizationServer) -> None:
        if not server.proven and not server.has_asked:
            self._forget(server)  # nothing was learned of it
            return
        parked = self._parked_proven if server.proven else self._parked_unproven
        parked[server.issuer] = server
        for loser in _evict(parked, _PARKED_KEPT, lambda kept: kept):
            self._forget(loser)

    def _forget(self, server: AuthorizationServer) -> None:
        """Let an issuer go. The callable will not be asked about it in its place, so what it vouched for is verified anew."""
        server.forget()
        self._remember_name(server)

    def _remember_name(self, server: AuthorizationServer) -> None:
        if server.proven:
            self._proven_names[server.issuer] = None


def _evict(kept: dict[str, T], places: int, server_of: Callable[[T], AuthorizationServer]) -> Iterator[T]:
    """Remove the oldest issuers until `places` are left, and yield each; one to which a call is under way goes to the end instead."""
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
    """Tell whether an issuer could be called `name`: some printable ASCII, as its settings demand."""
    return 0 < len(name) <= _LONGEST_NAME and name.isascii() and name.isprintable()
