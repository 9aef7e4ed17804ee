"""The DNS resolver: concurrent look-ups are shared for a limited time."""

from __future__ import annotations

import socket
import threading

import pytest

from iiniit_guard.io import dns
from iiniit_guard.io.daemon_threads import DaemonThreads
from iiniit_guard.io.dns import Address, Resolver

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


@pytest.fixture
def lookups(monkeypatch):
    """Look-ups that end one by one, each with a given result."""
    begun: list[tuple[threading.Event, list[object]]] = []

    def getaddrinfo(host, port, type, flags):  # noqa: A002 - getaddrinfo's own name
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "a name")
        ended, found = threading.Event(), list[object](FOUND)
        begun.append((ended, found))
        seen.release()
        assert ended.wait(5)
        return found

    seen = threading.Semaphore(0)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield lambda: (seen.acquire(timeout=5), begun)[1]
    for ended, _ in begun:
        ended.set()


def make() -> Resolver:
    return Resolver(DaemonThreads("names", limit=4))


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_an_address_needs_no_thread(host, family):
    found = Resolver(DaemonThreads("names", limit=0, backlog=0)).look_up(host, 443)

    assert [(address.family, address.sockaddr[:2]) for address in found.result(0)] == [
        (family, (host, 443))
    ]


def test_those_who_ask_together_share_a_look_up(lookups):
    looked_up = make()
    first, second = looked_up.look_up("auth.example", 443), looked_up.look_up("auth.example", 443)
    [(ended, _)] = lookups()
    ended.set()

    assert first is second
    assert first.result(5) == [Address(socket.AF_INET, ("192.0.2.1", 443))]


def test_nothing_is_remembered(lookups):
    looked_up = make()
    first = looked_up.look_up("auth.example", 443)
    lookups()[0][0].set()
    first.result(5)
    second = looked_up.look_up("auth.example", 443)
    lookups()[1][0].set()
    second.result(5)

    assert first is not second


def test_one_that_hangs_is_not_joined_for_ever(lookups, monkeypatch):
    now = 100.0
    monkeypatch.setattr(dns, "time", type("Clock", (), {"monotonic": staticmethod(lambda: now)}))
    looked_up = make()
    first = looked_up.look_up("auth.example", 443)
    lookups()
    now += 4.9
    joined = looked_up.look_up("auth.example", 443)
    now += 0.1
    second = looked_up.look_up("auth.example", 443)
    (late, _), (fresh, _) = lookups()
    late.set()
    first.result(5)

    assert joined is first
    assert looked_up.look_up("auth.example", 443) is second  # not the late result
    fresh.set()
    second.result(5)


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example"])
def test_what_is_no_host_name_is_not_found(host):
    with pytest.raises(socket.gaierror):
        make().look_up(host, 443).result(5)
