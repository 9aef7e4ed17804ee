"""Rows about spellings of the JSON in a token."""

from __future__ import annotations

import json
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, Case, bad
from tests.contract.cases.tampering import (
    claims_of,
    extended,
    raw_header,
    raw_payload,
)

_MALFORMED: Final = bad(Reason.MALFORMED_TOKEN)
_INACTIVE: Final = bad(Reason.INACTIVE)


def _json_shapes() -> list[tuple[str, str, Any]]:
    """Return octets that are not an unambiguous JSON object."""
    nested = lambda depth: extended('"x":' + "[" * depth + "]" * depth)  # noqa: E731
    return [
        (
            "a byte order mark first",
            "RFC 8259 §8.1",
            lambda members: b"\xef\xbb\xbf" + json.dumps(members).encode(),
        ),
        (
            "UTF-16",
            "RFC 8259 §8.1 (UTF-8)",
            lambda members: json.dumps(members).encode("utf-16-le"),
        ),
        (
            "UTF-16 with its mark",
            "RFC 8259 §8.1 (UTF-8)",
            lambda members: json.dumps(members).encode("utf-16"),
        ),
        (
            "UTF-32",
            "RFC 8259 §8.1 (UTF-8)",
            lambda members: json.dumps(members).encode("utf-32-be"),
        ),
        (
            "octets that are no UTF-8",
            "RFC 7519 §7.2 (UTF-8)",
            lambda members: extended('"x":"?"')(members).replace(b"?", b"\xff"),
        ),
        (
            "an overlong encoding",
            "RFC 3629 §3",
            lambda members: extended('"x":"?"')(members).replace(b"?", b"\xc0\xaf"),
        ),
        (
            "a surrogate in UTF-8",
            "RFC 3629 §3",
            lambda members: extended('"x":"?"')(members).replace(b"?", b"\xed\xa0\x80"),
        ),
        ("a lone surrogate escaped", "RFC 8259 §8.2", extended('"x":"\\ud800"')),
        ("a lone surrogate in a name", "RFC 8259 §8.2", extended('"\\uDFFF":1')),
        (
            "a repeated name",
            "RFC 7515 §4, RFC 7519 §4, RFC 8725 §2.4",
            extended('"alg":"ES256","iss":"https://issuer.test","alg":"ES256","iss":"x"'),
        ),
        (
            "a repeated name, one of them escaped",
            "RFC 8259 §8.3",
            extended('"\\u0061lg":"none","\\u0069ss":"x"'),
        ),
        ("a name repeated one level down", "RFC 8259 §4", extended('"x":{"y":1,"y":2}')),
        ("a name repeated in an array", "RFC 8259 §4", extended('"x":[[{"y":1,"y":1}]]')),
        ("nested too deep", "CWE-674 (at most 32 levels); CVE-2024-33663 class", nested(40)),
        ("nested 5,000 deep", "CWE-674", nested(5000)),
        (
            "a comma at the end",
            "RFC 8259 §4",
            lambda members: json.dumps(members)[:-1].encode() + b",}",
        ),
        ("single quotes", "RFC 8259 §7", lambda members: str(members).encode()),
        ("a comment", "RFC 8259 §2", lambda members: b"/**/" + json.dumps(members).encode()),
        (
            "something behind the object",
            "RFC 8259 §2",
            lambda members: json.dumps(members).encode() + b" x",
        ),
        ("two objects", "RFC 8259 §2", lambda members: json.dumps(members).encode() * 2),
        (
            "a NUL behind the object",
            "RFC 8259 §2",
            lambda members: json.dumps(members).encode() + b"\0",
        ),
        (
            "a vertical tab before the object",
            "RFC 8259 §2 (four kinds of white space)",
            lambda members: b"\x0b" + json.dumps(members).encode(),
        ),
        (
            "a no-break space before the object",
            "RFC 8259 §2",
            lambda members: "\u00a0".encode() + json.dumps(members).encode(),
        ),
        ("a line break in a string", "RFC 8259 §7", extended('"x":"a\nb"')),
        ("a tab in a string", "RFC 8259 §7", extended('"x":"a\tb"')),
        ("cut off", "RFC 8259 §4", lambda members: json.dumps(members).encode()[:-1]),
        ("a number with a leading zero", "RFC 8259 §6", extended('"x":01')),
        ("a hexadecimal number", "RFC 8259 §6", extended('"x":0x10')),
        ("an integer of 5,000 digits", "CVE-2020-10735", extended('"x":' + "9" * 5000)),
    ]


def _json() -> list[Case]:
    payloads = [
        Case(f"payload: {name}", clause, raw_payload(make), _MALFORMED, asked=())
        for name, clause, make in _json_shapes()
    ]
    # A token is a malformed JWS if a lenient parser could read its header, and opaque otherwise.
    headers = [
        Case(
            f"header: {name}",
            clause,
            raw_header(make),
            _INACTIVE if name in ("single quotes", "a comment") else _MALFORMED,
        )
        for name, clause, make in _json_shapes()
    ]
    no_objects = [b"[]", b"null", b'"iss"', b"1", b"true", b"", b" ", b"\0"]
    claims = [
        Case(
            f"payload {octets!r}",
            "RFC 7519 §7.2 (an object)",
            lambda issuer, octets=octets: issuer.sign(octets),
            _MALFORMED,
            asked=(),
        )
        for octets in no_objects
    ]
    opaque = [
        Case(
            f"header {octets!r} is an opaque token",
            "RFC 7515 §4.1.1 (without alg it is not a JWS)",
            lambda issuer, octets=octets: issuer.sign(claims_of(issuer), octets),
            _INACTIVE,
        )
        for octets in [*no_objects, b"{}", b'{"typ":"at+jwt"}', b'{"ALG":"ES256"}']
    ]
    good: list[tuple[str, str, Any]] = [
        (
            "white space between everything",
            "RFC 8259 §2",
            lambda members: json.dumps(members, indent=4).replace("\n", "\r\n\t").encode(),
        ),
        (
            "white space around the object",
            "RFC 8259 §2",
            lambda members: b" \r\n\t" + json.dumps(members).encode() + b" \n",
        ),
        (
            "names in another order",
            "RFC 8259 §1 (unordered)",
            lambda members: json.dumps(dict(reversed(members.items()))).encode(),
        ),
        (
            "names escaped",
            "RFC 8259 §7",
            lambda members: json.dumps(members).replace('"a', '"\\u0061').encode(),
        ),
        ("a surrogate pair", "RFC 8259 §7", extended('"x":"\\ud83d\\ude00"')),
        ("a backslash before ud", "RFC 8259 §7", extended('"x":"\\\\ud800"')),
        ("text beyond ASCII", "RFC 8259 §8.1", extended('"x":"é\u4e2d"')),
        ("a NUL escaped", "RFC 8259 §7", extended('"x":"\\u0000"')),
        (
            "nested as deep as allowed",
            "CWE-674 (at most 32 levels)",
            extended('"x":' + "[" * 31 + "]" * 31),
        ),
        ("an empty name", "RFC 8259 §4", extended('"":1')),
        ("brackets in a string", "RFC 8259 §7", extended('"x":"' + "[" * 100 + '"')),
    ]
    return [
        *payloads,
        *headers,
        *claims,
        *opaque,
        *(
            Case(f"good payload: {name}", clause, raw_payload(make), ALLOWED)
            for name, clause, make in good
        ),
        *(
            Case(f"good header: {name}", clause, raw_header(make), ALLOWED)
            for name, clause, make in good
        ),
    ]


CASES: Final[list[Case]] = [*_json()]
