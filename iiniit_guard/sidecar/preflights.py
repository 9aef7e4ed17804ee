"""CORS preflights at the gateway: the setting, and the log message about a refused preflight."""

from __future__ import annotations

import logging
from typing import Final, Literal, TypeAlias

GatewayPreflights: TypeAlias = Literal["auto", "pass", "guard"]
"""How `/auth` treats CORS preflights.

The guard does not know which application handles OPTIONS behind the gateway, so `auto` requires a
token for preflights here.
"""

_log: Final = logging.getLogger("iiniit_guard.sidecar")
_PAUSE_SECONDS: Final = 60.0
_CURE: Final = (
    "server.preflights: the guard refused a CORS preflight; browsers send it without a token. If "
    "the API or the gateway answers OPTIONS "
    'without running a handler, set preflights = "pass" in [server]. To refuse preflights without '
    'this message, set preflights = "guard".'
)


class PreflightNotice:
    """Log that a preflight was refused.

    Any client can send a preflight, so the message is logged at most once a minute.
    """

    def __init__(self) -> None:
        self._silent_until = float("-inf")

    def log(self, now: float) -> None:
        """Log the warning, unless it was logged during the last minute.

        Args:
            now: Current time in seconds, always of the same clock.
        """
        if now >= self._silent_until:
            self._silent_until = now + _PAUSE_SECONDS
            _log.warning(_CURE)
