"""Taking the race out of work in the background, so that a run is the same when it is repeated."""

from __future__ import annotations

from typing import Any

from iiniit_guard.core.model.flow import Later
from iiniit_guard.io.drive import run, run_async
from iiniit_guard.io.perform import Performer


def do_at_once(performer: Performer) -> None:
    """Do work in the background before the request goes on: else a race would decide what the issuer is asked first."""
    perform, perform_async = performer.perform, performer.perform_async

    def perform_now(effect: Any) -> Any:
        if isinstance(effect, Later):
            run(effect.start(), perform_now)
            return None
        return perform(effect)

    async def perform_now_async(effect: Any) -> Any:
        if isinstance(effect, Later):
            await run_async(effect.start(), perform_now_async)
            return None
        return await perform_async(effect)

    for name, function in (("perform", perform_now), ("perform_async", perform_now_async)):
        setattr(performer, name, function)
