"""Decisions as lines of JSON, for an audit trail or a SIEM."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from iiniit_guard.core.http.event import Event

__all__ = ["AuditLog"]

_FIELDS: Final = (
    *("host", "method", "decision", "status", "reason", "cache", "seconds", "issuer", "client_id"),
    *("subject", "token_digest", "cause", "detail"),
)


class AuditLog:
    """Log one JSON object per decision: `Guard(on_event=AuditLog())`.

    The members are those of `Event`, without those that are None. `time` is in UTC, in the form of
    RFC 3339. The subject of the token is included; the setting `event_subject=False` omits it. A
    line contains no line break, and only ASCII characters. It contains no token and no path.

    The logger is `iiniit_guard.audit`, at the level INFO. Unless its `propagate` is False, the
    handlers of the logger `iiniit_guard` and of the root logger get the lines too.

    Args:
        logger: The target; by default `iiniit_guard.audit`.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logging.getLogger("iiniit_guard.audit") if logger is None else logger

    def __call__(self, event: Event) -> None:
        """Log the decision."""
        if self._logger.isEnabledFor(logging.INFO):
            self._logger.info("%s", as_json(event))


def as_json(event: Event) -> str:
    """Return `event` as one line of JSON."""
    when = datetime.fromtimestamp(event.time, UTC).isoformat(timespec="milliseconds")
    members = {name: getattr(event, name) for name in _FIELDS}
    known = {name: value for name, value in members.items() if value is not None}
    return json.dumps({"time": when.replace("+00:00", "Z"), **known})
