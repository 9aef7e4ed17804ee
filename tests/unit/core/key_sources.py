"""Steps of a key source, shared by its tests."""

from __future__ import annotations

from typing import Any

from iiniit_guard.core.issuer.key_source import KeySource
from tests.unit.core.stepping import KEY, Steps, key_set


def obtain(source: KeySource) -> Steps:
    """Begin to obtain the key set."""
    return Steps(source.get())


def begin(source: KeySource, *keys: Any, **more: Any) -> Any:
    """Answer the first fetch with these keys, and return the key set."""
    return obtain(source).send(key_set(*(keys or (KEY,)), **more)).result


def validity(source: KeySource, key: Any = KEY) -> Any:
    """Return the validity of a key of the current set."""
    assert source.value is not None
    (found,) = source.value.find(key.kid, key.algorithm)
    return source.validity_of(found)
