"""No part of an introspection shows the token or a claim: error reports quote local variables."""

from __future__ import annotations

import gc

import pytest

from iiniit_guard.core.issuer.shared_store import SharedStore
from iiniit_guard.core.model.flow import Shield, Spawn
from iiniit_guard.testing.jws import write_jws
from tests.unit.core.introspecting import World
from tests.unit.core.stepping import KEY, active


def shown() -> set[str]:
    """Return the types of the objects of the package whose representation has the canary."""
    return {
        type(each).__qualname__
        for each in gc.get_objects()
        if type(each).__module__.startswith("iiniit_guard.") and "canary" in repr(each)
    }


@pytest.mark.parametrize(
    "token", ["canary", write_jws({"sub": "canary", "jti": "canary"}, {}, KEY)], ids=len
)
def test_while_it_runs(token):
    world = World(jwt="introspect")
    world.server.store = SharedStore("s" * 32, world.server.settings, bytes, 60)
    steps = world.ask(token, unread={"sub": "canary"})
    assert type(steps.effect).__name__ == "StoreGet"
    assert shown() == set()
    assert steps.send((None, None)).fetch
    assert shown() == set()
    steps.send(active(world.clock, sub="canary"))
    assert type(steps.effect).__name__ == "StoreSet"
    assert shown() == set()


@pytest.mark.parametrize("effect", [Shield, Spawn])
def test_an_effect_that_starts_a_flow(effect):
    def start(token="canary"):
        yield from ()

    start.__qualname__ = "canary"
    assert repr(effect(start)) == f"{effect.__name__}()"
