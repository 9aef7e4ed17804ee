"""Decisions as lines of Python's own logging."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from iiniit_guard.core.http.event import Event

_LEVELS: Final = {"allow": logging.INFO, "deny": logging.INFO, "unavailable": logging.WARNING}


class DecisionLog:
    """Log one line per decision: `deny 401 expired GET host=wsgi cache=miss ms=0.21 issuer=… client=… token=…`.

    The subject is not logged: a log is kept longer and read by more people than anything else. Nor is a path, which may hold
    personal data, or a token, of which the first digits of its digest tell two lines of one token from two tokens.

    Args:
        logger: Where to; by default `iiniit_guard.decisions`.
        which: `refusals`, `all` or `none`.
    """

    def __init__(self, logger: logging.Logger | None = None, which: Literal["refusals", "all", "none"] = "refusals") -> None:
        self._logger = logging.getLogger("iiniit_guard.decisions") if logger is None else logger
        self.which = which

    def __call__(self, event: Event) -> None:
        """Log it, if it is wanted."""
        if self.which == "none" or (self.which == "refusals" and event.decision == "allow"):
            return
        self._logger.log(
            _LEVELS[event.decision],
            "%s %s %s %s host=%s cache=%s ms=%.2f issuer=%s client=%s token=%s",
            event.decision,
            event.status or 200,
            event.reason or "-",
            _word(event.method),
            event.host,
            event.cache,
            event.seconds * 1000,
            _word(event.issuer),
            _word(event.client_id),
            event.token_digest or "-",
        )


def _word(value: str | None) -> str:
    """Write a value that came with a request so that it cannot look like something else on its line."""
    if not value:
        return "-"
    return value if value.isascii() and value.isprintable() and " " not in value else ascii(value)
