"""The pytest plugin: the fixtures `issuer` and `guard`.

pytest finds it by its entry point, so a project only installs this package. It imports the rest of
the package when a test uses a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from iiniit_guard.guard import Guard
    from iiniit_guard.testing.issuer import Issuer


@pytest.fixture
def issuer() -> Issuer:
    """Return an authorization server in memory.

    Each test has its own, with its own keys, so tests in parallel share nothing. Its clock is that
    of the machine: time-machine and freezegun move it, and so does `issuer.clock.advance(60)`.
    """
    from iiniit_guard.testing.clock import MachineClock
    from iiniit_guard.testing.issuer import Issuer

    return Issuer(clock=MachineClock())


@pytest.fixture
def guard_settings() -> dict[str, Any]:
    """Return the settings of the fixture `guard`. Override it to change them."""
    return {}


@pytest.fixture
def guard(issuer: Issuer, guard_settings: dict[str, Any]) -> Iterator[Guard]:
    """Return a guard that accepts the tokens of `issuer` and calls it without a socket."""
    with issuer.guard(**guard_settings) as made:
        yield made
