"""Tests of the core run flows step by step: network access and waiting fail."""

from __future__ import annotations

import socket
import time

import pytest

from iiniit_guard.core.jose import jws as jose
from tests.unit.core.stepping import make_clock, make_server


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("the core opens no socket and never sleeps")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(time, "sleep", refuse)


@pytest.fixture(autouse=True)
def no_known_headers(monkeypatch):
    # Some tests cache headers that are not JOSE headers; these must not affect other tests.
    monkeypatch.setattr(jose, "_known_headers", {})


@pytest.fixture
def clock():
    return make_clock()


@pytest.fixture
def source(clock):
    """Return the key source of a server."""
    return make_server(clock).keys
