"""Requests whose log lines a test reads."""

from __future__ import annotations

from iiniit_guard import (
    Guard,
    Request,
)
from iiniit_guard.testing import Issuer

HOUR = 3_600
HOSTILE = '\r\nadmin logged in\x1b[2J\x00\u202e"\\\ud800' + "é" * 500


def ask(guard: Guard, token: str | None, path: str = "/orders", query: bytes = b"") -> None:
    headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
    guard.authenticate(Request("GET", path, query, headers), host="flask")


def lines(caplog) -> list[tuple[str, str]]:
    found = [(each.levelname, each.getMessage()) for each in caplog.records]
    caplog.clear()
    return found


def levels(caplog) -> list[str]:
    return [level for level, _ in lines(caplog)]


def foreign(iss: str) -> str:
    return Issuer().sign({"iss": iss, "aud": "https://api.test", "exp": 4e9, "sub": "x"})
