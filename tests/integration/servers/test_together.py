"""Threads and event loops of one process share one load, and another request can take it over."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from iiniit_guard.core.model.flow import Flow, HttpResponse, SingleFlight
from iiniit_guard.io.effects import EffectRunner, run
from iiniit_guard.io.event_loops import run_async
from tests.integration.servers.loopback import Answer, LoopbackServer, Peer
from tests.integration.servers.scripts import answering, by_connection, once
from tests.integration.servers.worlds import LONG, get

WAITERS = 50


class Shared:
    """One effect runner, one single-flight object and one URL."""

    def __init__(self, url: str) -> None:
        self.performer = EffectRunner()
        self.flights = SingleFlight()
        self.url = url

    def flow(self) -> Flow[object]:
        return self.flights.share("token", self._fetch, LONG.timeout_seconds)

    def _fetch(self) -> Flow[object]:
        return (yield get(self.url))

    def in_a_thread(self) -> object:
        return run(self.flow(), self.performer.perform)

    async def on_a_loop(self) -> object:
        return await run_async(self.flow(), self.performer.loops.perform)


def wait_until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def waiting(shared: Shared) -> int:
    """The number of waiters for the one load: loops by a callback, threads by a condition."""
    load: Any
    [load] = shared.flights._loads.values()
    return len(load._done_callbacks) + len(load._condition._waiters)


def test_one_call_for_threads_and_loops_together():
    release = threading.Event()

    def answer(peer):
        release.wait(5)
        peer.answer(Answer(200, b"{}"))

    with LoopbackServer(once(answer)) as server:
        shared, replies, asked = Shared(server.url), [], threading.Barrier(WAITERS + 3)

        def thread() -> None:
            asked.wait(5)
            replies.append(shared.in_a_thread())

        async def loop() -> None:
            await asyncio.to_thread(asked.wait, 5)
            replies.extend(await asyncio.gather(*(shared.on_a_loop() for _ in range(WAITERS))))

        threads = [threading.Thread(target=thread) for _ in range(WAITERS)]
        threads += [threading.Thread(target=lambda: asyncio.run(loop())) for _ in range(2)]
        for one in threads:
            one.start()
        asked.wait(5)
        wait_until(lambda: server.requests and waiting(shared) == 3 * WAITERS - 1)
        release.set()
        for one in threads:
            one.join(10)
        shared.performer.close()

    assert [isinstance(reply, HttpResponse) and reply.body for reply in replies] == [b"{}"] * (
        3 * WAITERS
    )
    assert len(server.requests) == 1
    assert len(shared.flights) == 0


def test_a_client_that_hangs_up_takes_nothing_from_its_loop_nor_from_threads():
    """The load that other requests wait for continues, and one call is made."""
    release = threading.Event()

    def answer(peer: Peer) -> None:
        peer.receive()
        release.wait(5)
        peer.answer(Answer(200, b"{}"))

    with LoopbackServer(answer) as server:
        shared, replies = Shared(server.url), []

        async def main() -> list[object]:
            leader = asyncio.ensure_future(shared.on_a_loop())
            await asyncio.to_thread(wait_until, lambda: server.connections == 1)
            followers = [asyncio.ensure_future(shared.on_a_loop()) for _ in range(3)]
            threads = [
                threading.Thread(target=lambda: replies.append(shared.in_a_thread()))
                for _ in range(3)
            ]
            for thread in threads:
                thread.start()
            await asyncio.to_thread(wait_until, lambda: waiting(shared) == 6)
            leader.cancel()
            await asyncio.sleep(0)
            release.set()
            answered = await asyncio.gather(*followers)
            for thread in threads:
                await asyncio.to_thread(thread.join, 5)
            assert leader.cancelled()
            return list(answered)

        replies.extend(asyncio.run(main()))
        shared.performer.close()
        assert server.connections == 1

    assert [isinstance(reply, HttpResponse) and reply.body for reply in replies] == [b"{}"] * 6
    assert len(shared.flights) == 0


def test_a_loop_that_ends_hands_its_load_over_to_threads():
    with LoopbackServer(
        by_connection(lambda peer: peer.hang(), answering(Answer(200, b"{}")))
    ) as server:
        shared, replies = Shared(server.url), []
        threads = [
            threading.Thread(target=lambda: replies.append(shared.in_a_thread())) for _ in range(3)
        ]

        async def main() -> None:
            leader = asyncio.ensure_future(shared.on_a_loop())
            await asyncio.to_thread(wait_until, lambda: server.connections == 1)
            for thread in threads:
                thread.start()
            await asyncio.to_thread(wait_until, lambda: waiting(shared) == 3)
            leader.cancel()

        asyncio.run(main())
        for thread in threads:
            thread.join(5)
        shared.performer.close()

    assert [isinstance(reply, HttpResponse) and reply.body for reply in replies] == [b"{}"] * 3
    assert len(shared.flights) == 0


def test_a_cancelled_follower_disturbs_nobody():
    release = threading.Event()

    def answer(peer):
        release.wait(5)
        peer.answer(Answer(200, b"{}"))

    with LoopbackServer(once(answer)) as server:
        shared = Shared(server.url)

        async def main() -> list[object]:
            leader = asyncio.ensure_future(shared.on_a_loop())
            await asyncio.to_thread(wait_until, lambda: len(server.requests) == 1)
            cancelled, follower = (asyncio.ensure_future(shared.on_a_loop()) for _ in range(2))
            await asyncio.to_thread(wait_until, lambda: waiting(shared) == 2)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
            release.set()
            assert cancelled.cancelled()
            return [await leader, await follower]

        replies = asyncio.run(main())

    assert [isinstance(reply, HttpResponse) and reply.body for reply in replies] == [b"{}", b"{}"]
    assert len(server.requests) == 1
