"""Issuers that the application's own callable knows: found by the name that a token claims, kept within bounds."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple

from cachetools import FIFOCache

from iiniit_guard.core.authorization_server import AuthorizationServer
from iiniit_guard.core.clock import Clock, Moment
from iiniit_guard.core.flow import Ask, Flow
from iiniit_guard.core.trusted_issuer import TrustedIssuer
from iiniit_guard.errors import UsageError

MAX_AGE_SECONDS: Final = 60.0
_PROVEN_KEPT: Final = 1_000
_UNPROVEN_KEPT: Final = 64
_PARKED_KEPT: Final = 1_000
_STRANGERS_KEPT: Final = 1_000
_STRANGER_SECONDS: Final = 60.0
_LONGEST_NAME: Final = 2_048


class _Known(NamedTuple):
    """An issuer, and when the callable was last asked about it."""

    server: AuthorizationServer
    asked: Moment


class FoundIssuers:
    """What a callable from `iss` to a `TrustedIssuer` answered.

    An issuer of which no good token has come yet is kept apart, in few places: a client that invents names that the callable
    accepts (one per tenant, say) must not make a real issuer lose its keys. An issuer that loses its place is parked with its keys
    and its cool-downs: it counts again once the callable has confirmed it, and its documents need not be fetched again.

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
        self._parked: dict[str, AuthorizationServer] = {}
        self._strangers: FIFOCache[str, float] = FIFOCache(_STRANGERS_KEPT)

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
        now = self._clock.now()
        with self._lock:
            if self._strangers.get(issuer, now.monotonic) > now.monotonic:
                return None
            known = self._known(issuer)
        if known is not None and self._clock.age(known.asked) < self._max_age:
            return known.server
        settings = yield Ask(self._find, (issuer,))
        if settings is not None and not isinstance(settings, TrustedIssuer):
            raise UsageError("issuers: the callable gives a TrustedIssuer or None")
        with self._lock:
            server = self._take(issuer)
            # Another name than the one asked for is an answer about another issuer: this token's issuer is unknown.
            wanted = settings if settings is not None and settings.issuer == issuer else None
            if server is not None and (wanted is None or server.settings != wanted):
                server.withdraw()
                server = None
            if wanted is None:
                self._strangers[issuer] = now.monotonic + min(_STRANGER_SECONDS, self._max_age)
                return None
            if server is None:
                server = self._make(wanted)
            self._place(_Known(server, now))
            return server

    def reset_after_fork(self) -> None:
        """Take fresh locks: another thread of the parent may have held the old ones."""
        self._lock = Lock()
        for server in (*self.servers, *self._parked.values()):
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
        parked = self._parked.pop(issuer, None)
        return parked if known is None else known.server

    def _place(self, known: _Known) -> None:
        kept, places = (self._proven, _PROVEN_KEPT) if known.server.proven else (self._unproven, _UNPROVEN_KEPT)
        kept[known.server.issuer] = known
        if len(kept) <= places:
            return
        oldest = kept.pop(next(iter(kept)))
        if kept is self._unproven and oldest.server.proven:
            self._place(oldest)
        else:
            self._park(oldest.server)

    def _park(self, server: AuthorizationServer) -> None:
        if server.has_asked:
            self._parked[server.issuer] = server
            if len(self._parked) <= _PARKED_KEPT:
                return
            server = self._parked.pop(next(iter(self._parked)))
        server.withdraw()  # Nothing watches over it any longer. What it vouched for is verified anew.


def is_issuer_name(name: str) -> bool:
    """Tell whether an issuer could be called `name`: some printable ASCII, as its settings demand."""
    return 0 < len(name) <= _LONGEST_NAME and name.isascii() and name.isprintable()
