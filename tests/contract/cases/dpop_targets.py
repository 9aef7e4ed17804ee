"""The method and the URI of a DPoP proof (RFC 9449 §4.3 items 8 and 9)."""

from __future__ import annotations

from typing import Any, Final

from tests.contract.cases.case import ALLOWED, API, Allowed, Case, Refused
from tests.contract.cases.dpop_proofs import BOUND, MALFORMED, PUBLIC, TARGET, proof

_URI: Final = f"{API}/token"


def _case(name: str, clause: str, htu: Any, expected: Refused | Allowed, **more: Any) -> Case:
    settings = {**PUBLIC, **more.pop("settings", {})}
    return Case(
        f"htu: {name}",
        clause,
        BOUND,
        expected,
        proofs=proof(htu=htu),
        settings=settings,
        **more,
    )


def _methods() -> list[Case]:
    rows: list[tuple[str, str, str, Refused | Allowed]] = [
        ("GET", "GET", "GET", ALLOWED),
        ("POST", "POST", "POST", ALLOWED),
        ("POST for a GET", "GET", "POST", TARGET),
        ("GET for a POST", "POST", "GET", TARGET),
        ("in lower case", "GET", "get", TARGET),
        ("with a space", "GET", "GET ", TARGET),
        ("empty", "GET", "", TARGET),
        ("DELETE", "DELETE", "DELETE", ALLOWED),
        ("of a preflight's method", "OPTIONS", "OPTIONS", ALLOWED),
    ]
    return [
        Case(
            f"htm: {name}",
            "RFC 9449 §4.3 item 8",
            BOUND,
            expected,
            method=method,
            proofs=proof(htm=htm),
            settings=PUBLIC,
        )
        for name, method, htm, expected in rows
    ]


def _equal() -> list[Case]:
    rows = [
        ("as it is", "RFC 9449 §4.3 item 9", _URI),
        ("with a query", "RFC 9449 §4.3 item 9 (ignoring any query)", f"{_URI}?a=b"),
        ("with a fragment", "RFC 9449 §4.3 item 9 (ignoring any fragment)", f"{_URI}#a"),
        ("scheme in upper case", "RFC 3986 §6.2.2.1", "HTTPS://api.test/token"),
        ("unreserved characters escaped", "RFC 3986 §6.2.2.2", f"{API}/%74%6Fken"),
        ("dot segments", "RFC 3986 §6.2.2.3", f"{API}/a/../b/./../token"),
        ("the default port", "RFC 3986 §6.2.3", "https://api.test:443/token"),
        ("the scheme of a WebSocket", "RFC 6455 §3, §4.1", "wss://api.test/token"),
    ]
    return [_case(name, clause, htu, ALLOWED) for name, clause, htu in rows]


def _different() -> list[Case]:
    rows = [
        ("another path", f"{API}/read"),
        ("a slash at the end", f"{API}/token/"),
        ("another host", "https://evil.test/token"),
        ("another scheme", "http://api.test/token"),
        ("another port", "https://api.test:8443/token"),
        ("user information", "https://user@api.test/token"),
        ("relative", "/token"),
        ("an escaped slash", f"{API}%2Ftoken"),
        ("characters outside ASCII", f"{API}/töken"),
        ("empty", ""),
    ]
    return [_case(name, "RFC 9449 §4.3 item 9; RFC 3986 §6.2", htu, TARGET) for name, htu in rows]


def _public_urls() -> list[Case]:
    clause = "RFC 9449 §4.3 item 9, §11.2"
    rows: list[tuple[str, str, str, Refused | Allowed]] = [
        ("a prefix", f"{API}/v1", f"{API}/v1/token", ALLOWED),
        ("a prefix that the proof lacks", f"{API}/v1", f"{API}/token", TARGET),
        ("a slash at its end", f"{API}/", f"{API}/token", ALLOWED),
        ("a port", "https://api.test:8443", "https://api.test:8443/token", ALLOWED),
    ]
    named = [
        _case(f"public_url with {name}", clause, htu, expected, settings={"public_url": url})
        for name, url, htu, expected in rows
    ]
    return [
        *named,
        Case(
            "htu: the query of the request is ignored",
            "RFC 9449 §4.3 item 9",
            BOUND,
            ALLOWED,
            query="a=b",
            proofs=proof(),
            settings=PUBLIC,
        ),
        _case("a number", "RFC 9449 §4.2", 1, MALFORMED),
    ]


CASES: Final[list[Case]] = [*_methods(), *_equal(), *_different(), *_public_urls()]
