"""The result and the exceptions of `Guard.verify`."""

from __future__ import annotations

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
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


class IssuerUnavailable(GuardError):
    """Raised by `Guard.verify` if the token could not be verified. It may be valid.

    Attributes:
        cause: `connection`, `tls`, `timeout`, …
        detail: The failure in words, for a log.
        retry_after_seconds: When a retry may succeed.
    """

    def __init__(self, cause: Unreachable) -> None:
        super().__init__(f"the authorization server cannot be asked: {cause.detail}")
        self.cause = cause.cause
        self.detail: str = cause.detail
        self.retry_after_seconds: float = cause.retry_after_seconds


def unwrap(
    outcome: AccessToken | Problem | Unreachable, *, keep_bound: bool = False
) -> AccessToken:
    """Return the token of an outcome.

    Args:
        outcome: The outcome of a verification without a request.
        keep_bound: Whether a token that is bound to a key (`cnf`) is returned. The caller must then
            not treat its sender as authenticated.

    Raises:
        TokenRefused: The outcome is a problem, or the token is bound to a key, which cannot be
            checked without the request.
        IssuerUnavailable: The authorization server could not be called.
    """
    if isinstance(outcome, AccessToken):
        if outcome.confirmation is not None and not keep_bound:
            raise TokenRefused(PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION])
        return outcome
    raise TokenRefused(outcome) if isinstance(outcome, Problem) else IssuerUnavailable(outcome)
