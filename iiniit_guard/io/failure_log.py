"""The log of the exceptions of a listener of the application."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from iiniit_guard.core.model.log_line import write_line

FAILURE_SECONDS: Final = 60.0
"""A line about one listener and one type of exception appears once in this time."""

_TYPES_KEPT: Final = 16


class FailureLog:
    """Log the exceptions of one listener, once a minute for each type.

    Each request calls the listener, so a client determines how often it fails. The message of an
    exception is not logged, because it may quote a token.

    Args:
        name: The setting that has the listener.
        monotonic: Returns the monotonic time.
    """

    def __init__(self, name: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._monotonic = monotonic
        # Two threads may log one line each at the same moment; a lock could be held at a fork.
        self._next: dict[str, float] = {}

    def __call__(self, error: Exception) -> None:
        """Log an exception, unless one of its type was logged less than a minute ago."""
        kind, now = type(error).__qualname__, self._monotonic()
        # The types after the first ones share a place, so that the table is bounded.
        place = kind if kind in self._next or len(self._next) < _TYPES_KEPT else ""
        if now >= self._next.get(place, float("-inf")):
            self._next[place] = now + FAILURE_SECONDS
            write_line(logging.ERROR, "%s failed: %s", self._name, kind)
