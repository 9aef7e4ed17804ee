"""One issuer with a status list, and a guard that requires a status."""

from __future__ import annotations

from iiniit_guard import Guard
from iiniit_guard.core.errors import IssuerUnavailable, TokenRefused
from iiniit_guard.testing import Issuer, SettableClock, make_key

NOW = 1_800_000_000
LIST = "status_list"


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
