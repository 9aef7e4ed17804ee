"""The attack table, part 1: valid tokens and public paths, which pass."""

from __future__ import annotations

from typing import Final

from tests.integration.gateways.answers import _bearer
from tests.integration.gateways.rows import (
    BEARER,
    WRITER,
    Row,
)

PROFILE: Final = "/v1/user/profile"
PASSING: Final = [
    Row("a JWT", "GET", PROFILE, BEARER),
    Row("an opaque token", "GET", PROFILE, _bearer("{opaque}")),
    Row("a token of ten thousand bytes", "GET", PROFILE, _bearer("{big}")),
    Row("the scheme in lower case", "GET", PROFILE, (("authorization", "bearer {good}"),)),
    Row("HEAD", "HEAD", PROFILE, BEARER),
    Row("a query", "GET", PROFILE + "?a=%2Fb&c=d%20e", BEARER),
    Row("a path with escapes", "GET", "/v1/files/sp%20ace/%C3%A4", BEARER),
    Row("a body of known length", "PATCH", PROFILE, WRITER, body=b'{"name": "x"}'),
    Row("a body of two hundred kilobytes", "POST", PROFILE, WRITER, body=b"x" * 200_000),
    Row(
        "a chunked body",
        "POST",
        PROFILE,
        (*WRITER, ("Transfer-Encoding", "chunked")),
        body=b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    ),
    Row(
        "a body that waits for 100",
        "POST",
        PROFILE,
        (*WRITER, ("Expect", "100-continue")),
        body=b"hello",
    ),
    Row("a public path", "GET", "/healthz"),
    Row("a public path with a query", "GET", "/healthz?deep=1"),
    Row("a public path with a bad token", "GET", "/healthz", _bearer("junk")),
    Row("an optional token, none", "GET", "/v1/news"),
    Row("an optional token, a good one", "GET", "/v1/news", BEARER),
]
