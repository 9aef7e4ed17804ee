"""The guard answers only the gateway, by the address of its socket."""

from __future__ import annotations

import pytest

from iiniit_guard.sidecar.settings.peers import Peers, network_fault
from iiniit_guard.testing import Issuer
from tests.integration.sidecar.sites import ask, bearer, make_sidecar


def scope(client, server=("127.0.0.1", 8080)):
    return {"client": (client, 1) if client else None, "server": server}


@pytest.mark.parametrize(
    "networks, heard, unheard",
    [
        (
            None,
            ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"],
            ["10.0.0.1", "::2", "fe80::1", "testclient", ""],
        ),
        (
            ["10.0.0.0/8", "fd00::/8"],
            ["10.1.2.3", "fd00::1", "fd00::1%eth0", "::ffff:10.0.0.1"],
            ["127.0.0.1", "11.0.0.1", "::1"],
        ),
    ],
)
def test_networks(networks, heard, unheard):
    peers = Peers() if networks is None else Peers(networks)

    assert [peer for peer in heard if not peers.trusts(scope(peer))] == []
    assert [peer for peer in unheard if peers.trusts(scope(peer))] == []


def test_a_unix_socket_has_no_peer_and_a_path_as_its_server():
    assert Peers().trusts(scope(None, ("/run/guard.sock", None)))
    assert not Peers(["127.0.0.0/8"]).trusts(scope(None, ("/run/guard.sock", None)))
    assert not Peers().trusts(scope(None))
    assert not Peers().trusts({"client": None})


def test_what_is_remembered_is_bounded():
    peers = Peers()
    for number in range(3000):
        assert not peers.trusts(scope(f"10.0.{number // 256}.{number % 256}"))

    assert len(peers._peers.known) <= 1024


@pytest.mark.parametrize(
    "value, good",
    [
        ("unix", True),
        ("10.0.0.0/8", True),
        ("::1", True),
        ("10.0.0.1/8", False),
        ("gateway", False),
    ],
)
def test_settings_name_networks(value, good):
    assert (network_fault(value) is None) == good


@pytest.mark.parametrize("gateway", ["nginx", "traefik"])
def test_a_stranger_is_refused_whatever_he_brings(gateway):
    issuer = Issuer()
    sidecar = make_sidecar(issuer, gateway)
    answer = ask(sidecar, headers=bearer(issuer.token()), client=("10.0.0.1", 1))

    assert (answer.status, answer.json["reason"]) == (403, "untrusted_peer")
    assert answer.header("x-iiniit-subject") is None
    assert answer.header("x-iiniit-answer") is None, (
        "what renders it would say to the stranger that the gateway said so"
    )
    assert answer.header("www-authenticate") is None
    assert issuer.requests == []
