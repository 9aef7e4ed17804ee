"""Fixtures for effects: threads, event loops and effect runners."""

from __future__ import annotations

import pytest

from iiniit_guard.io.effects import EffectRunner
from tests.integration.servers.worlds import WORLDS


@pytest.fixture(params=sorted(WORLDS))
def world(request):
    return WORLDS[request.param]


@pytest.fixture
def performer():
    made = EffectRunner()
    yield made
    made.close()
