"""Fixtures of the tests with real servers."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2  # noqa: F401 - else its import would count against the first deadline
import pytest

from iiniit_guard.io.effects import EffectRunner
from tests.integration.servers.certificates import Authority, Certificate
from tests.integration.servers.worlds import WORLDS, World


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param]


@pytest.fixture
def performer() -> Iterator[EffectRunner]:
    made = EffectRunner()
    yield made
    made.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Certificate:
    return authority.issue("127.0.0.1", "localhost")
