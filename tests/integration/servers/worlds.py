"""Threads and event loops: everything in `iiniit_guard.io` must behave alike in both."""

from __future__ import annotations

import asyncio
from typing import Protocol

from iiniit_guard.core.model.flow import Connection, Effect, Fetch, HttpRequest
from iiniit_guard.io.effects import EffectRunner

SHORT = Connection(connect_timeout_seconds=0.2, timeout_seconds=0.2)
"""For tests in which the time runs out."""

LONG = Connection(connect_timeout_seconds=5.0, timeout_seconds=10.0)
"""For tests in which it must not."""


class World(Protocol):
    """Threads, or an event loop."""

    def replies(self, performer: EffectRunner, *effects: Effect) -> list[object]:
        """Perform the effects one after the other; on a loop, all on one loop that ends
        afterwards.
        """
        ...


class Threads:
    """Effects are performed in this thread."""

    def replies(self, performer: EffectRunner, *effects: Effect) -> list[object]:
        return [performer.perform(effect) for effect in effects]


class Loops:
    """Effects are performed on an event loop."""

    def replies(self, performer: EffectRunner, *effects: Effect) -> list[object]:
        async def all_of_them() -> list[object]:
            return [await performer.loops.perform(effect) for effect in effects]

        return asyncio.run(all_of_them())


WORLDS: dict[str, World] = {"threads": Threads(), "loops": Loops()}


def get(url: str, connection: Connection = LONG) -> Fetch:
    """Return the effect that fetches `url`."""
    return Fetch(HttpRequest("GET", url, connection=connection))
