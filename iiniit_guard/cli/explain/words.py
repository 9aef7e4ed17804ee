"""Values and times in words. Values of a token are unverified, so they are escaped and cut."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from iiniit_guard.core.model.access_token import LATEST
from iiniit_guard.reporting import escaped

_MOST: Final = 10


def value(received: object) -> str:
    """Return a received value, escaped: a string in quotation marks, or a list of strings."""
    if isinstance(received, str):
        return escaped(received)
    if isinstance(received, list | tuple) and all(isinstance(each, str) for each in received):
        return f"[{', '.join(map(escaped, received[:_MOST]))}{', ...' * (len(received) > _MOST)}]"
    if isinstance(received, bool | int | float) or received is None:
        return str(received).lower() if not isinstance(received, float) else f"{received:g}"
    return f"a JSON {'object' if isinstance(received, dict) else 'array'}"


def number(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}{'s' * (count != 1)}"


def shown(claims: Mapping[str, Any] | None, name: str) -> str:
    """Return the value of a claim in words."""
    return value(claims[name]) if claims is not None and name in claims else "(absent)"


def time_text(at: object, now: float) -> str:
    """Return a time, and how far it is from now."""
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < LATEST:
        return "(absent)" if at is None else value(at)
    seconds = at - now
    distance = f"in {_length(seconds)}" if seconds >= 0 else f"{_length(-seconds)} ago"
    return f"{clock_text(float(at))} ({distance})"


def clock_text(at: float) -> str:
    """Return a time in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _length(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
