"""Every failure of the authorization server on the wire: 503 with a correct Retry-After, few calls,
recovery without a restart.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest

from iiniit_guard.core.errors import IssuerUnavailable
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.testing.metadata import Kind
from tests.integration.faults.answers import seconds_told
from tests.integration.faults.real_issuer import Fault, RealIssuer
from tests.integration.servers.loopback import Answer, LoopbackServer, Peer
from tests.integration.servers.scripts import answering

HTML: Final = b"<!DOCTYPE html><title>It works!</title>"
JSON: Final = (("Content-Type", "application/json"),)
PLENTY: Final = 50 << 20
BREAKER_OPENS_AT: Final = 5
SHORT: Final[dict[str, Any]] = {"connect_timeout_seconds": 0.25, "timeout_seconds": 0.25}
MORE: Final = 12


@dataclass(frozen=True)
class Broken:
    """One way to fail.

    Attributes:
        name: Of the row.
        fault: What is done to each request.
        cause: What `IssuerUnavailable` says.
        wait: The least Retry-After of a call that fails in this way.
        patience: Settings of the guard.
        reachable: The server is up and sends a response, so the guard continues to call it for
            other tokens.
    """

    name: str
    fault: Fault
    cause: str
    wait: int = 1
    patience: Any = None
    reachable: bool = True

    def __str__(self) -> str:
        return self.name


def stream(head: bytes, piece: bytes):
    """Return a script that sends `head` and then far more than a client should read."""

    def send(peer: Peer) -> None:
        peer.send(head)
        while peer.sent < PLENTY and not peer.ended:
            peer.send(piece)

    return send


@cache
def compressed() -> bytes:
    return gzip.compress(bytes(PLENTY), 1)


def bomb(peer: Peer) -> None:
    body = compressed()
    peer.send(
        (
            b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Encoding: "
            b"gzip\r\nContent-Length: %d\r\n\r\n"
        )
        % len(body)
        + body
    )
    peer.hang()  # a client that waited for more would report a timeout


CHUNK: Final = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
WIRE: Final = [
    Broken("hangs", lambda peer: peer.hang(), "timeout", patience=SHORT, reachable=False),
    Broken(
        "drips its head",
        lambda peer: peer.drip(b"HTTP/1.1 200 X\r\n" * 99, 0.05),
        "timeout",
        patience=SHORT,
        reachable=False,
    ),
    Broken(
        "drips its body",
        lambda peer: (
            peer.send(b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n"),
            peer.drip(b"{" * 99, 0.05),
        ),
        "timeout",
        patience=SHORT,
        reachable=False,
    ),
    Broken("resets", lambda peer: peer.reset(), "dropped"),
    Broken("closes", lambda peer: None, "dropped"),
    Broken(
        "resets within its answer",
        lambda peer: (peer.send(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{"), peer.reset()),
        "dropped",
    ),
    Broken(
        "closes within its answer",
        lambda peer: peer.send(b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{"),
        "protocol",
    ),
    Broken("speaks no HTTP", lambda peer: peer.send(b"220 mail.example ESMTP\r\n" * 9), "protocol"),
    Broken(
        "announces 50 MB",
        stream(b"HTTP/1.1 200 X\r\nContent-Length: %d\r\n\r\n" % PLENTY, bytes(65_536)),
        "too_large",
    ),
    Broken(
        "sends 50 MB in chunks",
        stream(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK),
        "too_large",
    ),
    Broken(
        "sends 50 MB of header",
        stream(b"HTTP/1.1 200 X\r\n", b"X-Y: " + b"z" * 60_000 + b"\r\n"),
        "protocol",
    ),
    Broken("sends a gzip bomb", bomb, "too_large"),
    Broken("sends broken gzip", Answer(200, b"{}", (("Content-Encoding", "gzip"),)), "protocol"),
    Broken(
        "sends a coding nobody asked for",
        Answer(200, b"{}", (("Content-Encoding", "br"),)),
        "protocol",
    ),
]
ANSWERED: Final = [
    Broken("answers HTML", Answer(200, HTML, (("Content-Type", "text/html"),)), "answer"),
    Broken("answers nothing", Answer(200, b"", JSON), "answer"),
    Broken("answers 204", Answer(204, b"", (("Content-Length", "0"),)), "answer"),
    Broken("answers an array", Answer(200, b"[]", JSON), "answer"),
    Broken("answers garbage", Answer(200, bytes(range(256)) * 40, JSON), "answer"),
    Broken("answers 400", Answer(400, b'{"error":"invalid_request"}', JSON), "answer"),
    Broken("answers 404", Answer(404, HTML), "answer"),
    Broken(
        "answers 429 and Retry-After 7", Answer(429, b"", (("Retry-After", "7"),)), "answer", wait=7
    ),
    Broken("answers 500", Answer(500, HTML), "answer"),
    Broken(
        "answers 503 and a date",
        Answer(503, b"", (("Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT"),)),
        "answer",
    ),
]
OUR_CREDENTIALS: Final = [
    Broken("answers 401", Answer(401, b'{"error":"invalid_client"}', JSON), "credentials", wait=30),
    Broken("answers an empty 403", Answer(403), "credentials", wait=30),
]
AT: Final[dict[str, tuple[Kind, ...]]] = {
    "discovery": ("discovery",),
    "jwks": ("jwks",),
    "introspection": ("introspection",),
    "everything": ("discovery", "jwks", "introspection"),
}


def new_token(real: RealIssuer, place: str) -> str:
    return (
        real.issuer.opaque_token()
        if place in ("introspection", "everything")
        else real.issuer.token()
    )


def rows():
    for place in AT:
        broken = [*WIRE, *ANSWERED, *(OUR_CREDENTIALS if place == "introspection" else ())]
        yield from (pytest.param(place, fault, id=f"{place} {fault}") for fault in broken)


@pytest.mark.parametrize(("place", "broken"), list(rows()))
def test_an_outage_is_503_costs_few_calls_and_ends_by_itself(world, real, place, broken):
    guard = real.guard(**(broken.patience or {}))
    real.break_at(broken.fault, *AT[place])

    with pytest.raises(IssuerUnavailable) as caught:
        world.verify(guard, new_token(real, place))
    assert caught.value.cause == broken.cause
    assert caught.value.retry_after_seconds >= broken.wait
    told = seconds_told(world.decide(guard, new_token(real, place)))
    assert told >= min(broken.wait, 30)
    for _ in range(MORE):
        told = seconds_told(world.decide(guard, new_token(real, place)))

    calls = sum(real.asked[kind] for kind in AT[place])
    if place != "introspection":
        assert (
            calls <= 2
        )  # two places for metadata; or one set, and once more where a kept connection was cut
    elif broken.reachable:
        # An invalid token can make a server send anything or nothing, so other tokens are still
        # introspected. See above for the additional call.
        assert MORE + 2 <= calls <= MORE + 3
    else:
        assert calls <= BREAKER_OPENS_AT + 1  # the one: a kept connection that was cut

    real.mend()
    real.issuer.clock.advance(told)  # the Retry-After of the last answer, to the second
    assert isinstance(world.decide(guard, new_token(real, place)), Allow)
    assert isinstance(world.decide(guard, new_token(real, place)), Allow)
    guard.close()


@pytest.mark.parametrize("broken", [*WIRE, *ANSWERED], ids=str)
def test_keys_that_are_known_outlive_an_outage(world, real, broken):
    guard = real.guard(**(broken.patience or {}))
    world.verify(guard, real.issuer.token())
    real.break_at(broken.fault)
    before = real.asked.copy()
    real.issuer.clock.advance(3601)  # past the end of the set, within keys_stale_seconds

    for _ in range(MORE):
        assert isinstance(world.decide(guard, real.issuer.token()), Allow)
    assert max((real.asked - before).values()) <= 2
    guard.close()


def test_a_slow_server_is_waited_for(world, real):
    real.delay_seconds = 0.3
    guard = real.guard()

    assert world.verify(guard, real.issuer.opaque_token()).subject == "user-1"
    guard.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_whoever_it_leads_to(world, real, status):
    guard = real.guard()
    with LoopbackServer(answering(Answer(200, b'{"active": true}', JSON))) as elsewhere:
        real.break_at(Answer(status, b"", (("Location", elsewhere.url),)))
        for token in (real.issuer.token(), real.issuer.opaque_token()):
            seconds_told(world.decide(guard, token))

        assert elsewhere.connections == 0
    guard.close()


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "text/plain; charset=utf-8",
        "application/jwt",
        "application/token-introspection+jwt",
        "x",
    ],
)
def test_an_introspection_response_in_another_content_type_is_none(world, real, kind):
    token = real.issuer.opaque_token()
    body = json.dumps(real.issuer.introspect(token)).encode()
    real.break_at(Answer(200, body, (("Content-Type", kind),)), "introspection")
    guard = real.guard()

    seconds_told(world.decide(guard, token))
    guard.close()


def test_credentials_that_are_revoked_and_renewed(world, real, tmp_path):
    from iiniit_guard.core.issuer.client_authentication import ClientSecretBasic, SecretFile

    secret = tmp_path / "secret"
    secret.write_text("first")
    real.issuer.client_check.client_secret = "first"
    guard = real.guard(
        introspection=ClientSecretBasic(real.issuer.client_check.client_id, SecretFile(str(secret)))
    )
    remembered = real.issuer.opaque_token()
    assert isinstance(world.decide(guard, remembered), Allow)

    real.issuer.client_check.client_secret = "second"
    assert isinstance(world.decide(guard, remembered), Allow)
    assert seconds_told(world.decide(guard, real.issuer.opaque_token())) == 30
    assert isinstance(world.decide(guard, real.issuer.token()), Allow)  # JWTs need no credentials

    secret.write_text("second")
    assert isinstance(world.decide(guard, real.issuer.opaque_token()), Allow)
    guard.close()
