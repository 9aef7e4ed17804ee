"""JOSE headers: RFC 7515 §4, RFC 7797, RFC 8725 §3.10 and §3.11, RFC 9068 §2.1."""

from __future__ import annotations

import math
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import make_key
from tests.contract.cases.case import ALLOWED, Case, TokenOf, bad
from tests.contract.cases.tampering import (
    by_stranger,
    compressed,
    extended,
    raw_header,
    unencoded,
    with_header,
)

_ALG: Final = bad(Reason.UNSUPPORTED_ALGORITHM)
_CRIT: Final = bad(Reason.UNSUPPORTED_CRITICAL)
_MALFORMED: Final = bad(Reason.MALFORMED_TOKEN)
_SIGNATURE: Final = bad(Reason.BAD_SIGNATURE)
_UNKNOWN_KEY: Final = bad(Reason.UNKNOWN_KEY)
_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_LEARNED: Final = ("discovery", "jwks")


def _headers() -> list[Case]:
    own = make_key("ES256", "stranger")
    jwk = own.jwk()
    critical: list[tuple[str, str, TokenOf]] = [
        (
            "crit names an extension",
            "RFC 7515 §4.1.11; CVE-2026-32597",
            with_header(crit=["exp"], exp=1),
        ),
        ("crit names a registered parameter", "RFC 7515 §4.1.11", with_header(crit=["alg"])),
        ("crit is empty", "RFC 7515 §4.1.11 (must not be empty)", with_header(crit=[])),
        ("crit names what is not there", "RFC 7515 §4.1.11", with_header(crit=["x"])),
        ("crit is a string", "RFC 7515 §4.1.11", with_header(crit="b64")),
        ("crit is null", "RFC 7515 §4.1.11", raw_header(extended('"crit":null'))),
        ("crit is false", "RFC 7515 §4.1.11", with_header(crit=False)),
        ("crit is an object", "RFC 7515 §4.1.11", with_header(crit={})),
        ("crit holds numbers", "RFC 7515 §4.1.11", with_header(crit=[1])),
        ("b64 false with crit", "RFC 7797 §6; CVE-2024-0001 class", unencoded),
        ("b64 false without crit", "RFC 7797 §6", with_header(b64=False)),
        ("b64 a string", "RFC 7797 §3", with_header(b64="true")),
        ("b64 zero", "RFC 7797 §3", with_header(b64=0)),
        ("b64 one, which equals true in Python", "RFC 7797 §3", with_header(b64=1)),
        ("b64 null", "RFC 7797 §3", raw_header(extended('"b64":null'))),
        ("zip, and deflated", "RFC 7516 §4.1.3 (JWE only); CVE-2024-21319", compressed),
        ("zip named only", "RFC 7516 §4.1.3 (JWE only)", with_header(zip="DEF")),
    ]
    # A key in the header is never used, neither for a foreign signature nor for a good one.
    brought: list[tuple[str, str, dict[str, Any]]] = [
        ("jwk", "RFC 8725 §3.10; CVE-2018-0114", {"jwk": jwk}),
        ("jku", "RFC 8725 §3.10; RFC 7515 §4.1.2", {"jku": "https://evil.test/jwks"}),
        (
            "jku at the issuer with an open redirect",
            "RFC 8725 §3.10",
            {"jku": "https://issuer.test/redirect?to=https://evil.test/"},
        ),
        ("x5u", "RFC 8725 §3.10; RFC 7515 §4.1.5", {"x5u": "https://evil.test/cert"}),
        ("x5c", "RFC 7515 §4.1.6", {"x5c": ["MIIB"]}),
        ("x5t", "RFC 7515 §4.1.7", {"x5t": "AAAA"}),
        ("x5t#S256", "RFC 7515 §4.1.8", {"x5t#S256": "AAAA"}),
    ]
    strangers = [
        Case(
            f"a stranger's signature with {name}",
            clause,
            by_stranger(**header),
            _SIGNATURE,
            asked=_LEARNED,
        )
        for name, clause, header in brought
    ]
    good = [
        Case(
            f"a good signature with {name}", clause, with_header(**header), ALLOWED, asked=_LEARNED
        )
        for name, clause, header in brought
    ]
    harmless: list[tuple[str, str, TokenOf]] = [
        ("b64 true", "RFC 7797 §3", with_header(b64=True)),
        ("cty", "RFC 7515 §4.1.10", with_header(cty="json")),
        ("an unknown parameter", "RFC 7515 §4 (ignored)", with_header(foo={"bar": [1]})),
        ("epk and enc, of JWE", "RFC 7515 §4 (ignored)", with_header(epk={}, apu="x")),
        (
            "claims replicated in the header",
            "RFC 7519 §5.3",
            with_header(iss="https://evil.test", exp=1),
        ),
    ]
    harmless_rows = [
        Case(f"a good token with {name}", clause, make, ALLOWED) for name, clause, make in harmless
    ]
    return [
        *(Case(name, clause, make, _CRIT, asked=()) for name, clause, make in critical),
        *strangers,
        *good,
        *harmless_rows,
    ]


def _key_ids() -> list[Case]:
    forced = ("discovery", "jwks")
    unknown: list[tuple[str, str, str]] = [
        ("another", "RFC 7515 §4.1.4", "es256-2"),
        ("in another case", "RFC 7515 §4.1.4 (case-sensitive)", "ES256-1"),
        ("with a space", "RFC 7515 §4.1.4 (to the letter)", "es256-1 "),
        ("empty", "RFC 7515 §4.1.4", ""),
        ("a path", "CVE class: kid as a file name", "../../../../dev/null"),
        ("SQL", "CVE class: kid in a query", "' UNION SELECT 'x' --"),
        ("a shell command", "CVE class: kid in a shell", "es256-1|id"),
        ("a URL", "CVE class: kid fetched", "https://evil.test/key"),
        ("with line breaks", "CVE class: kid in logs", "es256-1\r\nX: y"),
        ("as long as allowed", "RFC 7515 §4.1.4 (at most 1,024 characters)", "k" * 1024),
        ("a number as a string", "RFC 7515 §4.1.4", "0"),
        ("Unicode look-alike", "RFC 8725 §3.10", "\u0435s256-1"),
    ]
    rows = [
        Case(f"kid {name}", clause, with_header(kid=kid), _UNKNOWN_KEY, asked=None)
        for name, clause, kid in unknown
    ]
    malformed: list[tuple[str, Any]] = [
        ("one character too long", "k" * 1025),
        ("a number", 1),
        ("true", True),
        ("a list", ["es256-1"]),
        ("an object", {"kid": "es256-1"}),
        ("a float", 1.5),
    ]
    wrong = [
        Case(
            f"kid {name}", "RFC 7515 §4.1.4 (a string)", with_header(kid=kid), _MALFORMED, asked=()
        )
        for name, kid in malformed
    ]
    null = Case(
        "kid null",
        "RFC 7515 §4.1.4 (a string)",
        raw_header(lambda usual: extended('"kid":null')({"alg": usual["alg"]})),
        _MALFORMED,
        asked=(),
    )
    nan = Case("kid NaN", "RFC 8259 §6", with_header(kid=math.nan), _MALFORMED, asked=())
    none = Case(
        "no kid, one key that fits",
        "RFC 7515 §4.1.4 (optional)",
        with_header(kid=None),
        ALLOWED,
        asked=forced,
    )
    foreign = Case("no kid, a stranger's key", "RFC 7515 §5.2", by_stranger(kid=None), _SIGNATURE)
    return [*rows, *wrong, null, nan, none, foreign]


def _types() -> list[Case]:
    good = [
        "at+jwt",
        "AT+JWT",
        "At+Jwt",
        "application/at+jwt",
        "Application/AT+JWT",
        "JWT",
        "jwt",
        "application/jwt",
        None,
    ]
    rows = [
        Case(f"typ {typ!r}", "RFC 9068 §2.1; RFC 7515 §4.1.9", with_header(typ=typ), ALLOWED)
        for typ in good
    ]
    wrong: list[tuple[Any, str]] = [
        ("dpop+jwt", "RFC 9449 §4.2; RFC 8725 §3.11"),
        ("logout+jwt", "OpenID Connect Back-Channel Logout §2.4"),
        ("secevent+jwt", "RFC 8417 §2.3"),
        ("token-introspection+jwt", "RFC 9701 §5"),
        ("application/token-introspection+jwt", "RFC 9701 §5"),
        ("oauth-authz-req+jwt", "RFC 9101 §10.8"),
        ("client-authentication+jwt", "RFC 7523bis"),
        ("id+jwt", "RFC 8725 §3.11"),
        ("rt+jwt", "RFC 8725 §3.11"),
        ("dc+sd-jwt", "RFC 9901"),
        ("kb+jwt", "RFC 9901 §4.3"),
        ("entity-statement+jwt", "OpenID Federation §3"),
        ("iiniit-assertion+jwt", "RFC 8725 §3.11 (never an access token)"),
        ("JOSE", "RFC 7515 §4.1.9"),
        ("JOSE+JSON", "RFC 7515 §4.1.9"),
        ("JWE", "RFC 7516 §4.1.11"),
        ("", "RFC 7515 §4.1.9"),
        (" at+jwt", "RFC 7515 §4.1.9 (to the letter)"),
        ("at+jwt ", "RFC 7515 §4.1.9 (to the letter)"),
        ("at+jwt\u0000", "RFC 7515 §4.1.9 (to the letter)"),
        ("application/application/at+jwt", "RFC 7515 §4.1.9"),
        ("application/", "RFC 7515 §4.1.9"),
        ("text/at+jwt", "RFC 7515 §4.1.9"),
        ("application/at+jwt; charset=utf-8", "RFC 7515 §4.1.9"),
        ("at-jwt", "RFC 9068 §2.1"),
        ("at jwt", "RFC 9068 §2.1"),
        ("a\u200bt+jwt", "RFC 9068 §2.1 (look-alike)"),
        ("at+\u0458wt", "RFC 9068 §2.1 (look-alike)"),
        (5, "RFC 7515 §4.1.9 (a string)"),
        (True, "RFC 7515 §4.1.9 (a string)"),
        (["at+jwt"], "RFC 7515 §4.1.9 (a string)"),
        ({}, "RFC 7515 §4.1.9 (a string)"),
    ]
    null = Case(
        "typ null",
        "RFC 7515 §4.1.9 (a string)",
        raw_header(lambda usual: extended('"typ":null')({"alg": usual["alg"]})),
        _WRONG_TYPE,
    )
    refused = [
        Case(f"typ {typ!r}", clause, with_header(typ=typ), _WRONG_TYPE) for typ, clause in wrong
    ]
    strict: list[tuple[str | None, Any]] = [
        ("at+jwt", ALLOWED),
        ("application/at+jwt", ALLOWED),
        ("AT+JWT", ALLOWED),
        ("JWT", _WRONG_TYPE),
        ("application/jwt", _WRONG_TYPE),
        (None, _WRONG_TYPE),
    ]
    rfc9068 = [
        Case(
            f"typ {typ!r} under rfc9068",
            "RFC 9068 §4",
            with_header(typ=typ),
            expected,
            settings={"profile": "rfc9068"},
        )
        for typ, expected in strict
    ]
    return [*rows, *refused, null, *rfc9068]


CASES: Final[list[Case]] = [*_headers(), *_key_ids(), *_types()]
