"""Bursts at the shared store: a bounded number of connections, and no 503 for a proof."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest

from iiniit_guard.core.model.flow import StoreAdd, StoreSet
from iiniit_guard.io import store as module
from iiniit_guard.io.event_loops import Loops
from iiniit_guard.io.store import Store
from tests.unit.io.test_store import LOOK, NOTHING, FakeRedis, in_threads, on_a_loop


@pytest.fixture
def redis(monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT_SECONDS", 10.0)  # the machine may be busy
    server = FakeRedis()
    yield server
    server.close()


def test_no_more_connections_than_allowed_and_no_pause_on_a_loop(redis, caplog, monkeypatch):
    """A burst of garbage tokens costs a bounded number of connections and disables nothing."""
    caplog.set_level(logging.WARNING, "iiniit_guard")
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 4)

    async def main():
        store, loops = Store(redis.url), Loops()
        transports = (await loops.here()).transports
        await store.perform_async(StoreSet("a", b"x", 9), transports)
        redis.hold.clear()
        burst = [asyncio.create_task(store.perform_async(LOOK, transports)) for _ in range(50)]
        await asyncio.wait(burst, return_when=asyncio.FIRST_COMPLETED)
        redis.hold.set()
        replies = await asyncio.gather(*burst)
        after = await store.perform_async(LOOK, transports)
        await loops.release()
        return replies, after, store._quiet_until

    replies, after, quiet_until = asyncio.run(main())
    assert after == (b"x", None)
    assert sorted(map(str, replies)) == sorted(map(str, [(b"x", None)] * 4 + [NOTHING] * 46))
    assert (redis.peak, quiet_until, caplog.records) == (4, 0.0, [])


def test_a_burst_of_proofs_waits_for_a_connection_on_a_loop(redis, monkeypatch):
    """The miss of an addition is a 503: a burst must not cause it for other clients."""
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 2)

    async def main():
        store, loops = Store(redis.url), Loops()
        transports = (await loops.here()).transports
        redis.hold.clear()
        looks = [asyncio.create_task(store.perform_async(LOOK, transports)) for _ in range(2)]
        burst = [
            asyncio.create_task(store.perform_async(StoreAdd(f"{number}", 9), transports))
            for number in range(20)
        ]
        ended, _ = await asyncio.wait(burst, timeout=0.01)
        assert not ended
        assert await store.perform_async(LOOK, transports) == NOTHING  # a lookup does not wait
        redis.hold.set()
        await asyncio.gather(*looks)
        replies = await asyncio.gather(*burst)
        await loops.release()
        return replies

    assert asyncio.run(main()) == [True] * 20
    assert redis.peak == 2


def test_a_burst_of_proofs_waits_for_a_connection_in_threads(redis, monkeypatch):
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 1)
    replies: list[object] = []
    with in_threads(Store(redis.url)) as perform:
        redis.hold.clear()
        threads = [threading.Thread(target=perform, args=[LOOK])]
        threads[0].start()
        while [b"GET", b"a"] not in redis.commands:
            time.sleep(0.001)
        for name in "cde":
            adds = threading.Thread(
                target=lambda name: replies.append(perform(StoreAdd(name, 9))), args=[name]
            )
            threads.append(adds)
            adds.start()
        assert perform(LOOK) == NOTHING
        assert replies == []
        redis.hold.set()
        for thread in threads:
            thread.join()
    assert (replies, redis.peak) == ([True] * 3, 1)


def test_an_addition_waits_no_longer_than_the_timeout(redis, monkeypatch):
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 0)
    monkeypatch.setattr(module, "_TIMEOUT_SECONDS", 0.01)
    for world in (in_threads, on_a_loop):
        with world(Store(redis.url)) as perform:
            assert perform(StoreAdd("a", 9)) is None
    assert redis.commands == []


def test_no_more_connections_than_allowed_and_no_pause_in_threads(redis, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, "iiniit_guard")
    monkeypatch.setattr(module, "_MOST_CONNECTIONS", 1)
    with in_threads(store := Store(redis.url)) as perform:
        perform(StoreSet("a", b"x", 9))
        redis.hold.clear()
        waiting: list[object] = []
        thread = threading.Thread(target=lambda: waiting.append(perform(LOOK)))
        thread.start()
        while [b"GET", b"a"] not in redis.commands:
            time.sleep(0.001)
        assert perform(LOOK) == NOTHING
        redis.hold.set()
        thread.join()
        assert waiting == [(b"x", None)]
        assert perform(LOOK) == (b"x", None)
    assert (redis.peak, store._quiet_until, caplog.records) == (1, 0.0, [])
