"""Placement of credentials: RFC 6750 §2, RFC 9110 §11. Every token in these rows is good."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    ALLOWED,
    Case,
    Refused,
    bad,
    bad_request,
    literal,
    token,
)

_NO_TOKEN: Final = Refused(401, None, Reason.NO_TOKEN)
_SEVERAL: Final = bad_request(Reason.SEVERAL_CREDENTIALS)
_MALFORMED: Final = bad_request(Reason.MALFORMED_HEADER)
_TOO_LONG: Final = bad_request(Reason.TOKEN_TOO_LONG)
_GOOD: Final = token()


def _schemes() -> list[Case]:
    rows: list[tuple[str, str, tuple[str, ...]]] = [
        ("no header at all", "RFC 6750 §3.1", ()),
        ("Basic", "RFC 6750 §3.1", ("Basic dXNlcjpwYXNz",)),
        (
            "Digest with commas between its parameters",
            "RFC 9110 §11.4",
            ('Digest username="a, b", realm="r", nonce=x',),
        ),
        ("Negotiate", "RFC 9110 §11.1", ("Negotiate YII=",)),
        (
            "ApiKey where no such alternative is set",
            "RFC 9110 §11.1 (alternatives names no such scheme)",
            ("ApiKey {token}",),
        ),
        ("a scheme that begins like ours", "RFC 9110 §11.1", ("Bearerx {token}",)),
        ("a scheme that ends like ours", "RFC 9110 §11.1", ("xBearer {token}",)),
        ("a scheme with nothing after it", "RFC 9110 §11.4", ("Basic",)),
        ("white space alone", "RFC 9110 §5.5 (an empty value)", (" \t",)),
        ("Token, as some frameworks call it", "RFC 6750 §2.1", ("Token {token}",)),
        ("JWT, as some frameworks call it", "RFC 6750 §2.1", ("JWT {token}",)),
        ("the token without a scheme", "RFC 6750 §2.1", ("{token}",)),
    ]
    return [
        Case(name, clause, _GOOD, _NO_TOKEN, lines=lines, asked=()) for name, clause, lines in rows
    ]


def _good_headers() -> list[Case]:
    rows: list[tuple[str, str, str]] = [
        ("Bearer", "RFC 6750 §2.1", "Bearer {token}"),
        ("bearer in lower case", "RFC 9110 §11.1 (scheme is case-insensitive)", "bearer {token}"),
        ("BEARER in upper case", "RFC 9110 §11.1 (scheme is case-insensitive)", "BEARER {token}"),
        ("bEaReR in mixed case", "RFC 9110 §11.1 (scheme is case-insensitive)", "bEaReR {token}"),
        ("two spaces before the token", "RFC 6750 §2.1 (1*SP)", "Bearer  {token}"),
        ("eight spaces before the token", "RFC 6750 §2.1 (1*SP)", "Bearer        {token}"),
        ("a space after the token", "RFC 9110 §5.5 (not part of the value)", "Bearer {token} "),
        (
            "tabs and spaces after the token",
            "RFC 9110 §5.5 (not part of the value)",
            "Bearer {token} \t\t ",
        ),
        (
            "a tab after the token of another spelling",
            "RFC 9110 §5.5 (not part of the value)",
            "bearer  {token}\t",
        ),
    ]
    return [Case(name, clause, _GOOD, ALLOWED, lines=(line,)) for name, clause, line in rows]


def _malformed_headers() -> list[Case]:
    rows: list[tuple[str, str, str | bytes]] = [
        ("Bearer with nothing after it", "RFC 6750 §2.1", "Bearer"),
        ("a tab for the space", "RFC 6750 §2.1 (1*SP)", "Bearer\t{token}"),
        ("space and tab", "RFC 6750 §2.1 (1*SP)", "Bearer \t{token}"),
        ("a second word after the token", "RFC 6750 §2.1 (b64token)", "Bearer {token} x"),
        ("the scheme twice", "RFC 6750 §2.1 (b64token)", "Bearer Bearer {token}"),
        ("the token in quotes", "RFC 6750 §2.1 (b64token)", 'Bearer "{token}"'),
        ("the token as a parameter", "RFC 6750 §2.1 (b64token)", 'Bearer token="{token}"'),
        ("the token in angle brackets", "RFC 6750 §2.1 (b64token)", "Bearer <{token}>"),
        ("a semicolon after the token", "RFC 6750 §2.1 (b64token)", "Bearer {token};"),
        ("a colon between scheme and token", "RFC 9110 §11.4", "Bearer: {token}"),
        ("an equals sign inside", "RFC 6750 §2.1 (= only at the end)", "Bearer a=b"),
        ("only equals signs", "RFC 6750 §2.1 (1* before =)", "Bearer ==="),
        ("a percent escape", "RFC 6750 §2.1 (b64token)", "Bearer %7Btoken%7D"),
        ("a backslash", "RFC 6750 §2.1 (b64token)", "Bearer a\\b"),
        ("a latin-1 letter", "RFC 6750 §2.1 (b64token)", b"Bearer {token}\xe9"),
        ("UTF-8 in the token", "RFC 6750 §2.1 (b64token)", "Bearer {token}é".encode()),
        ("a byte that is no UTF-8", "RFC 6750 §2.1 (b64token)", b"Bearer \xff{token}"),
        ("a no-break space for the space", "RFC 6750 §2.1 (1*SP)", b"Bearer\xa0{token}"),
        ("a line feed after the token", "RFC 9110 §5.5 (only SP and HTAB)", "Bearer {token}\n"),
        (
            "a vertical tab after the token",
            "RFC 9110 §5.5 (only SP and HTAB)",
            "Bearer {token}\x0b",
        ),
        (
            "a no-break space after the token",
            "RFC 9110 §5.5 (only SP and HTAB)",
            b"Bearer {token}\xa0",
        ),
        ("a space inside the token", "RFC 6750 §2.1 (b64token)", "Bearer {token} x"),
        ("a DEL in the token", "RFC 9110 §5.5 (field-content)", b"Bearer {token}\x7f"),
        ("a byte order mark before the scheme", "RFC 9110 §11.1", b"\xef\xbb\xbfBearer {token}"),
        (
            "Cyrillic letter in the scheme",
            "RFC 9110 §5.6.2 (token)",
            "B\u0435arer {token}".encode(),
        ),
    ]
    return [
        Case(name, clause, _GOOD, _MALFORMED, lines=(line,), asked=())
        for name, clause, line in rows
    ]


def _several() -> list[Case]:
    rows: list[tuple[str, str, tuple[str, ...]]] = [
        (
            "two fields with the same token",
            "RFC 6750 §3.1; RFC 9110 §5.3",
            ("Bearer {token}", "Bearer {token}"),
        ),
        (
            "two fields, good token first",
            "RFC 6750 §3.1 (more than one method)",
            ("Bearer {token}", "Bearer other"),
        ),
        (
            "two fields, good token last",
            "RFC 6750 §3.1 (more than one method)",
            ("Bearer other", "Bearer {token}"),
        ),
        (
            "three fields",
            "RFC 6750 §3.1 (more than one method)",
            ("Bearer {token}", "Bearer {token}", "Bearer {token}"),
        ),
        (
            "Basic, then Bearer",
            "RFC 6750 §3.1 (more than one method)",
            ("Basic dXNlcjpwYXNz", "Bearer {token}"),
        ),
        (
            "Bearer, then Basic",
            "RFC 6750 §3.1 (more than one method)",
            ("Bearer {token}", "Basic dXNlcjpwYXNz"),
        ),
        (
            "two foreign schemes",
            "RFC 6750 §3.1 (more than one method, of any scheme)",
            ("Basic dXNlcjpwYXNz", "Negotiate YII="),
        ),
        ("joined with a comma", "RFC 9110 §5.3 (joining)", ("Bearer {token},Bearer {token}",)),
        (
            "joined with comma and space",
            "RFC 9110 §5.3 (joining)",
            ("Bearer {token}, Bearer {token}",),
        ),
        ("two tokens behind one scheme", "RFC 6750 §2.1 (b64token)", ("Bearer {token},{token}",)),
        ("a comma at the end", "RFC 9110 §5.3 (joining with an empty field)", ("Bearer {token},",)),
        (
            "Basic joined with Bearer",
            "RFC 9110 §5.3 (joining)",
            ("Basic dXNlcjpwYXNz, Bearer {token}",),
        ),
        (
            "Bearer joined with Basic",
            "RFC 9110 §5.3 (joining)",
            ("Bearer {token}, Basic dXNlcjpwYXNz",),
        ),
        (
            "Bearer joined with Digest parameters",
            "RFC 9110 §5.3 (joining)",
            ('Bearer {token}, Digest username="a", realm="b"',),
        ),
        (
            "Digest joined with Bearer",
            "RFC 9110 §5.3 (joining)",
            ('Digest username="a", Bearer {token}',),
        ),
    ]
    return [
        Case(name, clause, _GOOD, _SEVERAL, lines=lines, asked=()) for name, clause, lines in rows
    ]


def _lengths() -> list[Case]:
    clause = "RFC 9110 §5.4 (limits: max_token_bytes)"
    inactive = bad(Reason.INACTIVE)
    return [
        Case(
            "as long as allowed",
            clause,
            literal("a" * 64),
            inactive,
            settings={"max_token_bytes": 64},
            asked=("discovery", "introspection"),
        ),
        Case(
            "one character shorter than allowed",
            clause,
            literal("a" * 63),
            inactive,
            settings={"max_token_bytes": 64},
        ),
        Case(
            "one character longer than allowed",
            clause,
            literal("a" * 65),
            _TOO_LONG,
            settings={"max_token_bytes": 64},
            asked=(),
        ),
        Case("as long as the default allows", clause, literal("b" * 16384), inactive),
        Case(
            "one character longer than the default allows",
            clause,
            literal("b" * 16385),
            _TOO_LONG,
            asked=(),
        ),
        Case(
            "long and full of foreign characters",
            clause,
            literal("\x7f" * 16385),
            _TOO_LONG,
            asked=(),
        ),
        Case("one character", "RFC 6750 §2.1 (1*)", literal("c"), inactive),
        Case(
            "every character of the grammar",
            "RFC 6750 §2.1 (b64token)",
            literal("AZaz09-._~+/=="),
            inactive,
        ),
    ]


CASES: Final = [
    *_schemes(),
    *_good_headers(),
    *_malformed_headers(),
    *_several(),
    *_lengths(),
]
