"""Addresses of listeners."""

from __future__ import annotations

import socket

import pytest

from iiniit_guard import SettingsError
from iiniit_guard.sidecar.server import start
from iiniit_guard.sidecar.settings.listeners import open_sockets, remove_unix_sockets
from tests.integration.sidecar.processes import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.mark.parametrize("place", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
def test_tcp_places(place):
    (opened,) = open_sockets([place])
    with opened:
        assert opened.getsockname()[1] != 0


def test_unix_places(tmp_path):
    place = f"unix:{tmp_path / 'a.sock'}"
    (opened,) = open_sockets([place])
    assert (tmp_path / "a.sock").stat().st_mode & 0o777 == 0o660
    with pytest.raises(SettingsError, match=r"bind: unix:.*a\.sock: Address already in use"):
        open_sockets(["127.0.0.1:0", place])
    opened.close()
    (again,) = open_sockets([place])  # what a killed process left behind
    again.close()
    remove_unix_sockets([place, "127.0.0.1:1"])
    assert not (tmp_path / "a.sock").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingsError):
        open_sockets([f"unix:{tmp_path / 'file'}"])
    assert (tmp_path / "file").read_text() == "mine"


def test_a_missing_directory_is_named(tmp_path):
    place = f"unix:{tmp_path / 'absent' / 'a.sock'}"
    with pytest.raises(SettingsError, match=r"the directory .*absent does not exist; create it$"):
        open_sockets([place])


def test_a_taken_port_is_a_fault_and_nothing_stays_open(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="Address already in use"):
            start.serve(site.file, {"public_bind": (f"127.0.0.1:{taken.getsockname()[1]}",)})
    with pytest.raises(SettingsError, match=r"bind: no\.such\.host\.invalid:1"):
        open_sockets(["no.such.host.invalid:1"])
    assert list(site.directory.glob("*.sock")) == []
