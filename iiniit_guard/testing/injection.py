"""Failures of an authorization server for the duration of a `with` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iiniit_guard.testing.faults import IssuerResponse
    from iiniit_guard.testing.metadata import Kind


class FaultInjection:
    """The part of `Issuer` that begins and ends failures. `Issuer.fail` does the work."""

    slow_seconds: float
    skew_seconds: float

    def fail(self, mode: str | IssuerResponse | None, at: Kind | None = None) -> None:
        """Make this server fail, or end the failure. See `Issuer.fail`."""
        raise NotImplementedError

    @contextmanager
    def down(self, at: Kind | None = None) -> Iterator[None]:
        """Refuse every connection in this block.

        >>> from iiniit_guard.testing import Issuer
        >>> issuer = Issuer()
        >>> with issuer.down():
        ...     pass  # the guard answers 503

        Args:
            at: Only this endpoint; None means all of them.
        """
        self.fail("connection", at)
        try:
            yield
        finally:
            self.fail(None, at)

    @contextmanager
    def slow(self, seconds: float, at: Kind | None = None) -> Iterator[None]:
        """Answer late in this block. The clock advances; no test waits.

        A guard that does not wait for `seconds` (`timeout_seconds`, by default 5) gets no response.

        Args:
            seconds: How long a response takes.
            at: Only this endpoint; None means all of them.
        """
        before, self.slow_seconds = self.slow_seconds, seconds
        self.fail("slow", at)
        try:
            yield
        finally:
            self.slow_seconds = before
            self.fail(None, at)

    @contextmanager
    def skewed(self, seconds: float) -> Iterator[None]:
        """Issue tokens by a wrong clock in this block.

        Args:
            seconds: How many seconds the clock of this server is ahead of that of the guard.
        """
        before, self.skew_seconds = self.skew_seconds, seconds
        try:
            yield
        finally:
            self.skew_seconds = before
