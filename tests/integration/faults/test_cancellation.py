"""A request is cancelled at each point at which it waits: other requests continue, and no state
remains.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine, Generator
from typing import Any

import pytest

from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.guard import Guard
from tests.integration.faults.real_issuer import RealIssuer

FAR = 200
KINDS = ("jwt", "opaque", "both")


class CancelledAt:
    """Run a coroutine, and cancel its task at the `point`-th time that it waits: by the loop, as
    `task.cancel()` does.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], point: int) -> None:
        self._coroutine = coroutine
        self._point = point
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        task = asyncio.current_task()
        assert task is not None
        inside = self._coroutine.__await__()
        reply: object = None
        error: BaseException | None = None
        while True:
            try:
                waited_for = inside.send(reply) if error is None else inside.throw(error)
            except StopIteration as finished:
                return finished.value
            self.waits += 1
            if self.waits == self._point:
                asyncio.get_running_loop().call_soon(task.cancel)
            error = None
            try:
                reply = yield waited_for
            except BaseException as caught:
                error = caught


async def run_cancelled(coroutine: Coroutine[Any, Any, Any], point: int) -> bool:
    """Return whether the run was cancelled; False means that it waits fewer times."""

    async def run() -> None:
        await CancelledAt(coroutine, point)

    try:
        await asyncio.create_task(run())
    except asyncio.CancelledError:
        return True
    return False


def guard_of(real: RealIssuer, kind: str) -> Guard:
    return real.guard(jwt="both" if kind == "both" else "verify")


def mint(real: RealIssuer, kind: str, subject: str) -> str:
    return (
        real.issuer.opaque_token(subject=subject)
        if kind == "opaque"
        else real.issuer.token(subject=subject)
    )


async def nothing_is_left(guard: Guard) -> None:
    """Wait for the calls that cancelled requests began and other requests could share. They end by
    themselves.
    """
    [server] = guard._engine.resource.servers
    async with asyncio.timeout(3):
        while server.calls._taken or any(  # noqa: ASYNC110 - no event tells that a flight ended
            map(len, (server.flights, server.keys._flights, server.metadata._flights))
        ):
            await asyncio.sleep(0.001)
    assert (server.calls._taken, server.calls._by_strangers) == (0, 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", KINDS)
def test_cancelled_at_every_await(kind, scheme, authority):
    """A cold request: name, connection, TLS, discovery, keys, introspection. The same guard then
    serves other requests.
    """
    with RealIssuer(authority if scheme == "https" else None) as real:

        async def one(point: int) -> bool:
            async with guard_of(real, kind) as guard:
                token, other = mint(real, kind, "cancelled"), mint(real, kind, "other")
                cancelled = await run_cancelled(guard.verify_async(token), point)
                assert (await asyncio.wait_for(guard.verify_async(token), 5)).subject == "cancelled"
                assert (await asyncio.wait_for(guard.verify_async(other), 5)).subject == "other"
                await nothing_is_left(guard)
            return cancelled

        points = 0
        while asyncio.run(one(points + 1)):
            points += 1
        assert 1 <= points < FAR  # otherwise this test would check nothing

        usual = {"jwt": 2, "opaque": 3, "both": 4}[kind]
        assert real.asked.total() <= (points + 1) * (
            usual + 2
        )  # the call that the cancelled request began, and at most one more


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_leader_at_every_await_with_others_waiting(kind):
    """Requests that shared its call still get their response, and the server is called at most once
    more.
    """
    with RealIssuer() as real:

        async def one(point: int) -> bool:
            async with guard_of(real, kind) as guard:
                token = mint(real, kind, "shared")
                before = real.asked.copy()
                leader = asyncio.ensure_future(run_cancelled(guard.verify_async(token), point))
                await asyncio.sleep(0)  # it leads
                await asyncio.sleep(0)
                others = [asyncio.ensure_future(guard.verify_async(token)) for _ in range(10)]
                answers: list[AccessToken] = await asyncio.wait_for(asyncio.gather(*others), 5)
                assert {answer.subject for answer in answers} == {"shared"}
                cancelled = await leader
                await nothing_is_left(guard)
                assert max((real.asked - before).values()) <= 2
            return cancelled

        points = 0
        while asyncio.run(one(points + 1)):
            points += 1
        assert 1 <= points < FAR


@pytest.mark.parametrize("kind", KINDS)
def test_a_crowd_of_cancelled_requests_leaves_room_for_the_next(kind):
    """300 clients that disconnect while the server hangs: no place is lost, and no task remains."""
    with RealIssuer() as real, guard_of(real, kind) as guard:

        async def crowd() -> None:
            await guard.verify_async(mint(real, kind, "first"))
            real.hold.clear()
            real.break_at(lambda peer: peer.hang(), "jwks")
            tasks = [
                asyncio.ensure_future(guard.verify_async(mint(real, kind, f"n{number}")))
                for number in range(300)
            ]
            await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            real.hold.set()
            real.mend()
            await nothing_is_left(guard)
            assert (await guard.verify_async(mint(real, kind, "last"))).subject == "last"
            await guard._engine.release_loop()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(crowd())
        gc.collect()  # a coroutine that was never awaited or closed would warn now
