"""Run background work synchronously, so that a run is reproducible."""

from __future__ import annotations

from typing import Any

from iiniit_guard.core.model.flow import Spawn
from iiniit_guard.io.effects import EffectRunner, run
from iiniit_guard.io.event_loops import run_async


def do_at_once(performer: EffectRunner) -> None:
    """Run background work before the request continues, so the order of calls is fixed."""
    perform, perform_async = performer.perform, performer.loops.perform

    def perform_now(effect: Any) -> Any:
        if isinstance(effect, Spawn):
            run(effect.start(), perform_now)
            return None
        return perform(effect)

    async def perform_now_async(effect: Any) -> Any:
        if isinstance(effect, Spawn):
            await run_async(effect.start(), perform_now_async)
            return None
        return await perform_async(effect)

    for owner, function in ((performer, perform_now), (performer.loops, perform_now_async)):
        setattr(owner, "perform", function)  # noqa: B010 - mypy allows no assignment to a method
