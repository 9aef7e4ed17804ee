"""Failures of an authorization server that a test can request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from iiniit_guard.core.model.flow import MAX_BODY_BYTES, HttpResponse, Unreachable

if TYPE_CHECKING:
    from iiniit_guard.core.model.flow import HttpRequest
    from iiniit_guard.testing.clock import SettableClock

IssuerResponse: TypeAlias = HttpResponse | Unreachable

_HTML: Final = (("content-type", "text/html"),)
_JSON: Final = (("content-type", "application/json"),)
_AT_ONCE: Final[dict[str, IssuerResponse]] = {
    "connection": Unreachable("connection", "the connection was refused"),
    "tls": Unreachable("tls", "the certificate has expired"),
    "protocol": Unreachable("protocol", "the response is not HTTP"),
    "too_large": Unreachable("too_large", f"the answer is longer than {MAX_BODY_BYTES} bytes"),
    "garbage": HttpResponse(200, _HTML, b"<!DOCTYPE html><title>It works!</title>"),
    "empty": HttpResponse(200, _JSON),
    "array": HttpResponse(200, _JSON, b"[]"),
    "redirect": HttpResponse(302, (("location", "https://elsewhere.test/"),)),
}
_TAKES_TIME: Final = ("slow", "timeout")


def check_mode(mode: str | IssuerResponse | None) -> None:
    """Check that a failure mode exists.

    A misspelled mode would cause no failure, so a test of an outage would pass without one.

    Raises:
        ValueError: The mode does not exist.
    """
    if (
        isinstance(mode, str)
        and mode not in _AT_ONCE
        and mode not in _TAKES_TIME
        and not (len(mode) == 3 and mode.isdecimal())
    ):
        raise ValueError(f"unknown failure {mode!r}")


def broken(
    mode: str | IssuerResponse | None,
    request: HttpRequest,
    clock: SettableClock,
    slow_seconds: float,
) -> IssuerResponse | None:
    """Return the faulty response to `request`, or None if the correct response is due."""
    if mode is None or isinstance(mode, (HttpResponse, Unreachable)):
        return mode
    timeout = request.connection.timeout_seconds
    if mode == "slow" and slow_seconds < timeout:
        clock.advance(slow_seconds)
        return None
    if mode in _TAKES_TIME:
        clock.advance(timeout)
        return Unreachable("timeout", "no answer in time")
    return _AT_ONCE.get(mode) or HttpResponse(
        int(mode), (("content-type", "text/plain"),), b"out of order"
    )
