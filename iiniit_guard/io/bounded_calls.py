"""Calls of the application's functions, with and without a time limit."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Final

from iiniit_guard.core.model.flow import Call, Unreachable
from iiniit_guard.errors import UsageError
from iiniit_guard.io.daemon_threads import DaemonThreads

# As many as one issuer may have calls in flight (`CallLimiter`).
_THREADS: Final = 64
_NO_THREAD: Final = Unreachable("dropped", "introspection: no thread is free for the function")


class BoundedCalls:
    """Call functions that may block or fail. Such a function runs in a daemon thread.

    An exception or a missed time limit is an outage. The message of an exception may contain the
    token or a secret, so only the name of its type is kept.
    """

    def __init__(self) -> None:
        self._threads = DaemonThreads("iiniit_guard-calls", _THREADS)

    def call(self, effect: Call, timeout_seconds: float) -> object:
        """Return what the function returns, or `Unreachable`; block this thread.

        Raises:
            UsageError: The function is asynchronous.
        """
        started = self._start(effect)
        try:
            reply = started.result(timeout_seconds)
        except TimeoutError as error:
            self._threads.give_up(started)
            return _failure(error)
        except OSError:
            return _NO_THREAD
        return _refuse_awaitable(reply, effect.function)

    async def call_async(self, effect: Call, timeout_seconds: float) -> object:
        """Asynchronous version of `call`. An asynchronous function runs on this event loop."""
        import asyncio

        started: Future[object] | None = None
        try:
            async with asyncio.timeout(timeout_seconds):
                if inspect.iscoroutinefunction(effect.function):
                    return await effect.function(*effect.arguments)
                started = self._start(effect)
                reply = await asyncio.wrap_future(started)
                return await reply if inspect.isawaitable(reply) else reply
        except Exception as error:  # noqa: BLE001 - an exception of the function is an outage
            if started is None:
                return _failure(error)
            if started.done() and started.exception() is not None:
                return _NO_THREAD
            self._threads.give_up(started)
            return _failure(error)

    def _start(self, effect: Call) -> Future[object]:
        run = copy_context().run
        return self._threads.run(partial(run, _settled, effect.function, effect.arguments))


def call(function: Callable[..., object], arguments: tuple[object, ...]) -> object:
    """Return what a function of the application returns.

    Raises:
        UsageError: The function is asynchronous.
    """
    return _refuse_awaitable(function(*arguments), function)


def _settled(function: Callable[..., object], arguments: tuple[object, ...]) -> object:
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - as above. asyncio accepts no StopIteration
        return _failure(error)


def _failure(error: Exception) -> Unreachable:
    if isinstance(error, TimeoutError):
        return Unreachable("timeout", "introspection: the function did not return in time")
    # Not "connection": the token itself may be the reason, and must not open the circuit breaker.
    kind = type(error).__qualname__
    return Unreachable("dropped", f"introspection: the function raised {kind}")


def _refuse_awaitable(reply: object, function: Callable[..., object]) -> object:
    if inspect.isawaitable(reply):
        if inspect.iscoroutine(reply):
            reply.close()  # otherwise Python warns that it was never awaited
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise UsageError(f"{name} is asynchronous, but was called from a synchronous application")
    return reply
