"""Fixtures of the tests with processes."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture
def hangups():
    """Leave SIGHUP as it was: these tests change this process's mask and handlers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
