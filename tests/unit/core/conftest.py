"""The core is stepped by hand: whatever would reach the network, or would wait, fails."""

from __future__ import annotations

import socket
import time

import pytest

from iiniit_guard.core.jose import jws as jose


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
    # Tests make signatures whose header is no JOSE header; what such a test leaves behind must not decide another one.
    monkeypatch.setattr(jose, "_known_headers", {})
