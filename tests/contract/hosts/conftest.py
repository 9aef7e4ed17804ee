"""Fixtures for adapters: an in-memory issuer, and a guard that records its decisions."""

from __future__ import annotations

import pytest

from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer
from tests.contract.hosts import django_project
from tests.contract.hosts.long_lived import Idle

# Django must have its settings before a test imports Django REST framework or a model.
assert django_project.BASE


@pytest.fixture
def events():
    return []


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def guard(issuer, events):
    with issuer.guard(on_event=events.append) as guard:
        yield guard


@pytest.fixture
def quiet_guard(issuer):
    """Return a guard without a listener: cached tokens take the fast path."""
    with issuer.guard() as guard:
        yield guard


@pytest.fixture
def bearer(issuer):
    """Return header fields with a token for these scopes."""

    def make(scope="user:read", **arguments):
        return [(b"authorization", b"Bearer " + issuer.token(scope, **arguments).encode())]

    return make


@pytest.fixture
def own_refusal(guard, bearer):
    """Return the guard's own refusal of `GET /x` with a token without the scope `admin`."""
    decision = guard.authenticate(Request("GET", "/x", headers=bearer()), make_policy(["admin"]))
    assert decision.reason == "missing_scope"
    return decision


@pytest.fixture
def scene(issuer, events):
    """Return a function that creates an ASGI middleware around an application."""
    guards = []

    def make(app=None, *, admission=None, **settings):
        guards.append(issuer.guard(on_event=events.append, **settings))
        return GuardMiddleware(app or Idle(), guards[-1], **(admission or {}))

    yield make
    for guard in guards:
        guard.close()
