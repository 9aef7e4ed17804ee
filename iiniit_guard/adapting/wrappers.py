"""Wrap a handler so that it runs only after a decision: functions, coroutines and generators.

Error reporters send the local variables of each frame of a traceback, and some also those of the
running frames. Therefore every wrapper deletes the variables that hold the header fields of the
request before the handler runs or the refusal is raised.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial, wraps
from typing import TypeAlias, TypeVar

from iiniit_guard.adapting.types import Args, Handler, Keywords
from iiniit_guard.core.model.policy import Policy

C = TypeVar("C")

Find: TypeAlias = Callable[[Args, Keywords], C]
"""Returns the request among the arguments of a handler, or the current request."""
Refuse: TypeAlias = Callable[[C, Policy], Exception | None]
"""Returns the exception that refuses a request; None if the request passes."""
RefuseAsync: TypeAlias = Callable[[C, Policy], Awaitable[Exception | None]]


def _handed_over(handler: Handler, args: Args, kwargs: Keywords) -> list[Handler]:
    """Return a list of one call, which the caller makes by `pop()()` after deleting its arguments.

    Then no local variable holds the arguments while the handler runs.
    """
    return [partial(handler, *args, **kwargs)]


def synchronous(
    handler: Handler,
    policy: Policy,
    find: Find[C],
    refuse: Refuse[C],
    *,
    later: Handler | None = None,
    waits: Callable[[C, Args], bool] | None = None,
) -> Handler:
    """Return a function that runs `handler` after a decision.

    Args:
        handler: A function.
        policy: The policy of the handler.
        find: Finds the request.
        refuse: Decides about the request; it may block.
        later: Another wrapper of `handler`, whose result decides when it is awaited or iterated.
        waits: Returns whether `later` handles a call.
    """

    @wraps(handler)
    def guarded(*args: object, **kwargs: object) -> object:
        request = find(args, kwargs)
        if later is not None and waits is not None and waits(request, args):
            return later(*args, **kwargs)
        refused = refuse(request, policy)
        call = _handed_over(handler, args, kwargs)
        del args, kwargs, request
        if refused is not None:
            del call
            raise refused from None
        return call.pop()()

    return guarded


def asynchronous(
    handler: Handler, policy: Policy, find: Find[C], refuse: RefuseAsync[C]
) -> Handler:
    """Return a coroutine function that runs `handler`, a coroutine function, after a decision."""

    @wraps(handler)
    async def guarded(*args: object, **kwargs: object) -> object:
        refused = await refuse(find(args, kwargs), policy)
        call = _handed_over(handler, args, kwargs)
        del args, kwargs
        if refused is not None:
            del call
            raise refused from None
        return await call.pop()()

    return guarded


def generating(handler: Handler, policy: Policy, find: Find[C], refuse: Refuse[C]) -> Handler:
    """Return a generator function that runs `handler` after a decision at the first step."""

    @wraps(handler)
    def guarded(*args: object, **kwargs: object) -> Generator[object, object, object]:
        refused = refuse(find(args, kwargs), policy)
        call = _handed_over(handler, args, kwargs)
        del args, kwargs
        if refused is not None:
            del call
            raise refused from None
        return (yield from call.pop()())

    return guarded


def generating_async(
    handler: Handler, policy: Policy, find: Find[C], refuse: RefuseAsync[C]
) -> Handler:
    """Return an asynchronous generator function that runs `handler` after a decision."""

    @wraps(handler)
    async def guarded(*args: object, **kwargs: object) -> AsyncGenerator[object, object]:
        refused = await refuse(find(args, kwargs), policy)
        call = _handed_over(handler, args, kwargs)
        del args, kwargs
        if refused is not None:
            del call
            raise refused from None
        # An asynchronous generator has no `yield from` (PEP 525). Pass each value and exception
        # that this generator receives at its yield to `steps`.
        steps = call.pop()()
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
