"""Functions of the application that may block or fail, in threads and on event loops."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from functools import partial

import pytest

from iiniit_guard.core.model.flow import Call, Unreachable
from iiniit_guard.errors import UsageError
from iiniit_guard.io.effects import EffectRunner

_REQUEST: ContextVar[str] = ContextVar("request")


def _call(function, *arguments, seconds=5.0):
    return Call(function, arguments, seconds)


def test_a_synchronous_function_runs_in_another_thread(world):
    here = threading.get_ident()

    (thread,) = world.replies(EffectRunner(), _call(threading.get_ident))

    assert thread != here


def test_a_synchronous_function_sees_the_context_of_the_request():
    _REQUEST.set("r-1")

    assert EffectRunner().perform(_call(_REQUEST.get)) == "r-1"


def test_a_hanging_function_is_an_outage(world):
    hangs = threading.Event()

    replies = world.replies(EffectRunner(), _call(hangs.wait, seconds=0.01))

    hangs.set()
    assert replies == [Unreachable("timeout", "introspection: the function did not return in time")]


def test_an_exception_is_an_outage_without_its_message(world):
    def fail(token):
        raise ValueError(token)

    assert world.replies(EffectRunner(), _call(fail, "secret")) == [
        Unreachable("dropped", "introspection: the function raised ValueError")
    ]


def test_without_a_free_thread_it_is_an_outage(world):
    runner = EffectRunner()
    runner._calls._threads.backlog = 0

    assert world.replies(runner, _call(int)) == [
        Unreachable("dropped", "introspection: no thread is free for the function")
    ]


def test_functions_that_hang_do_not_block_the_others(world):
    """Each of several issuers may have a function of its own."""
    runner, hangs = EffectRunner(), threading.Event()
    runner._calls._threads.limit = 3
    hanging = [_call(hangs.wait, seconds=0.05)] * 3
    assert {reply.cause for reply in world.replies(runner, *hanging)} == {"timeout"}

    assert world.replies(runner, _call(int)) == [0]
    hangs.set()


def test_a_call_that_did_not_begin_in_time_never_begins(world):
    runner, hangs, asked = EffectRunner(), threading.Event(), []
    runner._calls._threads.limit = 1
    begun = runner._calls._threads.run(hangs.wait)
    (reply,) = world.replies(runner, _call(asked.append, "token", seconds=0.05))
    hangs.set()
    assert (reply.cause, begun.result(5)) == ("timeout", True)
    assert world.replies(runner, _call(int)) == [0]
    assert asked == []


def test_not_after_the_guard_was_closed(world):
    runner = EffectRunner()
    runner.close()

    assert world.replies(runner, _call(int)) == [Unreachable("connection", "the guard is closed")]


def test_an_asynchronous_function_runs_on_the_loop():
    async def ask(token):
        return token, threading.get_ident()

    for function in (ask, partial(ask), lambda token: ask(token)):
        reply = asyncio.run(EffectRunner().loops.perform(_call(function, "t")))
        assert reply == ("t", threading.get_ident())


def test_an_asynchronous_function_that_fails_or_hangs_is_an_outage():
    async def fail():
        raise KeyError

    async def hang():
        await asyncio.Event().wait()

    async def replies():
        runner = EffectRunner()
        return [
            await runner.loops.perform(_call(fail)),
            await runner.loops.perform(_call(hang, seconds=0.01)),
        ]

    assert [reply.cause for reply in asyncio.run(replies())] == ["dropped", "timeout"]


def test_an_asynchronous_function_is_refused_in_a_synchronous_application():
    async def ask():
        pass

    with pytest.raises(UsageError, match="is asynchronous"):
        EffectRunner().perform(_call(ask))
