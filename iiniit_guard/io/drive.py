"""The two drivers of a flow: in a thread and on an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from iiniit_guard.core.model.flow import Effect, Flow

T = TypeVar("T")


def run(flow: Flow[T], perform: Callable[[Effect], object], effect: Effect | None = None) -> T:
    """Drive `flow` to its end in this thread.

    Args:
        flow: The flow.
        perform: Returns the reply to one effect.
        effect: What a flow that has started yielded last; None if `flow` has not started.

    Raises:
        Exception: Any exception of `perform` or of the flow. The `finally` blocks of the flow have
            run by then.
    """
    reply: object = None
    try:
        while True:
            if effect is not None:
                reply = perform(effect)
            try:
                effect = flow.send(reply)
            except StopIteration as finished:
                value: T = finished.value
                return value
    finally:
        flow.close()  # Run the `finally` blocks of the core, also if the request ends early.


async def run_async(
    flow: Flow[T], perform: Callable[[Effect], Awaitable[object]], effect: Effect | None = None
) -> T:
    """Asynchronous version of `run`."""
    reply: object = None
    try:
        while True:
            if effect is not None:
                reply = await perform(effect)
            try:
                effect = flow.send(reply)
            except StopIteration as finished:
                value: T = finished.value
                return value
    finally:
        flow.close()  # Run the `finally` blocks of the core, also if the request is cancelled.
