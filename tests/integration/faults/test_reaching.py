"""Unreachable servers: down, without a name, or with a certificate that is not trusted."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta

import pytest

from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.problem import Reason
from tests.integration.faults.real_issuer import RealIssuer
from tests.integration.servers.certificates import Authority

HOUR = 3_600


def outage(world, guard, token):
    """Check that the guard reports an outage; return the cause and the wait."""
    with pytest.raises(IssuerUnavailable) as caught:
        world.verify(guard, token)
    return caught.value.cause, caught.value.retry_after_seconds


@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_a_server_that_dies_and_comes_back_again_and_again(world, real, kind):
    mint = real.issuer.token if kind == "jwt" else real.issuer.opaque_token
    with real.guard() as guard:
        for _ in range(3):
            remembered = mint()
            world.verify(guard, remembered)
            real.die()
            assert isinstance(world.decide(guard, remembered), Allow)
            real.issuer.clock.advance(3 * HOUR)  # every key set and cached token has expired
            causes = [outage(world, guard, mint()) for _ in range(20)]
            assert {cause for cause, _ in causes} == {"connection", "waiting"}
            real.come_back()
            real.issuer.clock.advance(causes[-1][1])
            assert world.verify(guard, mint()).subject == "user-1"


def test_a_server_that_restarts_between_two_calls_is_not_noticed(world, real):
    """The kept connection is dead, which costs a new connection but no failed request."""
    with real.guard() as guard:
        for _ in range(5):
            world.verify(guard, real.issuer.opaque_token())
            real.die()
            real.come_back()
        assert real.asked["introspection"] == 5


@pytest.mark.parametrize("fault", ["expired", "another host", "another authority"])
def test_a_certificate_that_must_not_be_trusted_and_its_replacement(
    world, authority, tmp_path, fault
):
    good = authority.issue("127.0.0.1")
    shown = {
        "expired": authority.issue("127.0.0.1", valid_for=timedelta(days=-1)),
        "another host": authority.issue("auth.example"),
        "another authority": Authority(tmp_path, "another root").issue("127.0.0.1"),
    }[fault]
    with RealIssuer(authority, shown) as real, real.guard() as guard:
        seen = [
            outage(world, guard, token)
            for token in (real.issuer.token(), real.issuer.opaque_token())
        ]
        assert [cause for cause, _ in seen] == ["tls", "waiting"]
        assert real.asked.total() == 0  # no request was sent to the unverified server

        real.die()
        real.come_back(good)
        real.issuer.clock.advance(seen[-1][1])
        assert world.verify(guard, real.issuer.token()).subject == "user-1"
        assert world.verify(guard, real.issuer.opaque_token()).subject == "user-1"


def test_a_certificate_that_goes_bad_later_is_seen_at_the_next_connection(world, authority):
    with RealIssuer(authority) as real, real.guard() as guard:
        world.verify(guard, real.issuer.opaque_token())
        real.die()
        real.come_back(authority.issue("127.0.0.1", valid_for=timedelta(days=-1)))
        before = real.asked.total()
        assert outage(world, guard, real.issuer.opaque_token())[0] == "tls"
        assert real.asked.total() == before


class NameServer:
    """A substitute for `getaddrinfo` that knows one name, fails or hangs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.fails = False
        self.answers = threading.Event()
        self.answers.set()
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    # getaddrinfo's own name
    def _look_up(self, host, port, family=0, type=0, proto=0, flags=0):  # noqa: A002
        if host[0].isdigit() or flags & socket.AI_NUMERICHOST:
            return self._real(host, port, family, type, proto, flags)
        self.asked += 1
        self.answers.wait()
        if self.fails:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._real("127.0.0.1", port, family, type, proto, flags)


@pytest.fixture
def name_server(monkeypatch):
    made = NameServer(monkeypatch)
    yield made
    made.answers.set()


@pytest.mark.parametrize("how", ["fails", "hangs"])
@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_a_name_server_that_is_out_of_order_and_comes_back(world, name_server, how, kind):
    with RealIssuer(host="auth.example") as real, real.guard(connect_timeout_seconds=0.2) as guard:
        mint = real.issuer.token if kind == "jwt" else real.issuer.opaque_token
        if how == "fails":
            name_server.fails = True
        else:
            name_server.answers.clear()
        seen = [outage(world, guard, mint()) for _ in range(20)]
        assert seen[0][0] == ("connection" if how == "fails" else "timeout")
        assert name_server.asked <= 5
        assert real.asked.total() == 0

        name_server.fails = False
        name_server.answers.set()
        real.issuer.clock.advance(seen[-1][1])
        assert world.verify(guard, mint()).subject == "user-1"


@pytest.mark.parametrize(
    ("shift", "reason"), [(HOUR, Reason.EXPIRED), (-HOUR, Reason.ISSUED_IN_FUTURE)]
)
@pytest.mark.parametrize("kind", ["jwt", "opaque"])
def test_a_clock_that_is_an_hour_off_grants_nothing_and_recovers(world, real, kind, shift, reason):
    """The refusal names the cause: a token from the future, or expired. It is not an outage, and
    causes no repeated calls.
    """
    mint = real.issuer.token if kind == "jwt" else real.issuer.opaque_token
    with real.guard() as guard:
        good = mint()
        world.verify(guard, good)
        now, calls = real.issuer.clock.wall(), real.asked.copy()

        real.issuer.skew_seconds = (
            -shift
        )  # the guard's clock alone is off: the issuer's stays right
        real.issuer.clock.set_wall(now + shift)
        for token in (good, mint()) * 10:
            with pytest.raises(TokenRefused) as caught:
                world.verify(guard, token)
            assert caught.value.reason is reason
        asked = real.asked - calls
        assert (asked["introspection"], asked["jwks"] <= 1) == (0 if kind == "jwt" else 2, True)

        real.issuer.skew_seconds = 0
        real.issuer.clock.set_wall(now)
        real.issuer.clock.advance(1)  # a refusal is cached for a second
        assert world.verify(guard, mint()).subject == "user-1"
        assert world.verify(guard, good).subject == "user-1"


def test_a_clock_that_is_set_back_prolongs_nothing(world, real):
    """Age is counted by both clocks; either ends an entry."""
    with real.guard() as guard:
        token = real.issuer.opaque_token(expires_in=None)
        world.verify(guard, token)
        real.issuer.revoke(token)
        real.issuer.clock.advance(59)
        real.issuer.clock.set_wall(real.issuer.clock.wall() - 20)
        world.verify(guard, token)
        real.issuer.clock.advance(1)
        with pytest.raises(TokenRefused):
            world.verify(guard, token)
