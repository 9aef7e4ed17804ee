"""Background work: where it runs, its exceptions, and when it is dropped."""

from __future__ import annotations

import asyncio
import logging
import threading

from iiniit_guard.core.model.flow import Call, Checkpoint, Spawn
from iiniit_guard.io.effects import EffectRunner
from tests.integration.servers.worlds import WORLDS


class Background:
    """A background flow that records what it observed."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.done = threading.Event()
        self.replies: list[object] = []
        self.fault = fault

    def flow(self):
        try:
            self.replies.append((yield Call(len, ("ab",))))
            self.replies.append((yield Call(threading.current_thread, ())))
            if self.fault is not None:
                raise self.fault
        finally:
            self.done.set()


class TestLater:
    def test_a_thread_does_it(self, performer):
        background = Background()

        assert performer.perform(Spawn(background.flow)) is None
        assert background.done.wait(5)
        length, thread = background.replies
        assert length == 2
        assert isinstance(thread, threading.Thread)
        assert (thread.daemon, thread is threading.current_thread()) == (True, False)

    def test_a_task_does_it(self, performer):
        async def main(background: Background) -> bool:
            assert await performer.loops.perform(Spawn(background.flow)) is None
            assert not background.done.is_set()
            assert await asyncio.to_thread(background.done.wait, 5)
            return background.replies == [2, threading.current_thread()]

        assert asyncio.run(main(Background()))

    def test_not_after_the_guard_was_closed(self, world):
        performer, background = EffectRunner(), Background()
        performer.close()

        assert world.replies(performer, Spawn(background.flow), Checkpoint()) == [None, None]
        assert not background.done.is_set()

    def test_not_what_still_waits_when_the_guard_is_closed(self, performer):
        begun, go_on, ended = threading.Semaphore(0), threading.Event(), []

        def wait() -> None:
            begun.release()
            assert go_on.wait(5)

        def occupied():
            yield Call(wait, ())
            ended.append("occupied")

        def start():
            raise AssertionError("it was begun")

        for _ in range(4):
            performer.perform(Spawn(occupied))
        for _ in range(4):
            assert begun.acquire(timeout=5)
        performer.perform(Spawn(start))
        performer.close()
        threads = [
            thread for thread in threading.enumerate() if thread.name == "iiniit_guard-later"
        ]
        go_on.set()
        for thread in threads:
            thread.join(5)

        assert ended == ["occupied"] * 4

    def test_what_it_raises_is_logged_without_what_was_received(self, world, performer, caplog):
        background = Background(LookupError("canary"))

        async def main() -> None:
            await performer.loops.perform(Spawn(background.flow))
            assert await asyncio.to_thread(background.done.wait, 5)
            await asyncio.sleep(0)

        if world is WORLDS["threads"]:
            performer.perform(Spawn(background.flow))
            for thread in threading.enumerate():
                if thread.name == "iiniit_guard-later":
                    thread.join(5)
        else:
            asyncio.run(main())

        [record] = caplog.records
        assert (record.name, record.levelno, record.exc_info) == (
            "iiniit_guard",
            logging.ERROR,
            None,
        )
        assert record.getMessage().startswith(
            f"work in the background failed: LookupError in {__name__}:"
        )
        assert "canary" not in caplog.text

    def test_aclose_cancels_it(self):
        ended = []

        async def main() -> None:
            performer, begun = EffectRunner(), asyncio.Event()

            async def wait() -> None:
                begun.set()
                await asyncio.Event().wait()

            def flow():
                try:
                    yield Call(wait, ())
                finally:
                    ended.append(True)

            await performer.loops.perform(Spawn(flow))
            await begun.wait()
            await performer.aclose()
            assert ended == [True]

        asyncio.run(main())
        assert ended == [True]
