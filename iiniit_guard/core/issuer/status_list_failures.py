"""The present failures of the status lists of one issuer, for the status page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from iiniit_guard.core.model.flow import Unreachable


class ListFailures(NamedTuple):
    """The failures of status lists.

    Attributes:
        failure: The last failure of the list that has failed for the longest time.
        since: The wall time of the first failure of this list.
        failing: How many lists fail. 0 if the guard does not fetch lists because of a limit.
        known: How many lists the guard knows.
    """

    failure: Unreachable
    since: float
    failing: int
    known: int


class FailingList(Protocol):
    """What this module needs of a status list."""

    @property
    def failure(self) -> Unreachable | None:
        """The failure of the last fetch."""
        ...

    @property
    def failing_since(self) -> float | None:
        """The wall time of the first failure since the last success."""
        ...


def failures_of(failing: Sequence[FailingList], known: int) -> ListFailures | None:
    """Return the failures of lists that fail; None if no list fails.

    Args:
        failing: The lists that failed when the caller read them. Another thread may have fetched
            one since.
        known: The number of all lists of the issuer.
    """
    found = [(each.failing_since, each.failure) for each in failing]
    present = [(since, failure) for since, failure in found if since is not None and failure]
    if not present:
        return None
    since, failure = min(present, key=lambda one: one[0])
    return ListFailures(failure, since, len(present), known)
