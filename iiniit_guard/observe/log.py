"""Decisions in the log of Python's `logging`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from iiniit_guard.core.http.event import Event

__all__ = ["DecisionLog"]

_LEVELS: Final = {"allow": logging.INFO, "deny": logging.INFO, "unavailable": logging.WARNING}


class DecisionLog:
    """Log one line per decision.

    Example: `deny 401 expired GET host=wsgi cache=miss ms=0.21 issuer=… client=… token=…`.

    The subject is not logged, because logs are kept longer and read by more people than other data.
    The path is not logged, because it may contain personal data. The token is not logged either;
    the first digits of its digest distinguish the lines of two tokens. Cause and detail of an event
    are at the end of the line.

    Args:
        logger: The target; by default `iiniit_guard.decisions`.
        which: `refusals`, `all` or `none`.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        which: Literal["refusals", "all", "none"] = "refusals",
    ) -> None:
        self._logger = logging.getLogger("iiniit_guard.decisions") if logger is None else logger
        self.which = which

    def __call__(self, event: Event) -> None:
        """Log the decision if `which` selects it."""
        if self.which == "none" or (self.which == "refusals" and event.decision == "allow"):
            return
        self._logger.log(
            _LEVELS[event.decision],
            "%s %s %s %s host=%s cache=%s ms=%.2f issuer=%s client=%s token=%s%s%s",
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
            "" if event.cause is None else f" cause={event.cause}",
            "" if event.detail is None else f" {event.detail}",
        )


def _word(value: str | None) -> str:
    """Return a value from a request escaped so that it cannot imitate another part of its line."""
    if not value:
        return "-"
    return value if value.isascii() and value.isprintable() and " " not in value else ascii(value)
