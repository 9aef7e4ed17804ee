"""What `Guard.verify` gives, and what it raises."""

from __future__ import annotations

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Unreachable
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.errors import GuardError


class TokenRefused(GuardError):
    """`Guard.verify` was given a token that is not good.

    Attributes:
        problem: The refusal, with a description that is safe to send.
        reason: Why, stable. With issuers that a callable finds it may say more than `problem`, and is not for the client.
    """

    def __init__(self, problem: Problem) -> None:
        shown = problem.shown or problem
        super().__init__(shown.description)
        self.problem = shown
        self.reason: Reason = problem.reason


class IssuerUnavailable(GuardError):
    """`Guard.verify` could not find out whether a token is good; the token may be.

    Attributes:
        retry_after_seconds: When asking again may help.
    """

    def __init__(self, cause: Unreachable) -> None:
        super().__init__(f"the authorization server cannot be asked: {cause.detail}")
        self.cause = cause.cause
        self.retry_after_seconds: float = cause.retry_after_seconds


def unwrap(outcome: AccessToken | Problem | Unreachable) -> AccessToken:
    """Give the token.

    Raises:
        TokenRefused: There is none, but a problem.
        IssuerUnavailable: There is none, since nobody could be asked.
    """
    if isinstance(outcome, AccessToken):
        return outcome
    raise TokenRefused(outcome) if isinstance(outcome, Problem) else IssuerUnavailable(outcome)
