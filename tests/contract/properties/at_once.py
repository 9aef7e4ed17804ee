"""Run background work synchronously, so that a run is reproducible."""

from __future__ import annotations

from typing import Any

from iiniit_guard.core.model.flow import Spawn
from iiniit_guard.io.drive import run, run_async
from iiniit_guard.io.effects import EffectRunner


def do_at_once(performer: EffectRunner) -> None:
    """Run background work before the request continues, so the order of calls is fixed."""
    perform, perform_async = performer.perform, performer.perform_async

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

    for name, function in (("perform", perform_now), ("perform_async", perform_now_async)):
        setattr(performer, name, function)
