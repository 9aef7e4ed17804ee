"""Valid and invalid answers of an introspection endpoint: RFC 7662 §2.2, §2.3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import (
    ALLOWED,
    API,
    ISSUER,
    NOW,
    UNAVAILABLE,
    Allowed,
    Case,
    Refused,
    bad,
    opaque,
)

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_INACTIVE: Final = bad(Reason.INACTIVE)
_EXPIRED: Final = bad(Reason.EXPIRED)
_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_ASKED: Final = ("discovery", "introspection")


def answering(
    body: bytes | str, *headers: tuple[str, str], status: int = 200
) -> Callable[[Issuer], object]:
    """Set one answer for every introspection request."""
    raw = body.encode() if isinstance(body, str) else body
    kept = headers or (("content-type", "application/json"),)
    return lambda issuer: issuer.fail(HttpResponse(status, kept, raw), at="introspection")


def _good(**changes: Any) -> str:
    members = {
        "active": True,
        "iss": ISSUER,
        "aud": API,
        "exp": NOW + 300,
        "scope": "user:read",
        "client_id": "client-1",
        **changes,
    }
    return json.dumps({name: value for name, value in members.items() if value is not None})


def _answers() -> list[Case]:
    not_boolean: list[tuple[str, str]] = [
        ('"true"', "text"),
        ('"false"', "text; a peer takes it for true"),
        ('"True"', "text"),
        ("1", "a number"),
        ("0", "a number"),
        ("null", "null"),
        ("[]", "a list"),
        ("[true]", "a list"),
        ("{}", "an object"),
        ("1.0", "a float"),
        ('"yes"', "text"),
    ]
    odd = [
        Case(
            f"active {text}, {what}",
            "RFC 7662 §2.2 (a JSON boolean)",
            opaque(),
            UNAVAILABLE,
            given=answering(_good().replace("true", text, 1)),
        )
        for text, what in not_boolean
    ]
    bodies: list[tuple[str, bytes | str]] = [
        ("without active", _good().replace('"active": true, ', "")),
        ("with Active in upper case", _good().replace('"active"', '"Active"')),
        ("with active twice", _good().replace('"active": true', '"active": false, "active": true')),
        (
            "with active twice, one of them escaped",
            _good().replace('"active": true', '"\\u0061ctive": false, "active": true'),
        ),
        ("with aud twice", _good().replace('"aud"', '"aud": "x", "aud"')),
        (
            "with a name twice further down",
            _good(ext=1).replace('"ext": 1', '"ext": {"a": 1, "a": 2}'),
        ),
        ("with NaN", _good().replace(str(NOW + 300), "NaN")),
        ("with Infinity", _good().replace(str(NOW + 300), "Infinity")),
        ("empty", b""),
        ("a list", "[" + _good() + "]"),
        ("a list, empty", b"[]"),
        ("true", b"true"),
        ("a string", b'"active"'),
        ("null", b"null"),
        ("HTML", b"<!DOCTYPE html><title>Sign in</title>"),
        ("a form", b"active=true"),
        ("cut off", _good()[:-1]),
        ("two objects", _good() * 2),
        ("with something behind", _good() + ";"),
        ("with a byte order mark", b"\xef\xbb\xbf" + _good().encode()),
        ("in UTF-16", _good().encode("utf-16")),
        ("with a byte that is no UTF-8", _good(sub="?").encode().replace(b"?", b"\xff")),
        ("with a lone surrogate", _good(sub="?").replace("?", "\\ud800")),
        ("nested deep", _good(ext="?").replace('"?"', "[" * 5000 + "]" * 5000)),
        ("with an integer of 5,000 digits", _good(ext="?").replace('"?"', "9" * 5000)),
        ("in single quotes", _good().replace('"', "'")),
        ("with a comma too many", _good()[:-1] + ",}"),
        ("a JWT", b"eyJhbGciOiJub25lIn0.e30."),
    ]
    nonsense = [
        Case(
            f"the answer is {name}",
            "RFC 7662 §2.2 (a JSON object)",
            opaque(),
            UNAVAILABLE,
            given=answering(body),
        )
        for name, body in bodies
    ]
    infinite = Case(
        "introspected exp 1e400",
        "RFC 8259 §6",
        opaque(),
        _CLAIM,
        given=answering(_good().replace(str(NOW + 300), "1e400")),
    )
    types: list[tuple[str, Refused | Allowed]] = [
        ("application/json", ALLOWED),
        ("application/json; charset=utf-8", ALLOWED),
        ("Application/JSON", ALLOWED),
        ("application/problem+json", ALLOWED),
        ("text/html", UNAVAILABLE),
        ("text/plain", UNAVAILABLE),
        ("application/jwt", UNAVAILABLE),
        ("application/token-introspection+jwt", UNAVAILABLE),
        ("application/octet-stream", UNAVAILABLE),
    ]
    kinds = [
        Case(
            f"the answer comes as {kind}",
            "RFC 7662 §2.2 (application/json)",
            opaque(),
            expected,
            given=answering(_good(), ("content-type", kind)),
        )
        for kind, expected in types
    ]
    statuses = [
        201,
        202,
        204,
        206,
        301,
        302,
        303,
        304,
        307,
        308,
        400,
        401,
        402,
        403,
        404,
        405,
        406,
        408,
        410,
        413,
        415,
        418,
        422,
        429,
        500,
        501,
        502,
        503,
        504,
        520,
        599,
    ]
    failed = [
        Case(
            f"status {status} with a good body",
            "RFC 7662 §2.3 (an outage is 503, never 401)",
            opaque(),
            UNAVAILABLE,
            given=answering(
                _good(),
                ("content-type", "application/json"),
                ("location", "https://evil.test/"),
                status=status,
            ),
            asked=_ASKED,
            retry_after="30" if status in (401, 403) else "1",  # bad client credentials last
        )
        for status in statuses
    ]
    causes = [
        Case(
            f"introspection: {cause}",
            "RFC 9110 §15.6.4 (an outage is 503, never 401)",
            opaque(),
            UNAVAILABLE,
            given=lambda issuer, cause=cause: issuer.fail(cause, at="introspection"),
            asked=_ASKED,
        )
        for cause in ("connection", "tls", "timeout", "protocol", "too_large")
    ]
    slow = Case(
        "introspection: slow, but in time",
        "RFC 9110 §15.6.4 (within timeout_seconds it is no outage)",
        opaque(),
        ALLOWED,
        given=lambda issuer: issuer.fail("slow", at="introspection"),
    )
    return [*odd, *nonsense, infinite, *kinds, *failed, *causes, slow]


CASES: Final[list[Case]] = _answers()
