"""The reset after a fork, without a fork; tests/integration/servers/test_fork.py forks."""

from __future__ import annotations

import asyncio
import gc

from iiniit_guard.core.model.flow import Fetch, HttpRequest, Unreachable
from iiniit_guard.io import effects, fork
from iiniit_guard.io.effects import EffectRunner
from tests.integration.servers.loopback import Answer, LoopbackServer
from tests.integration.servers.scripts import answering
from tests.integration.servers.worlds import get


class Owner:
    def __init__(self) -> None:
        self.fresh = 0

    def after_fork(self) -> None:
        self.fresh += 1


def test_those_who_live_start_afresh():
    owner = Owner()
    fork.on_fork(owner)
    fork._start_afresh()

    assert owner.fresh == 1


def test_nobody_is_kept_alive():
    fork.on_fork(Owner())
    gc.collect()

    assert not any(isinstance(owner, Owner) for owner in fork._FORKABLE)


def test_a_performer_drops_what_its_parent_had(monkeypatch):
    monkeypatch.setattr(effects, "_left_behind", [])
    performer = EffectRunner()
    refused = Fetch(HttpRequest("GET", "http://127.0.0.1:1/"))
    performer.perform(refused)
    asyncio.run(performer.loops.perform(refused))
    old, old_loops = vars(performer).copy(), vars(performer.loops).copy()
    performer.after_fork()

    for name in ("_lock", "_background", "_blocking", "_calls", "_clients", "loops"):
        assert getattr(performer, name) is not old[name], name
    for name in ("calls", "blocking", "registry", "client"):
        assert getattr(performer.loops, name) is not old_loops[name], name
    assert effects._left_behind == [old_loops["registry"]]
    assert isinstance(performer.perform(refused), Unreachable)


def test_the_connections_of_before_are_closed_and_not_used():
    with LoopbackServer(answering(Answer())) as server:
        performer = EffectRunner()
        performer.perform(get(server.url))
        performer.after_fork()
        performer.perform(get(server.url))
        performer.close()

    assert server.connections == 2


def test_a_closed_one_stays_closed(world):
    performer = EffectRunner()
    performer.close()
    performer.after_fork()

    assert world.replies(performer, Fetch(HttpRequest("GET", ""))) == [
        Unreachable("connection", "the guard is closed")
    ]
