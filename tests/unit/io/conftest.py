"""Fixtures for effects: threads, event loops and effect runners."""

from __future__ import annotations

import pytest

from iiniit_guard.io.perform import Performer
from tests.integration.servers.worlds import WORLDS


@pytest.fixture(params=sorted(WORLDS))
def world(request):
    return WORLDS[request.param]


@pytest.fixture
def performer():
    made = Performer()
    yield made
    made.close()
