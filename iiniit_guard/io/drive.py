"""The one thing that exists twice: answering what a flow asks, in a thread and on an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from iiniit_guard.core.model.flow import Effect, Flow

T = TypeVar("T")


def run(flow: Flow[T], perform: Callable[[Effect], object]) -> T:
    """Drive `flow` to its end in this thread.

    Args:
        flow: A flow that has not begun.
        perform: Gives the reply to one effect.

    Raises:
        Exception: Whatever `perform` or the flow raises; the flow's `finally` blocks have run by then.
    """
    reply: object = None
    try:
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as finished:
                return cast("T", finished.value)
            reply = perform(effect)
    finally:
        flow.close()  # a request that ends early still runs the core's finally blocks


async def run_async(flow: Flow[T], perform: Callable[[Effect], Awaitable[object]]) -> T:
    """Drive `flow` to its end on the running event loop; else as `run`."""
    reply: object = None
    try:
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as finished:
                return cast("T", finished.value)
            reply = await perform(effect)
    finally:
        flow.close()  # a cancelled request still runs the core's finally blocks
