"""Rows about tokens in the query and elsewhere than in the Authorization field."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    ALLOWED,
    Case,
    Refused,
    bad_request,
    opaque,
    token,
)

_NO_TOKEN: Final = Refused(401, None, Reason.NO_TOKEN)
_SEVERAL: Final = bad_request(Reason.SEVERAL_CREDENTIALS)
_MALFORMED: Final = bad_request(Reason.MALFORMED_HEADER)
_IN_QUERY: Final = bad_request(Reason.TOKEN_IN_QUERY)
_GOOD: Final = token()


def _queries() -> list[Case]:
    rows: list[tuple[str, str, str]] = [
        ("the token in the query", "RFC 6750 §2.3", "access_token={token}"),
        ("the token behind another parameter", "RFC 6750 §2.3", "a=b&access_token={token}"),
        (
            "the name percent-encoded in part",
            "RFC 3986 §2.3 (equivalent)",
            "access%5Ftoken={token}",
        ),
        (
            "the name percent-encoded as a whole",
            "RFC 3986 §2.3 (equivalent)",
            "%61%63%63%65%73%73%5f%74%6f%6b%65%6e={token}",
        ),
        ("an empty token in the query", "RFC 6750 §2.3", "access_token="),
        ("the name alone", "RFC 6750 §2.3", "access_token"),
        (
            "behind a semicolon, which some parsers split at",
            "HTML 4.01 §B.2.2",
            "a=b;access_token={token}",
        ),
        (
            "the token in the query twice",
            "RFC 6749 §3.1 (no parameter twice)",
            "access_token={token}&access_token={token}",
        ),
    ]
    refused = [
        Case(name, clause, _GOOD, _IN_QUERY, lines=(), query=query, asked=())
        for name, clause, query in rows
    ]
    both = Case(
        "in the header and in the query",
        "RFC 6750 §2 (one method)",
        _GOOD,
        _IN_QUERY,
        query="access_token={token}",
        asked=(),
    )
    innocent: list[tuple[str, str]] = [
        ("a parameter whose name ends alike", "my_access_token=x"),
        ("a parameter whose name begins alike", "access_tokens=x"),
        ("a parameter whose value is the name", "wanted=access_token"),
        ("the name in upper case, another parameter", "ACCESS_TOKEN=x"),
        ("a malformed escape in the query", "a=%zz&b=%"),
        ("an empty query parameter", "&&="),
    ]
    allowed = [
        Case(name, "RFC 6750 §2.3 (the name is access_token)", _GOOD, ALLOWED, query=query)
        for name, query in innocent
    ]
    harm = {"insecure_query_token": True}
    opened = [
        Case(
            "query token, where that is set",
            "RFC 6750 §2.3",
            _GOOD,
            ALLOWED,
            lines=(),
            query="access_token={token}",
            settings=harm,
        ),
        Case(
            "query token beside a header, where that is set",
            "RFC 6750 §2",
            _GOOD,
            _SEVERAL,
            query="access_token={token}",
            settings=harm,
        ),
        Case(
            "two query tokens, where that is set",
            "RFC 6749 §3.1",
            _GOOD,
            _SEVERAL,
            lines=(),
            query="access_token={token}&access_token=x",
            settings=harm,
        ),
        Case(
            "query token beside Basic, where that is set",
            "RFC 6750 §2",
            _GOOD,
            _SEVERAL,
            lines=("Basic eA==",),
            query="access_token={token}",
            settings=harm,
        ),
        Case(
            "empty query token, where that is set",
            "RFC 6750 §2.3",
            None,
            _MALFORMED,
            query="access_token=",
            settings=harm,
        ),
        Case(
            "bad query token, where that is set",
            "RFC 6750 §2.3",
            None,
            _MALFORMED,
            query="access_token=a%20b",
            settings=harm,
        ),
    ]
    return [*refused, both, *allowed, *opened]


def _elsewhere() -> list[Case]:
    form = (b"content-type", b"application/x-www-form-urlencoded")
    rows: list[tuple[str, str, tuple[tuple[bytes, bytes], ...]]] = [
        (
            "in a cookie",
            "RFC 6750 §2.1 (from the Authorization header alone)",
            ((b"cookie", b"access_token=abc; Authorization=Bearer abc"),),
        ),
        (
            "in X-Access-Token",
            "RFC 6750 §2.1 (from the Authorization header alone)",
            ((b"x-access-token", b"abc"),),
        ),
        ("in Proxy-Authorization", "RFC 9110 §11.7.2", ((b"proxy-authorization", b"Bearer abc"),)),
        (
            "in X-Forwarded-Authorization",
            "RFC 6750 §2.1 (from the Authorization header alone)",
            ((b"x-forwarded-authorization", b"Bearer abc"),),
        ),
        (
            "in X-Original-Authorization",
            "RFC 6750 §2.1 (from the Authorization header alone)",
            ((b"x-original-authorization", b"Bearer abc"),),
        ),
        ("a form is announced", "RFC 6750 §2.2 (bodies are never read)", (form,)),
    ]
    nowhere = [
        Case(f"a token {name}", clause, None, _NO_TOKEN, headers=headers, asked=())
        for name, clause, headers in rows
    ]
    methods = [
        Case(
            f"no token, {name}",
            "RFC 6750 §3 (every method needs a token)",
            None,
            _NO_TOKEN,
            method=name,
        )
        for name in ("HEAD", "POST", "PUT", "PATCH", "DELETE")
    ]
    good = [
        Case(f"a good token, {name}", "RFC 6750 §2.1", opaque(), ALLOWED, method=name)
        for name in ("HEAD", "POST", "PUT", "PATCH", "DELETE")
    ]
    options = Case(
        "OPTIONS that is no preflight", "Fetch, CORS-preflight", None, _NO_TOKEN, method="OPTIONS"
    )
    origin = Case(
        "refused to another origin",
        "Fetch, exposed headers",
        None,
        _NO_TOKEN,
        headers=((b"origin", b"https://app.test"),),
    )
    return [*nowhere, *methods, *good, options, origin]


CASES: Final[list[Case]] = [*_queries(), *_elsewhere()]
