"""Concurrent requests with one token cause one call to the authorization server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.faults.real_issuer import MachineTime, RealIssuer
from tests.integration.faults.serving import CROWDED, Reply, Serving, serving
from tests.integration.servers.loopback import Answer

CLIENTS = 200


@pytest.mark.parametrize("server", CROWDED)
def test_many_first_requests_over_sockets_cost_one_call(server):
    """Failures are shared, too: a dead server costs one timeout, not one for each client."""
    with RealIssuer(clock=MachineTime()) as real:
        real.delay_seconds = 1.0
        with serving(CROWDED[server], real.environment()) as running:
            assert running.get(real.issuer.token()).status == 200  # imports and discovery are done
            good = ask_at_once(running, real, real.issuer.opaque_token(), status=200, calls=1)
            assert {reply.document["subject"] for reply in good} == {"user-1"}
            # A refusal is cached for a second, an outage is not cached. A later request makes one
            # more call, which all waiting requests share.
            ask_at_once(running, real, "nobody-s", status=401, calls=2)
            real.break_at(lambda peer: (time.sleep(1), peer.answer(Answer(500))), "introspection")
            ask_at_once(running, real, real.issuer.opaque_token(), status=503, calls=5)


def ask_at_once(
    running: Serving, real: RealIssuer, token: str, *, status: int, calls: int
) -> list[Reply]:
    """Present a token by all clients at once, and check how often the issuer is called."""
    before = real.asked["introspection"]
    replies = running.get_all([token] * CLIENTS)

    assert {reply.status for reply in replies} == {status}
    assert 1 <= real.asked["introspection"] - before <= calls
    assert max(reply.seconds for reply in replies) < 5
    return replies


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_threads_and_a_loop_of_one_process_share_one_call():
    """A pool of threads calls `verify`, a loop calls `verify_async`, on the same guard and for the
    same token.
    """
    with RealIssuer() as real, real.guard(timeout_seconds=10) as guard:
        guard.verify(real.issuer.token())
        real.hold.clear()
        token = real.issuer.opaque_token()
        [server] = guard._engine.resource.servers

        def waiting() -> int:
            load: Any
            for load in list(server.flights._loads.values()):
                return len(load._done_callbacks) + len(load._condition._waiters)
            return 0

        async def on_a_loop() -> list[str | None]:
            asked = [asyncio.ensure_future(guard.verify_async(token)) for _ in range(CLIENTS // 2)]
            await asyncio.to_thread(wait_until, lambda: waiting() == CLIENTS - 1)
            real.hold.set()
            return [found.subject for found in await asyncio.gather(*asked)]

        with ThreadPoolExecutor(CLIENTS // 2) as pool:
            asked = [pool.submit(guard.verify, token) for _ in range(CLIENTS // 2)]
            subjects = asyncio.run(on_a_loop()) + [found.result(10).subject for found in asked]

        assert subjects == ["user-1"] * CLIENTS
        assert real.asked["introspection"] == 1
        assert server.calls._taken == 0
