"""Every effect but the network and work in the background, in threads and on event loops."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import cast

import pytest

from iiniit_guard.core.model.flow import (
    TIMED_OUT,
    Call,
    Checkpoint,
    Fetch,
    HttpRequest,
    HttpResponse,
    ReadFile,
    StoreAdd,
    StoreGet,
    StoreSet,
    Unreachable,
    Wait,
)
from iiniit_guard.errors import UsageError
from iiniit_guard.io import http
from iiniit_guard.io.effects import EffectRunner
from iiniit_guard.io.store import Store
from tests.integration.servers.worlds import WORLDS

MIB = 1 << 20


class TestFetch:
    def test_a_transport_stands_for_the_network(self, world):
        seen: list[HttpRequest] = []
        request = HttpRequest("GET", "https://auth.example/")
        performer = EffectRunner(transport=lambda sent: seen.append(sent) or HttpResponse(200))

        assert world.replies(performer, Fetch(request)) == [HttpResponse(200)]
        assert seen == [request]

    def test_not_after_the_guard_was_closed(self, world):
        performer = EffectRunner(transport=lambda sent: HttpResponse(200))
        performer.close()

        assert world.replies(performer, Fetch(HttpRequest("GET", ""))) == [
            Unreachable("connection", "the guard is closed")
        ]

    def test_without_a_free_thread_the_loop_itself_imports_the_client(self):
        performer = EffectRunner()
        performer._blocking.limit = performer._blocking.backlog = 0

        assert isinstance(
            asyncio.run(performer.loops.perform(Fetch(HttpRequest("GET", "http://127.0.0.1:1/")))),
            Unreachable,
        )

    def test_a_loop_uses_the_client_that_a_thread_imported(self, performer):
        """The loop waits for no thread, although all threads are occupied."""
        fetch, go_on = Fetch(HttpRequest("GET", "http://127.0.0.1:1/")), threading.Event()
        performer.perform(fetch)
        occupied = [performer._blocking.run(go_on.wait) for _ in range(4)]

        async def fetched() -> object:
            return await asyncio.wait_for(performer.loops.perform(fetch), 5)

        assert isinstance(asyncio.run(fetched()), Unreachable)
        go_on.set()
        assert all(thread.result(5) for thread in occupied)


class TestJoin:
    def test_an_outcome_that_is_there(self, world, performer):
        load: Future[object] = Future()
        load.set_result("outcome")

        assert world.replies(performer, Wait(load, 5)) == ["outcome"]

    def test_an_outcome_that_another_thread_brings(self, world, performer):
        load: Future[object] = Future()
        load.set_running_or_notify_cancel()
        timer = threading.Timer(0.02, load.set_result, ("outcome",))
        timer.start()

        assert world.replies(performer, Wait(load, 5)) == ["outcome"]
        timer.join()

    def test_none_in_time(self, world, performer):
        load: Future[object] = Future()
        load.set_running_or_notify_cancel()

        assert world.replies(performer, Wait(load, 0.01)) == [TIMED_OUT]
        load.set_result("late")  # calls back into no loop that is closed

    def test_a_loop_that_ended_is_not_called_back(self, performer, caplog):
        load: Future[object] = Future()
        load.set_running_or_notify_cancel()

        async def cancelled() -> None:
            waiting = asyncio.ensure_future(performer.loops.perform(Wait(load, 5)))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

        asyncio.run(cancelled())
        load.set_result("late")

        assert caplog.records == []


def test_other_tasks_of_the_loop_run_at_a_checkpoint(performer):
    async def both() -> tuple[object, bool]:
        other = asyncio.ensure_future(asyncio.sleep(0))
        await asyncio.sleep(0)
        return await performer.loops.perform(Checkpoint()), other.done()

    assert asyncio.run(both()) == (None, True)


class TestReadFile:
    @pytest.mark.parametrize("size", [0, 1, MIB])
    def test_a_file(self, world, performer, tmp_path, size):
        file = tmp_path / "keys.json"
        file.write_bytes(b"x" * size)

        assert world.replies(performer, ReadFile(str(file))) == [b"x" * size]

    def test_one_byte_too_many(self, world, performer, tmp_path):
        file = tmp_path / "keys.json"
        file.write_bytes(b"x" * (MIB + 1))

        assert world.replies(performer, ReadFile(str(file))) == [
            Unreachable("file", f"over 1 MiB: {file}")
        ]

    def test_none(self, world, performer, tmp_path):
        missing = f"{tmp_path}/missing"

        assert world.replies(performer, ReadFile(missing)) == [
            Unreachable("file", f"FileNotFoundError: {missing}")
        ]

    def test_a_name_that_cannot_be(self, world, performer):
        assert world.replies(performer, ReadFile("a\0b")) == [
            Unreachable("file", "ValueError: a\0b")
        ]

    def test_no_file(self, world, performer, tmp_path):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        replies = world.replies(performer, ReadFile(str(pipe)), ReadFile(str(tmp_path)))

        assert replies == [
            Unreachable("file", f"not a regular file: {path}") for path in (pipe, tmp_path)
        ]

    def test_no_thread_for_it(self, performer):
        performer._blocking.backlog = 0

        assert asyncio.run(performer.loops.perform(ReadFile("x"))) == Unreachable(
            "file", "no thread is free to read x"
        )


class Awaitable:
    """An awaitable that is not a coroutine."""

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return "awaited"


async def asynchronous(argument: str) -> str:
    await asyncio.sleep(0)
    return f"awaited {argument}"


class TestAsk:
    def test_a_function(self, world, performer):
        assert world.replies(performer, Call(max, (1, 2))) == [2]

    def test_what_it_raises_is_a_bug_that_goes_on(self, world, performer):
        with pytest.raises(ZeroDivisionError):
            world.replies(performer, Call(divmod, (1, 0)))

    def test_an_asynchronous_function_on_a_loop(self, performer):
        replies = WORLDS["loops"].replies(
            performer, Call(asynchronous, ("x",)), Call(Awaitable, ())
        )

        assert replies == ["awaited x", "awaited"]

    @pytest.mark.parametrize(
        ("function", "arguments", "name"),
        [(asynchronous, ("x",), "asynchronous"), (Awaitable, (), "Awaitable")],
    )
    def test_an_asynchronous_function_in_a_thread_is_named(
        self, performer, function, arguments, name
    ):
        with pytest.raises(
            UsageError,
            match=f"^{name} is asynchronous, but was called from a synchronous application$",
        ):
            performer.perform(Call(function, arguments))

    def test_what_has_no_name_is_named_by_its_class(self, performer):
        class Validator:
            def __call__(self) -> object:
                return Awaitable()

        with pytest.raises(UsageError, match="Validator is asynchronous"):
            performer.perform(Call(Validator(), ()))


class FakeStore:
    """A substitute for `Store`; tests/unit/io/test_store.py tests the real one."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def perform(self, effect):
        self.seen.append(effect)
        return "from a thread"

    async def perform_async(self, effect, transports):
        self.seen.append(effect)
        return "from a loop"

    def close(self) -> None:
        self.seen.append("closed")

    def after_fork(self) -> None:
        self.seen.append("forked")


class TestStore:
    effects = (StoreGet(("a", "b")), StoreSet("a", b"value", 1.0), StoreAdd("a", 1.0))

    def test_without_one_every_look_is_a_miss(self, world, performer):
        assert world.replies(performer, *self.effects) == [(None, None), None, None]

    def test_with_one_it_is_asked(self, world):
        store = FakeStore()
        performer = EffectRunner(store=cast("Store", store))
        where = "thread" if world is WORLDS["threads"] else "loop"

        assert world.replies(performer, *self.effects) == [f"from a {where}"] * 3
        performer.after_fork()
        performer.close()
        assert store.seen == [*self.effects, "forked", "closed"]


def test_a_performer_that_was_not_used_is_closed():
    EffectRunner().close()
    asyncio.run(EffectRunner().aclose())


def test_two_threads_make_one_client(performer, monkeypatch):
    together = threading.Barrier(2)
    make = http.TlsContexts
    monkeypatch.setattr(http, "TlsContexts", lambda: (together.wait(5), make())[1])
    made: list[object] = []
    threads = [
        threading.Thread(target=lambda: made.append(performer._make_clients())) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert made[0] is made[1]


def test_to_construct_one_loads_neither_the_client_nor_asyncio():
    code = (
        "import sys; from iiniit_guard.io.effects import EffectRunner; EffectRunner();"
        "print(sorted({'httpx2', 'httpcore2', 'ssl', 'asyncio', 'anyio', 'socket'} & "
        "set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout == "[]\n"
