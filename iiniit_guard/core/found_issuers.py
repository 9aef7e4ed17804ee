"""Issuers that the application's own callable knows: found by the name that a token claims, kept within bounds."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final

from cachetools import FIFOCache

from iiniit_guard.core.authorization_server import AuthorizationServer
from iiniit_guard.core.clock import Clock
from iiniit_guard.core.flow import Ask, Flow
from iiniit_guard.core.trusted_issuer import TrustedIssuer
from iiniit_guard.errors import UsageError

_PROVEN_KEPT: Final = 1_000
_UNPROVEN_KEPT: Final = 64
_STRANGERS_KEPT: Final = 1_000
_STRANGER_SECONDS: Final = 60.0
_KNOWN_SECONDS: Final = 300.0
_LONGEST_NAME: Final = 2_048


class FoundIssuers:
    """What a callable from `iss` to a `TrustedIssuer` answered.

    An issuer of which no good token has come yet is kept apart, in few places: a stranger who invents names that the callable
    accepts (one per tenant, say) must not make a real issuer lose its keys.

    Args:
        find: The application's callable.
        make: Makes the server of the settings that it gives.
        clock: Both clocks.
    """

    def __init__(self, find: Callable[[str], object], make: Callable[[TrustedIssuer], AuthorizationServer], clock: Clock) -> None:
        self._find = find
        self._make = make
        self._monotonic = clock.monotonic
        self._lock = Lock()
        self._proven: FIFOCache[str, tuple[AuthorizationServer, float]] = FIFOCache(_PROVEN_KEPT)
        self._unproven: FIFOCache[str, tuple[AuthorizationServer, float]] = FIFOCache(_UNPROVEN_KEPT)
        self._strangers: FIFOCache[str, float] = FIFOCache(_STRANGERS_KEPT)

    @property
    def servers(self) -> tuple[AuthorizationServer, ...]:
        """The issuers known at this moment."""
        with self._lock:
            return tuple(server for kept in (self._proven, self._unproven) for server, _ in kept.values())

    def server_of(self, issuer: str) -> Flow[AuthorizationServer | None]:
        """Find the issuer that is called `issuer` to the letter; the callable is asked at most once in five minutes about each.

        Raises:
            UsageError: The callable gives something else than a `TrustedIssuer` or None.
        """
        if not is_issuer_name(issuer):
            return None  # no settings could have this name, and a database behind the callable might choke on it
        now = self._monotonic()
        with self._lock:
            if self._strangers.get(issuer, now) > now:
                return None
            server, asked_again_at = self._known(issuer)
        if server is not None and now < asked_again_at:
            return server
        settings = yield Ask(self._find, (issuer,))
        if settings is not None and not isinstance(settings, TrustedIssuer):
            raise UsageError("issuers: the callable gives a TrustedIssuer or None")
        with self._lock:
            server, _ = self._known(issuer)
            for kept in (self._proven, self._unproven):
                kept.pop(issuer, None)
            # Another name than the one asked for is an answer about another issuer: this token's is a stranger.
            if settings is None or settings.issuer != issuer:
                self._strangers[issuer] = now + _STRANGER_SECONDS
                return None
            if server is None or server.settings != settings:
                server = self._make(settings)
            self._place(server, now + _KNOWN_SECONDS)
            return server

    def reset_after_fork(self) -> None:
        """Take a fresh lock: another thread of the parent may have held the old one."""
        self._lock = Lock()

    def _known(self, issuer: str) -> tuple[AuthorizationServer | None, float]:
        if issuer in self._proven:
            return self._proven[issuer]
        if issuer not in self._unproven:
            return None, 0.0
        server, asked_again_at = self._unproven[issuer]
        if server.proven:
            del self._unproven[issuer]
            self._place(server, asked_again_at)
        return server, asked_again_at

    def _place(self, server: AuthorizationServer, asked_again_at: float) -> None:
        (self._proven if server.proven else self._unproven)[server.issuer] = (server, asked_again_at)


def is_issuer_name(name: str) -> bool:
    """Tell whether an issuer could be called `name`: some printable ASCII, as its settings demand."""
    return 0 < len(name) <= _LONGEST_NAME and name.isascii() and name.isprintable()
