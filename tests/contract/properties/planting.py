"""Plant a fault in the package for one test: replace text of one function."""

from __future__ import annotations

import inspect
import textwrap
from types import FunctionType

import pytest


def plant(patch: pytest.MonkeyPatch, function: FunctionType, old: str, new: str) -> None:
    """Replace `old` by `new` in `function`, wherever the function was imported to.

    Args:
        patch: Restores the function after the test.
        function: A function or a method without free variables.
        old: Must stand in its source exactly once.
        new: The fault.
    """
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{function.__qualname__} changed: plant the fault anew"
    future = "from __future__ import annotations\n"
    namespace = dict(function.__globals__)
    exec(compile(future + source.replace(old, new), "planted", "exec"), namespace)
    patch.setattr(function, "__code__", namespace[function.__name__].__code__)
