"""CORS preflights at the gateway: which settings there are, and what the log says about a refused one."""

from __future__ import annotations

import logging
from typing import Final, Literal, TypeAlias

GatewayPreflights: TypeAlias = Literal["auto", "pass", "guard"]
"""The guard cannot see what answers behind the gateway, so `auto` guards preflights here."""

_log: Final = logging.getLogger("iiniit_guard.sidecar")
_PAUSE_SECONDS: Final = 60.0
_CURE: Final = (
    "server.preflights: the guard refused a CORS preflight; browsers send it without a token. If the API or the gateway answers OPTIONS "
    'without running a handler, set preflights = "pass" in [server]. To refuse preflights without this message, set preflights = "guard".'
)


class PreflightNotice:
    """Logs that a preflight was refused, at most once a minute: any client can send one."""

    def __init__(self) -> None:
        self._silent_until = float("-inf")

    def log(self, now: float) -> None:
        """Log the cure.

        Args:
            now: Seconds of a clock.
        """
        if now >= self._silent_until:
            self._silent_until = now + _PAUSE_SECONDS
            _log.warning(_CURE)
