"""How many examples a property tries: a fixed number in the suite, many times that in `make fuzz`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypothesis import settings

FUZZ_FACTOR: Final = 20


def examples(count: int) -> Callable:
    """Give the decorator that bounds a property's examples."""
    return settings(max_examples=scaled(count))


def scaled(count: int) -> int:
    """Give the number of examples under the profile that is loaded."""
    return count * FUZZ_FACTOR if settings.get_current_profile_name() == "fuzz" else count
