"""The peers whose forwarded fields are read."""

from __future__ import annotations

import pytest

from iiniit_guard.core.http.trusted_peers import (
    TrustedPeers,
    network_fault,
    networks_fault,
)
from iiniit_guard.core.model.request import Request

UNIX_SCOPE = {"type": "http", "server": ("/run/api.sock", None)}
TCP_SCOPE = {"type": "http", "server": ("127.0.0.1", 80)}


@pytest.mark.parametrize(
    "networks, peer, native, trusted",
    [
        (["10.0.0.0/8"], "10.1.2.3", None, True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", None, True),
        (["10.0.0.0/8"], "11.1.2.3", None, False),
        (["10.0.0.0/8", "unix"], "unix", None, False),
        (["10.0.0.0/8"], None, UNIX_SCOPE, False),
        (["unix"], None, UNIX_SCOPE, True),
        (["unix"], None, TCP_SCOPE, False),
        (["unix"], None, {"type": "http"}, False),
        (["unix"], None, {"REMOTE_ADDR": ""}, True),
        (["unix"], None, {}, False),
        (["unix"], None, None, False),
        (["unix"], None, {"REMOTE_ADDR": None}, False),
        (["unix"], None, {"type": "http", "server": None}, False),
        (["fe80::/10"], "fe80::1%eth0", None, True),
        (["fe80::/10"], "fe80::1%a%b%c", None, True),
        (["10.0.0.0/8"], "testclient", None, False),
        (["0.0.0.0/0", "::/0"], "", None, False),
    ],
)
def test_only_a_listed_peer_is_trusted(networks, peer, native, trusted):
    request = Request("GET", "/", peer=peer, native=native)

    assert TrustedPeers(networks).trusts(request) is trusted


def test_no_network_means_no_peer():
    assert not TrustedPeers([])
    assert TrustedPeers(["unix"])
    assert TrustedPeers(["10.0.0.1"])


def test_a_text_that_is_no_address_is_not_kept():
    """A client may write it into a forwarded field that a proxy passes on."""
    peers = TrustedPeers(["10.0.0.0/8", "fe80::/10"])
    assert not peers.trusts_address("10.0.0.1" + "0" * 57)
    assert peers.known == {}
    assert peers.trusts_address("fe80::1%" + "e" * 56)
    assert len(peers.known) == 1


def test_the_results_that_are_kept_are_bounded():
    """A client chooses the addresses of a forwarded field."""
    peers = TrustedPeers(["10.0.0.0/8"])
    for number in range(1024):
        assert peers.trusts_address(f"10.0.{number // 256}.{number % 256}")
    assert len(peers.known) == 1024
    assert peers.trusts_address("10.0.0.0")
    assert len(peers.known) == 1024
    assert not peers.trusts_address("11.0.0.0")
    assert peers.known == {"11.0.0.0": False}
    peers.known["11.0.0.0"] = True
    assert peers.trusts_address("11.0.0.0"), "a known address is not parsed again"


@pytest.mark.parametrize("value", ["10.0.0.0/8", "10.0.0.1", "::1", "fd00::/8", "unix"])
def test_a_network(value):
    assert network_fault(value) is None
    assert networks_fault([value]) is None
    assert networks_fault((value,)) is None


@pytest.mark.parametrize("value", ["10.0.0.1/8", "proxy", "", "Unix", None, "10.0.0.0/33"])
def test_no_network(value):
    fault = f"{value!r} must be a network like 10.0.0.0/8, or 'unix'"
    assert network_fault(value) == fault
    assert networks_fault(["10.0.0.0/8", value]) == fault


@pytest.mark.parametrize("value", ["10.0.0.0/8", b"10", {"10.0.0.0/8"}, None, 1, {"unix": 1}])
def test_no_list_of_networks(value):
    assert networks_fault(value) == "must be a list of networks"
