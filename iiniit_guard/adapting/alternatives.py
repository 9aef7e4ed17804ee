"""What a handler requires if one of several requirements suffices."""

from __future__ import annotations

from itertools import product
from typing import Final, TypeAlias

from iiniit_guard.core.model.policy import Policy

Alternatives: TypeAlias = tuple[tuple[Policy, ...], ...]
"""A request must satisfy every policy of at least one element. Empty: every request is refused."""

ALWAYS: Final[Alternatives] = ((),)
"""No policy is required."""

# An expression with more combinations is not listed completely.
MOST_ALTERNATIVES: Final = 64


def both(first: Alternatives, second: Alternatives) -> Alternatives:
    """Return the alternatives of requests that satisfy both."""
    joined = (tuple(dict.fromkeys((*one, *other))) for one, other in product(first, second))
    return tuple(dict.fromkeys(joined))[:MOST_ALTERNATIVES]


def either(first: Alternatives, second: Alternatives) -> Alternatives:
    """Return the alternatives of requests that satisfy one of both."""
    return tuple(dict.fromkeys((*first, *second)))[:MOST_ALTERNATIVES]


def without_stricter(alternatives: Alternatives) -> Alternatives:
    """Return the alternatives without those that contain every policy of another one."""
    sets = [frozenset(one) for one in alternatives]
    return tuple(one for one in alternatives if not any(each < frozenset(one) for each in sets))
