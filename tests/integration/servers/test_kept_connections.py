"""Idle connections that the server closes."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from iiniit_guard.core.model.flow import HttpResponse, Unreachable
from iiniit_guard.io.effects import EffectRunner
from tests.integration.servers.loopback import Answer, LoopbackServer
from tests.integration.servers.scripts import answering, by_connection
from tests.integration.servers.worlds import SHORT, get


def answer_then(act):
    """Answer one request, then read the next and call `act`. The client considers the connection
    open until it has written to it.
    """

    def script(peer):
        peer.receive()
        peer.answer(Answer(200, b"first"))
        if peer.receive() is not None:
            act(peer)

    return script


def bodies(replies) -> list[object]:
    return [reply.body if isinstance(reply, HttpResponse) else reply.cause for reply in replies]


def test_a_connection_is_kept(world, performer):
    with LoopbackServer(answering(Answer(200, b"first"), Answer(200, b"second"))) as server:
        replies = world.replies(performer, get(server.url), get(server.url))

    assert bodies(replies) == [b"first", b"second"]
    assert server.connections == 1


@pytest.mark.parametrize(
    "act", [lambda peer: None, lambda peer: peer.reset()], ids=["closed", "reset"]
)
def test_a_dead_connection_costs_a_second_try(world, performer, act):
    with LoopbackServer(
        by_connection(answer_then(act), answering(Answer(200, b"second")))
    ) as server:
        replies = world.replies(performer, get(server.url), get(server.url))

    assert bodies(replies) == [b"first", b"second"]
    assert (server.connections, len(server.requests)) == (2, 3)


def test_there_is_no_third_try(world, performer):
    with LoopbackServer(
        by_connection(answer_then(lambda peer: None), lambda peer: peer.receive())
    ) as server:
        replies = world.replies(performer, get(server.url), get(server.url))

    assert bodies(replies) == [b"first", "dropped"]
    assert (server.connections, len(server.requests)) == (2, 3)


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (lambda peer: peer.send(b"HTTP/1.1 200 OK\r\nContent-Le"), "protocol"),
        (lambda peer: peer.send(b"nonsense\r\n\r\n"), "protocol"),
        (lambda peer: peer.hang(), "timeout"),
    ],
    ids=["dies in its answer", "answers nonsense", "hangs"],
)
def test_what_has_answered_or_may_still_answer_is_not_asked_again(world, performer, act, cause):
    with LoopbackServer(
        by_connection(answer_then(act), answering(Answer(200, b"second")))
    ) as server:
        replies = world.replies(performer, get(server.url, SHORT), get(server.url, SHORT))

    assert bodies(replies) == [b"first", cause]
    assert (server.connections, len(server.requests)) == (1, 2)


def test_both_tries_share_one_deadline(world, performer):
    with LoopbackServer(
        by_connection(answer_then(lambda peer: None), lambda peer: peer.hang())
    ) as server:
        replies = world.replies(performer, get(server.url, SHORT), get(server.url, SHORT))

    assert bodies(replies) == [b"first", "timeout"]


def test_a_connection_that_the_server_has_closed_is_noticed_before_it_is_used(world, performer):
    closed = threading.Event()

    def close_at_once(peer):
        peer.receive()
        peer.answer(Answer(200, b"first"))
        peer.socket.close()
        closed.set()

    with LoopbackServer(by_connection(close_at_once, answering(Answer(200, b"second")))) as server:
        first = world.replies(performer, get(server.url))
        assert closed.wait(5)
        second = world.replies(performer, get(server.url))

    assert bodies(first + second) == [b"first", b"second"]
    assert len(server.requests) == 2


def test_an_answer_that_was_cut_short_ends_its_connection(world, performer):
    with LoopbackServer(answering(Answer(200, b"x" * (3 << 20)), Answer(200, b"stale"))) as server:
        replies = world.replies(performer, get(server.url), get(server.url), get(server.url))

    assert bodies(replies) == ["too_large"] * 3
    assert server.connections == 3


def test_each_loop_has_its_own_connections_and_leaves_none_behind(performer):
    with LoopbackServer(answering(Answer(200, b"{}"))) as server:
        loops = []

        async def twice():
            loops.append(weakref.ref(asyncio.get_running_loop()))
            replies = [await performer.loops.perform(get(server.url)) for _ in range(2)]
            assert len(performer.loops.registry) == 1
            return bodies(replies)

        assert [asyncio.run(twice()) for _ in range(3)] == [[b"{}", b"{}"]] * 3
        assert server.connections == 3
        assert len(performer.loops.registry) == 0
        server.wait_for_scripts()  # all three were closed before the exit of this process

    gc.collect()
    assert [loop() for loop in loops] == [None] * 3


def test_two_loops_at_the_same_time(performer):
    together = threading.Barrier(2)
    results = []

    async def ask(url):
        await performer.loops.perform(get(url))
        together.wait(5)
        assert len(performer.loops.registry) == 2
        together.wait(5)
        return bodies([await performer.loops.perform(get(url)) for _ in range(20)])

    with LoopbackServer(answering(Answer(200, b"{}"))) as server:
        threads = [
            threading.Thread(target=lambda: results.append(asyncio.run(ask(server.url))))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert results == [[b"{}"] * 20] * 2
    assert server.connections == 2


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_a_loop_that_was_closed_without_notice_is_forgotten_by_the_next(performer):
    with LoopbackServer(answering(Answer(200, b"{}"))) as server:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(performer.loops.perform(get(server.url)))
        loop.close()
        ended = weakref.ref(loop)
        del loop
        assert len(performer.loops.registry) == 1

        async def one() -> int:
            await performer.loops.perform(get(server.url))
            return len(performer.loops.registry)

        assert asyncio.run(one()) == 1
        gc.collect()

    assert ended() is None


def test_aclose_closes_the_connections_of_its_loop():
    async def main(server) -> object:
        performer = EffectRunner()
        await performer.loops.perform(get(server.url))
        await performer.aclose()
        await asyncio.to_thread(server.wait_for_scripts)
        return await performer.loops.perform(get(server.url))

    with LoopbackServer(answering(Answer())) as server:
        assert asyncio.run(main(server)) == Unreachable("connection", "the guard is closed")


def test_a_released_loop_opens_new_connections():
    async def main(server) -> list[object]:
        performer = EffectRunner()
        await performer.release_loop()
        first = await performer.loops.perform(get(server.url))
        await performer.release_loop()
        await performer.release_loop()
        return bodies([first, await performer.loops.perform(get(server.url))])

    with LoopbackServer(answering(Answer(200, b"{}"))) as server:
        assert asyncio.run(main(server)) == [b"{}", b"{}"]
        assert server.connections == 2


def test_close_closes_the_connections_of_threads():
    performer = EffectRunner()
    with LoopbackServer(answering(Answer())) as server:
        performer.perform(get(server.url))
        performer.close()
        server.wait_for_scripts()
