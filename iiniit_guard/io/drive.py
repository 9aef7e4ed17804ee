"""The two drivers of a flow: in a thread and on an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from iiniit_guard.core.model.flow import Effect, Flow

T = TypeVar("T")


def run(flow: Flow[T], perform: Callable[[Effect], object]) -> T:
    """Drive `flow` to its end in this thread.

    Args:
        flow: A flow that has not started.
        perform: Returns the reply to one effect.

    Raises:
        Exception: Any exception of `perform` or of the flow. The `finally` blocks of the flow have
            run by then.
    """
    reply: object = None
    try:
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as finished:
                value: T = finished.value
                return value
            reply = perform(effect)
    finally:
        flow.close()  # Run the `finally` blocks of the core, also if the request ends early.


async def run_async(flow: Flow[T], perform: Callable[[Effect], Awaitable[object]]) -> T:
    """Asynchronous version of `run`."""
    reply: object = None
    try:
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as finished:
                value: T = finished.value
                return value
            reply = await perform(effect)
    finally:
        flow.close()  # Run the `finally` blocks of the core, also if the request is cancelled.
