"""A guard, and the issuer that it asks without a network."""

from __future__ import annotations

import pytest

from iiniit_guard.testing import Issuer, SettableClock
from tests.unit.guard.calling import NOW


@pytest.fixture
def issuer():
    return Issuer(clock=SettableClock(NOW))


@pytest.fixture
def guard(issuer):
    with issuer.guard() as made:
        yield made


@pytest.fixture
def events():
    return []


@pytest.fixture
def heard(issuer, events):
    """A guard that tells its decisions."""
    with issuer.guard(on_event=events.append) as made:
        yield made
