"""The number of examples of a property: fixed in the suite, many times as many in `make fuzz`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypothesis import settings

FUZZ_FACTOR: Final = 20


def examples(count: int) -> Callable:
    """Return the decorator that bounds the examples of a property."""
    return settings(max_examples=scaled(count))


def scaled(count: int) -> int:
    """Return the number of examples under the loaded profile."""
    return count * FUZZ_FACTOR if settings.get_current_profile_name() == "fuzz" else count
