"""Run the same steps in a synchronous and in an asynchronous middleware.

The logic is a generator. It yields each step that may wait, and receives the result of the step or
the exception that the step raised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import NamedTuple, TypeAlias, TypeVar, cast

T = TypeVar("T")


class Step(NamedTuple):
    """One step.

    Attributes:
        call: Makes the step and blocks.
        call_async: Returns what to await for the same step.
    """

    call: Callable[[], object]
    call_async: Callable[[], Awaitable[object]]


Steps: TypeAlias = Generator[Step, object, T]


def run(steps: Steps[T], is_pending: Callable[[object], bool]) -> T | Awaitable[T]:
    """Run the steps and return the result of the generator.

    Args:
        steps: The generator.
        is_pending: Returns whether the result of a step must be awaited, although the middleware
            was called synchronously. The rest then runs asynchronously.
    """
    try:
        step = next(steps)
        while True:
            try:
                result = step.call()
            except Exception as error:  # noqa: BLE001  # the generator receives it
                step = steps.throw(error)
            else:
                if is_pending(result):
                    return run_async(steps, cast("Awaitable[object]", result))
                step = steps.send(result)
                del result  # error reporters send local variables, and a decision may hold a token
    except StopIteration as end:
        value: T = end.value
        return value


async def run_async(steps: Steps[T], pending: Awaitable[object] | None = None) -> T:
    """Asynchronous version of `run`.

    Args:
        steps: The generator.
        pending: The awaitable of the step that has begun; None if none has.
    """
    try:
        if pending is None:
            pending = next(steps).call_async()
        while True:
            try:
                result = await pending
            except Exception as error:  # noqa: BLE001  # the generator receives it
                step = steps.throw(error)
            else:
                step = steps.send(result)
                del result
            pending = step.call_async()
    except StopIteration as end:
        value: T = end.value
        return value
