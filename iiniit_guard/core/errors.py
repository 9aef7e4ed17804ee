"""The exceptions of `Guard.verify`."""

from __future__ import annotations

from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.errors import GuardError


class TokenRefused(GuardError):
    """Raised by `Guard.verify` for a token that is not valid.

    Attributes:
        problem: The refusal, with a description that is safe to send.
        reason: The stable reason. If a callable finds the issuers, it may be more specific than
            `problem`, and must not be sent to the client.
    """

    def __init__(self, problem: Problem) -> None:
        shown = problem.shown or problem
        super().__init__(shown.description)
        self.problem = shown
        self.reason: Reason = problem.reason
        self._decided = problem

    def __reduce__(self) -> tuple[type[TokenRefused], tuple[Problem]]:
        """Return what recreates this exception in another process, such as a worker of Celery."""
        return TokenRefused, (self._decided,)


class IssuerUnavailable(GuardError):
    """Raised by `Guard.verify` if the token could not be verified. It may be valid.

    Attributes:
        cause: `connection`, `tls`, `timeout`, …
        detail: The failure in words, for a log.
        retry_after_seconds: When a retry may succeed.
    """

    def __init__(self, cause: Unreachable) -> None:
        super().__init__(f"the authorization server is not available: {cause.detail}")
        self.cause = cause.cause
        self.detail: str = cause.detail
        self.retry_after_seconds: float = cause.retry_after_seconds

    def __reduce__(self) -> tuple[type[IssuerUnavailable], tuple[Unreachable]]:
        """Return what recreates this exception in another process, such as a worker of Celery."""
        known = Unreachable(self.cause, self.detail, self.retry_after_seconds)
        return IssuerUnavailable, (known,)
