"""Objects of an event loop end with the loop."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from iiniit_guard.io.event_loops import Loops

MARK: ContextVar[str] = ContextVar("mark", default="clean")


def test_background_tasks_are_cancelled_when_the_loop_is_released():
    async def main() -> list[str]:
        seen: list[str] = []
        loops = Loops()

        async def work() -> None:
            try:
                seen.append("begun")
                await asyncio.Event().wait()
            finally:
                seen.append("ended")

        state = await loops.here()
        assert await loops.here() is state
        state.start(work)
        await asyncio.sleep(0)
        await loops.release()
        assert len(loops) == 0
        return seen

    assert asyncio.run(main()) == ["begun", "ended"]


def test_a_background_task_may_itself_release_the_loop():
    async def main() -> bool:
        loops, released = Loops(), asyncio.Event()

        async def work() -> None:
            await loops.release()
            released.set()

        (await loops.here()).start(work)
        return await asyncio.wait_for(released.wait(), 5)

    assert asyncio.run(main())


def test_nothing_of_the_request_lives_on_in_the_background():
    async def main() -> list[str]:
        seen: list[str] = []
        done = asyncio.Event()

        async def work() -> None:
            seen.append(MARK.get())
            done.set()

        MARK.set("a request")
        (await Loops().here()).start(work)
        await done.wait()
        return seen

    assert asyncio.run(main()) == ["clean"]


def test_tasks_are_bounded():
    async def main() -> int:
        begun = 0

        async def work() -> None:
            nonlocal begun
            begun += 1
            await asyncio.Event().wait()

        loops = Loops()
        state = await loops.here()
        for _ in range(300):
            state.start(work)
        await asyncio.sleep(0)
        await loops.release()
        return begun

    assert asyncio.run(main()) == 256


def test_to_release_a_loop_that_was_not_used_is_nothing():
    asyncio.run(Loops().release())
