"""One guard serves several event loops, including loops that end with an error."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from iiniit_guard.core.errors import IssuerUnavailable
from tests.integration.faults.real_issuer import RealIssuer

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def new_loop(request):
    return LOOPS[request.param]


@pytest.fixture(params=["http", "https"])
def server(request, authority):
    with RealIssuer(authority if request.param == "https" else None) as real:
        yield real


def test_loops_one_after_the_other_and_threads_between(server, new_loop):
    with server.guard() as guard:
        for _ in range(5):
            with asyncio.Runner(loop_factory=new_loop) as runner:
                assert (
                    runner.run(guard.verify_async(server.issuer.opaque_token())).subject == "user-1"
                )
            assert guard.verify(server.issuer.opaque_token()).subject == "user-1"
        assert len(guard._engine._runner.loops.registry) == 0
    gc.collect()


def test_many_loops_at_once(server, new_loop):
    with server.guard() as guard, ThreadPoolExecutor(8) as pool:

        def serve(number: int) -> list[str | None]:
            async def several() -> list[str | None]:
                tokens = [
                    server.issuer.opaque_token(subject=f"{number}-{which}") for which in range(3)
                ]
                return [
                    token.subject
                    for token in await asyncio.gather(*map(guard.verify_async, tokens))
                ]

            with asyncio.Runner(loop_factory=new_loop) as runner:
                return runner.run(several())

        for number, subjects in enumerate(pool.map(serve, range(16))):
            assert subjects == [f"{number}-{which}" for which in range(3)]
        assert server.asked["introspection"] == 48
    gc.collect()


@pytest.mark.filterwarnings(
    "ignore:unclosed:ResourceWarning"
)  # of the loop that ended without cleanup, which is the tested fault
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_is_closed_in_the_middle_of_a_call(new_loop):
    """The task is not cancelled, and anyio keeps it alive: a waiting request waits no longer than
    the call could have taken.

    Other tokens do not wait at all, and a request after that time leads its own call.
    """
    with (
        RealIssuer() as real,
        real.guard(timeout_seconds=0.25, connect_timeout_seconds=0.25) as guard,
    ):
        real.hold.clear()
        token = real.issuer.opaque_token()
        loop = new_loop()
        task = loop.create_task(guard.verify_async(token))
        deadline = time.monotonic() + 5
        while real.asked["introspection"] == 0 and time.monotonic() < deadline:
            loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()  # nothing was cancelled

        real.hold.set()
        assert asyncio.run(guard.verify_async(real.issuer.opaque_token())).subject == "user-1"
        started = time.monotonic()
        with pytest.raises(IssuerUnavailable, match="a shared call did not end in time"):
            guard.verify(token)
        assert time.monotonic() - started < 2
        assert asyncio.run(guard.verify_async(token)).subject == "user-1"
        assert guard.verify(token).subject == "user-1"
        del task, loop
    gc.collect()


def test_a_refresh_in_the_background_ends_with_its_loop(new_loop):
    with RealIssuer() as real, real.guard() as guard:

        async def begin_refresh() -> None:
            await guard.verify_async(real.issuer.token())
            asked = [threading.Event(), threading.Event()]
            real.break_at(lambda peer: (asked[0].set(), peer.hang()), "jwks")
            real.break_at(lambda peer: (asked[1].set(), peer.hang()), "discovery")
            real.issuer.clock.advance(3_599)
            await guard.verify_async(
                real.issuer.token()
            )  # served from the old set; the refreshes go on in tasks
            # a task that is cancelled in the very step in which it begins to connect makes anyio
            # warn
            for one in asked:
                await asyncio.to_thread(one.wait, 5)

        started = time.monotonic()
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(begin_refresh())
        assert time.monotonic() - started < 3  # not the 5 s of the refresh
        assert real.asked["jwks"] >= 2

        real.mend()
        real.issuer.clock.advance(30)
        with asyncio.Runner(loop_factory=new_loop) as runner:
            assert runner.run(guard.verify_async(real.issuer.token())).subject == "user-1"
    gc.collect()
