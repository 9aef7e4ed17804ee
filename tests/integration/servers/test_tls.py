"""Certificates are always verified."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from iiniit_guard.core.model.flow import Connection, HttpResponse, Unreachable
from tests.integration.servers.certificates import Authority
from tests.integration.servers.loopback import Answer, LoopbackServer
from tests.integration.servers.scripts import answering
from tests.integration.servers.worlds import get


def trusting(authority, **settings) -> Connection:
    return Connection(ca_file=authority.ca_file, **settings)


def test_a_good_certificate(world, performer, authority, certificate):
    with LoopbackServer(answering(Answer(200, b"{}")), certificate) as server:
        replies = world.replies(
            performer, get(server.url, trusting(authority)), get(server.url, trusting(authority))
        )

    assert [reply.body for reply in replies] == [b"{}", b"{}"]
    assert server.connections == 1


@pytest.mark.parametrize("fault", ["expired", "another host", "another root", "the system's roots"])
def test_a_bad_certificate_is_refused(world, performer, authority, certificate, tmp_path, fault):
    hosts = ("auth.example",) if fault == "another host" else ("127.0.0.1",)
    shown = authority.issue(*hosts, valid_for=timedelta(days=-1 if fault == "expired" else 1))
    connection = trusting(
        Authority(tmp_path, "another root") if fault == "another root" else authority
    )
    if fault == "the system's roots":
        connection = Connection()
    with LoopbackServer(answering(Answer(200, b"{}")), shown) as server:
        [reply] = world.replies(performer, get(server.url, connection))

    assert reply == Unreachable(
        "tls", f"ConnectError from SSLCertVerificationError at 127.0.0.1:{server.port}"
    )
    assert server.requests == []


def test_a_name_is_checked_not_an_address_alone(world, performer, authority):
    with LoopbackServer(answering(Answer()), authority.issue("localhost")) as server:
        replies = world.replies(
            performer,
            get(f"https://localhost:{server.port}", trusting(authority)),
            get(server.url, trusting(authority)),
        )

    assert isinstance(replies[0], HttpResponse)
    assert isinstance(replies[1], Unreachable)
    assert replies[1].cause == "tls"


@pytest.mark.parametrize(
    "act",
    [
        lambda peer: peer.send(b"HTTP/1.1 400 Bad\r\n\r\n"),
        lambda peer: None,
        lambda peer: peer.reset(),
    ],
)
def test_a_handshake_that_fails(world, performer, authority, act):
    with LoopbackServer(lambda peer: (peer.socket.recv(10_000), act(peer))) as server:
        [reply] = world.replies(
            performer, get(f"https://127.0.0.1:{server.port}", trusting(authority))
        )

    assert isinstance(reply, Unreachable)
    assert reply.cause == "tls"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_is_too_old(world, performer, authority, certificate):
    with LoopbackServer(answering(Answer()), certificate) as server:
        assert server.tls is not None
        server.tls.minimum_version = ssl.TLSVersion.TLSv1
        server.tls.maximum_version = ssl.TLSVersion.TLSv1_1
        server.tls.set_ciphers("ALL:@SECLEVEL=0")
        [reply] = world.replies(performer, get(server.url, trusting(authority)))

    assert isinstance(reply, Unreachable)
    assert reply.cause == "tls"


def test_a_client_certificate_is_shown(world, performer, authority, certificate):
    own = authority.issue("client.example")
    with LoopbackServer(
        answering(Answer(200, b"{}")), certificate, client_ca_file=authority.ca_file
    ) as server:
        connection = trusting(
            authority, certificate_file=own.certificate_file, key_file=own.key_file
        )
        replies = world.replies(
            performer, get(server.url, connection), get(server.url, trusting(authority))
        )

    assert isinstance(replies[0], HttpResponse)
    assert isinstance(replies[1], Unreachable)
    assert replies[1].cause == "tls"
    assert len(server.requests) == 1


@pytest.mark.parametrize("setting", ["ca_file", "certificate_file", "key_file"])
def test_a_file_that_is_missing_is_named_as_the_cause_and_read_when_it_comes(
    world, performer, authority, certificate, tmp_path, setting
):
    own = authority.issue("client.example")
    settings = {
        "ca_file": authority.ca_file,
        "certificate_file": own.certificate_file,
        "key_file": own.key_file,
    }
    late = tmp_path / "late.pem"
    connection = Connection(**{**settings, setting: str(late)})
    with LoopbackServer(answering(Answer()), certificate) as server:
        before = world.replies(performer, get(server.url, connection))
        late.write_bytes(Path(settings[setting]).read_bytes())
        after = world.replies(performer, get(server.url, connection))

    [refused], [answered] = before, after
    assert isinstance(refused, Unreachable)
    assert refused.cause == "file"
    assert isinstance(answered, HttpResponse)


def test_a_server_that_goes_away_without_notice_is_no_tls_fault(
    world, performer, authority, certificate
):
    def cut(peer):
        peer.receive()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        peer.reset()

    with LoopbackServer(cut, certificate) as server:
        [reply] = world.replies(performer, get(server.url, trusting(authority)))

    assert isinstance(reply, Unreachable)
    assert reply.cause in {"dropped", "protocol"}
