"""One issuer with a status list, and a guard that requires a status."""

from __future__ import annotations

from typing import Final

from iiniit_guard import Guard
from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.status_check import StatusCheck
from iiniit_guard.io.effects import run
from iiniit_guard.testing import Issuer, SettableClock, make_key
from iiniit_guard.testing.metadata import Kind

NOW = 1_800_000_000
LIST: Final[Kind] = "status_list"


def make(**settings) -> tuple[Issuer, Guard]:
    key = make_key("ES256", "tests of status lists")
    issuer = Issuer(signing_key=key, clock=SettableClock(NOW))
    return issuer, issuer.guard(**{"status_list": "required", "introspection": None, **settings})


def outcome(guard: Guard, token: str) -> str:
    try:
        guard.verify(token)
    except TokenRefused as refused:
        return refused.reason
    except IssuerUnavailable:
        return "issuer_unavailable"
    return "accepted"


def asked(issuer: Issuer) -> int:
    return issuer.requests.count(LIST)


def make_known(issuer: Issuer, guard: Guard) -> str:
    """Let the guard fetch the keys, and return a token."""
    issuer.fail(None)
    token = issuer.listed_token()
    guard.verify(token)
    return token


def server_of(guard: Guard) -> tuple[AuthorizationServer, StatusCheck]:
    """Return the issuer of a guard, and its status lists."""
    server = guard._engine.resource.only_server
    assert server is not None
    assert server.status is not None
    return server, server.status


def fetch_of(guard: Guard, uri: str) -> object:
    """Fetch one list, without a token and without a check of the limits."""
    _, status = server_of(guard)
    breaker = next(iter(status._breakers.values()))
    return run(status._document(uri, breaker).load(), guard._engine._runner.perform)
