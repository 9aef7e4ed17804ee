"""Fixtures: a guard, and an in-memory issuer that needs no network."""

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
    """Return a guard that records its decisions."""
    with issuer.guard(on_event=events.append) as made:
        yield made
