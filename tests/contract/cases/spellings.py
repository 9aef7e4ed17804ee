"""Strict base64url, JSON and compact form (RFC 7515 §2, §3.1, §5.2; RFC 7519 §7.2; RFC 8259)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import Case, TokenOf, bad, bad_request, literal
from tests.contract.cases.tampering import (
    altered,
    claims_of,
    decode,
)

_MALFORMED: Final = bad(Reason.MALFORMED_TOKEN)
_HEADER: Final = bad_request(Reason.MALFORMED_HEADER)
_INACTIVE: Final = bad(Reason.INACTIVE)
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _part(number: int, change: Any) -> TokenOf:
    def spoil(text: str) -> str:
        parts = text.split(".")
        parts[number] = change(parts[number])
        return ".".join(parts)

    return altered(spoil)


def _unused_bits(part: str) -> str:
    """Return another spelling of the same octets, if the last character has unused bits."""
    return part[:-1] + _ALPHABET[_ALPHABET.index(part[-1]) + 1]


def _sized(number: int, remainder: int, change: Any) -> TokenOf:
    """Make a token whose part `number` leaves `remainder` octets of a quantum; change that part."""

    def spoil(issuer: Issuer) -> str:
        for filling in range(3):
            header = {"x": "x" * filling} if number == 0 else {}
            claims = {**claims_of(issuer), "x": "x" * (filling if number == 1 else 0)}
            parts = issuer.sign(claims, header).split(".")
            if len(decode(parts[number])) % 3 == remainder:
                parts[number] = change(parts[number])
                return ".".join(parts)
        raise AssertionError("one of three lengths fits")

    return spoil


def _base64() -> list[Case]:
    rows = []
    for number, what in enumerate(("header", "payload", "signature")):
        rows += [
            Case(
                f"padding inside, {what}",
                "RFC 7515 §2 (no padding); RFC 6750 §2.1",
                _part(number, lambda part: part + "="),
                _HEADER if number < 2 else _MALFORMED,
                asked=(),
            ),
            Case(
                f"a space inside the {what}",
                "RFC 4648 §3.3",
                _part(number, lambda part: part[:4] + " " + part[4:]),
                _HEADER,
                asked=(),
            ),
            Case(
                f"a line break inside the {what}, escaped",
                "RFC 4648 §3.3",
                _part(number, lambda part: part[:4] + "%0A" + part[4:]),
                _HEADER,
                asked=(),
            ),
            Case(
                f"a tilde in the {what}",
                "RFC 4648 §3.3",
                _part(number, lambda part: part[:4] + "~" + part[4:]),
                _MALFORMED,
                asked=(),
            ),
            Case(
                f"a plus in the {what}",
                "RFC 4648 §5 (another alphabet)",
                _part(number, lambda part: part[:-9] + "+" + part[-8:]),
                _MALFORMED,
                asked=(),
            ),
            Case(
                f"a slash in the {what}",
                "RFC 4648 §5 (another alphabet)",
                _part(number, lambda part: part[:-9] + "/" + part[-8:]),
                _MALFORMED,
                asked=(),
            ),
            Case(
                f"a lone character more in the {what}",
                "RFC 4648 §4 (no octets encode to it)",
                _sized(number, 0, lambda part: part + "A")
                if number < 2
                else altered(lambda text: text + "AAA"),
                _MALFORMED,
                asked=(),
            ),
        ]
        if number < 2:
            rows += [
                Case(
                    f"four unused bits set, {what}",
                    "RFC 4648 §3.5",
                    _sized(number, 1, _unused_bits),
                    _MALFORMED,
                    asked=(),
                ),
                Case(
                    f"two unused bits set, {what}",
                    "RFC 4648 §3.5",
                    _sized(number, 2, _unused_bits),
                    _MALFORMED,
                    asked=(),
                ),
            ]
    standard = lambda text: text.replace("-", "+").replace("_", "/")  # noqa: E731
    return [
        *rows,
        Case(
            "unused bits set, signature of 64 octets",
            "RFC 4648 §3.5",
            altered(lambda text: text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) + 1]),
            _MALFORMED,
            asked=(),
        ),
        Case(
            "unused bits set, signature of 256 octets",
            "RFC 4648 §3.5",
            altered(lambda text: text[:-1] + _ALPHABET[_ALPHABET.index(text[-1]) + 3]),
            _MALFORMED,
            algorithm="RS256",
            asked=(),
        ),
        Case(
            "two characters of padding at the end",
            "RFC 7515 §2; PyJWT 2.15 takes it",
            altered(lambda text: text + "=="),
            _MALFORMED,
            asked=(),
        ),
        Case(
            "three characters of padding at the end",
            "RFC 7515 §2",
            altered(lambda text: text + "==="),
            _MALFORMED,
            asked=(),
        ),
        Case(
            "the standard alphabet throughout",
            "RFC 4648 §5",
            _with_both_alphabets(standard),
            _MALFORMED,
            asked=(),
        ),
    ]


def _introspected() -> list[Case]:
    """Return spellings that a tolerant endpoint decodes to a token that was already revoked."""
    return [
        replace(row, name=f"{row.name}, to be introspected", settings={"jwt": "introspect"})
        for row in _base64()
        if row.expected is _MALFORMED
    ]


def _with_both_alphabets(change: Any) -> TokenOf:
    def spoil(issuer: Issuer) -> str:
        while True:
            text = issuer.token()
            if change(text.rpartition(".")[2]) != text.rpartition(".")[2]:
                return str(change(text))

    return spoil


def _compact_form() -> list[Case]:
    opaque: list[tuple[str, str, Any]] = [
        ("the header left out", "RFC 7515 §3.1", lambda text: text[text.index(".") :]),
        ("two dots", "RFC 7515 §3.1", lambda _: ".."),
        ("one dot", "RFC 7515 §3.1", lambda _: "."),
        (
            "header and signature swapped",
            "RFC 7515 §3.1",
            lambda text: ".".join(reversed(text.split("."))),
        ),
    ]
    malformed: list[tuple[str, str, Any]] = [
        (
            "an empty payload",
            "RFC 7519 §7.2",
            lambda text: text.split(".")[0] + ".." + text.split(".")[2],
        ),
        (
            "an empty signature",
            "RFC 7515 §5.2; CVE-2020-15957 class",
            lambda text: text.rpartition(".")[0] + ".",
        ),
        ("payload and signature empty", "RFC 7515 §5.2", lambda text: text.split(".")[0] + ".."),
    ]
    parts: list[tuple[str, Any]] = [
        ("one part", lambda text: text.split(".")[0]),
        ("two parts", lambda text: text.rpartition(".")[0]),
        ("four parts", lambda text: text + ".x"),
        ("a dot at the end", lambda text: text + "."),
        ("padding as a fourth part", lambda text: text + ".="),
        ("two dots at the end", lambda text: text + ".."),
        ("five parts without enc", lambda text: text + ".x.y"),
        ("six parts", lambda text: text + ".x.y.z"),
        ("a dot before it", lambda text: "." + text),
        ("a dot before two parts of it", lambda text: "." + text.rpartition(".")[0]),
        ("two dots before it", lambda text: ".." + text),
    ]
    shown = [
        Case(
            f"a JOSE header, {name}, jwt={jwt}",
            "RFC 7515 §7.1, RFC 7516 §9",
            altered(change),
            _MALFORMED,
            settings={"jwt": jwt},
            asked=(),
        )
        for name, change in parts
        for jwt in ("verify", "introspect", "both")
    ]
    return [
        *shown,
        *(
            Case(
                f"no JWS: {name}",
                clause,
                altered(change),
                _INACTIVE,
                asked=("discovery", "introspection"),
            )
            for name, clause, change in opaque
        ),
        *(
            Case(name, clause, altered(change), _MALFORMED, asked=())
            for name, clause, change in malformed
        ),
        Case(
            "the JSON serialization",
            "RFC 7515 §7.2 (compact only here)",
            literal('{"payload":"e30"}'),
            _HEADER,
            asked=(),
        ),
        Case(
            "a JWS in a JWS",
            "RFC 7519 §5.2 (nested)",
            lambda issuer: issuer.sign(issuer.token().encode(), {"cty": "JWT"}),
            _MALFORMED,
            asked=(),
        ),
        Case("case of the header folded", "RFC 4648 §5", _part(0, str.lower), _INACTIVE),
        Case(
            "case of the payload folded", "RFC 4648 §5", _part(1, str.lower), _MALFORMED, asked=()
        ),
        Case(
            "case of the signature folded",
            "RFC 4648 §5",
            _lower_signature,
            bad(Reason.BAD_SIGNATURE),
        ),
    ]


def _lower_signature(issuer: Issuer) -> str:
    head, _, signature = issuer.token().rpartition(".")
    return head + "." + signature[:-1].swapcase() + signature[-1]


CASES: Final[list[Case]] = [
    *_base64(),
    *_introspected(),
    *_compact_form(),
]
