"""`run` and `run_async` return the same, and a flow always cleans up."""

from __future__ import annotations

import asyncio

import pytest

from iiniit_guard.core.model.flow import Call, Flow
from iiniit_guard.io.effects import run
from iiniit_guard.io.event_loops import run_async


def drive(world: str, flow: Flow[object], perform) -> object:
    if world == "threads":
        return run(flow, perform)

    async def perform_async(effect):
        await asyncio.sleep(0)
        return perform(effect)

    return asyncio.run(run_async(flow, perform_async))


class Flowing:
    """A flow of two effects that records how it ended."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.ended = False
        self.fault = fault

    def flow(self) -> Flow[object]:
        try:
            first = yield Call(len, ("a",))
            second = yield Call(len, (first,))
            if self.fault is not None:
                raise self.fault
            return first, second
        finally:
            self.ended = True


worlds = pytest.mark.parametrize("world", ["threads", "loops"])


@worlds
def test_each_reply_goes_to_its_effect(world):
    flowing, asked = Flowing(), []

    def perform(effect):
        asked.append(effect)
        return f"reply {len(asked)}"

    assert drive(world, flowing.flow(), perform) == ("reply 1", "reply 2")
    assert asked == [Call(len, ("a",)), Call(len, ("reply 1",))]
    assert flowing.ended


@worlds
def test_a_flow_without_effects(world):
    assert drive(world, (effect for effect in ()), None) is None


@worlds
def test_what_the_flow_raises_is_raised(world):
    flowing = Flowing(LookupError("ours"))

    with pytest.raises(LookupError, match="ours"):
        drive(world, flowing.flow(), lambda effect: None)
    assert flowing.ended


@worlds
def test_what_perform_raises_is_raised_after_the_flow_cleaned_up(world):
    flowing = Flowing()

    def perform(effect):
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        drive(world, flowing.flow(), perform)
    assert flowing.ended


@pytest.mark.parametrize("awaits", [0, 1])
def test_a_cancelled_request_cleans_up_at_every_await(awaits):
    async def main() -> Flowing:
        flowing, reached = Flowing(), asyncio.Event()
        performed = 0

        async def perform(effect):
            nonlocal performed
            performed += 1
            if performed > awaits:
                reached.set()
                await asyncio.Event().wait()

        task = asyncio.ensure_future(run_async(flowing.flow(), perform))
        await reached.wait()
        assert not flowing.ended
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        return flowing

    assert asyncio.run(main()).ended
