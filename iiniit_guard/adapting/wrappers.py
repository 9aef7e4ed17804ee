"""Wrap a handler so that it runs only after a decision: functions, coroutines and generators.

Error reporters send the local variables of each frame of a traceback, and some also those of the
running frames. Therefore every wrapper deletes the variables that hold the header fields of the
request before the handler runs or the refusal is raised.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import wraps
from typing import Any, Final, TypeAlias

from iiniit_guard.adapting.types import Args, Handler, Keywords
from iiniit_guard.core.model.policy import Policy

Refuse: TypeAlias = Callable[[Args, Keywords, Policy], Exception | None]
"""Returns the exception that refuses the request of a call; None if the request passes."""
RefuseAsync: TypeAlias = Callable[[Args, Keywords, Policy], Awaitable[Exception | None]]

LATER: Final = Exception("the decision waits until the result is awaited or iterated")
"""What a `Refuse` returns if the other wrapper of a handler must decide."""


def synchronous(
    handler: Handler, policy: Policy, refuse: Refuse, later: Handler | None = None
) -> Handler:
    """Return a function that runs `handler` after a decision.

    Args:
        handler: A function.
        policy: The policy of the handler.
        refuse: Decides about the request; it may block.
        later: Another wrapper of `handler`, which runs if `refuse` returns `LATER`.
    """

    @wraps(handler)
    def guarded(*args: object, **kwargs: object) -> object:
        refused = refuse(args, kwargs, policy)
        if refused is None:
            # This frame must not hold the arguments while the handler runs.
            held: list[Any] = [kwargs, args]
            del args, kwargs
            return handler(*held.pop(), **held.pop())
        if refused is LATER and later is not None:
            return later(*args, **kwargs)
        del args, kwargs
        raise refused from None

    return guarded


def asynchronous(handler: Handler, policy: Policy, refuse: RefuseAsync) -> Handler:
    """Return a coroutine function that runs `handler`, a coroutine function, after a decision."""

    @wraps(handler)
    async def guarded(*args: object, **kwargs: object) -> object:
        refused = await refuse(args, kwargs, policy)
        held: list[Any] = [kwargs, args]
        del args, kwargs
        if refused is not None:
            held.clear()
            raise refused from None
        return await handler(*held.pop(), **held.pop())

    return guarded


def generating(handler: Handler, policy: Policy, refuse: Refuse) -> Handler:
    """Return a generator function that runs `handler` after a decision at the first step."""

    @wraps(handler)
    def guarded(*args: object, **kwargs: object) -> Generator[object, object, object]:
        refused = refuse(args, kwargs, policy)
        held: list[Any] = [kwargs, args]
        del args, kwargs
        if refused is not None:
            held.clear()
            raise refused from None
        return (yield from handler(*held.pop(), **held.pop()))

    return guarded


def generating_async(handler: Handler, policy: Policy, refuse: RefuseAsync) -> Handler:
    """Return an asynchronous generator function that runs `handler` after a decision."""

    @wraps(handler)
    async def guarded(*args: object, **kwargs: object) -> AsyncGenerator[object, object]:
        refused = await refuse(args, kwargs, policy)
        held: list[Any] = [kwargs, args]
        del args, kwargs
        if refused is not None:
            held.clear()
            raise refused from None
        # An asynchronous generator has no `yield from` (PEP 525). Pass each value and exception
        # that this generator receives at its yield to `steps`.
        steps = handler(*held.pop(), **held.pop())
        try:
            value = await anext(steps)
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    await steps.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001  # it is thrown into `steps`
                    value = await steps.athrow(error)
                else:
                    value = await steps.asend(sent)
        except StopAsyncIteration:
            return

    return guarded
