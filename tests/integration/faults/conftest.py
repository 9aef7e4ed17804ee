"""Fixtures of the tests with a failing authorization server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2  # noqa: F401 - else its import would count against the first deadline
import pytest

from tests.integration.faults.real_issuer import RealIssuer
from tests.integration.faults.worlds import Loop, Threads, World
from tests.integration.servers.certificates import Authority


@pytest.fixture(params=["threads", "loop"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made: World = Threads() if request.param == "threads" else Loop()
    yield made
    made.close()


@pytest.fixture
def real() -> Iterator[RealIssuer]:
    with RealIssuer() as issuer:
        yield issuer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
