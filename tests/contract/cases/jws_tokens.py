"""Tokens that fail before a key is selected, and parsed JOSE headers."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.jose_keys import signed, unsigned
from tests.contract.cases.json_texts import REFUSED as BAD_JSON

_ALG: Final = Reason.UNSUPPORTED_ALGORITHM
_CRIT: Final = Reason.UNSUPPORTED_CRITICAL
_MALFORMED: Final = Reason.MALFORMED_TOKEN
_GOOD: Final = signed("ES256")
_HEAD, _CLAIMS, _SIGNATURE = _GOOD.split(".")
_CONSTANTS: Final = ("NaN", "Infinity", "-Infinity")

# Name, clause, token, reason.
REFUSED: Final[list[tuple[str, str, str, Reason]]] = [
    ("empty", "RFC 7515 §3.1", "", _MALFORMED),
    ("one part", "RFC 7515 §3.1", _HEAD, _MALFORMED),
    ("two parts", "RFC 7515 §3.1", f"{_HEAD}.{_CLAIMS}", _MALFORMED),
    ("two dots only", "RFC 7515 §3.1", "..", _MALFORMED),
    ("four parts", "RFC 7515 §3.1", f"{_GOOD}.AAAA", _MALFORMED),
    ("an empty fourth part", "Wycheproof: rejectsExtraEmptyComponent", f"{_GOOD}.", _MALFORMED),
    ("an empty part in front", "RFC 7515 §3.1", f".{_GOOD}", _MALFORMED),
    ("five parts, a JWE", "RFC 7516 §9", f"{_HEAD}.AAAA.AAAA.AAAA.AAAA", _MALFORMED),
    ("without header", "Wycheproof: rejectsMissingHeader", f".{_CLAIMS}.{_SIGNATURE}", _MALFORMED),
    ("without payload", "Wycheproof: rejectsMissingPayload", f"{_HEAD}..{_SIGNATURE}", _MALFORMED),
    ("without signature", "Wycheproof: rejectsMissingSignature", f"{_HEAD}.{_CLAIMS}.", _MALFORMED),
    (
        "JSON serialization",
        "RFC 7515 §7.2; Wycheproof: rejectsValidJsonSerialization",
        f'{{"payload":"{_CLAIMS}","signatures":[]}}',
        _MALFORMED,
    ),
    ("a character outside ASCII", "RFC 6750 §2.1", f"{_HEAD}é.{_CLAIMS}.{_SIGNATURE}", _MALFORMED),
    ("a full-width letter", "RFC 6750 §2.1", _GOOD.replace(".", ".Ａ", 1), _MALFORMED),
    ("a lone surrogate", "RFC 6750 §2.1", _GOOD + "\ud800", _MALFORMED),
    ("a payload that is padded", "RFC 7515 §2", f"{_HEAD}.e30==.{_SIGNATURE}", _MALFORMED),
    ("a header that is padded", "RFC 7515 §2", f"{_HEAD}=.{_CLAIMS}.{_SIGNATURE}", _MALFORMED),
    (
        "a signature that is padded",
        "RFC 7515 §2; GHSA-9v7f-9g4p-ffgj's release",
        f"{_GOOD}==",
        _MALFORMED,
    ),
    ("a space before", "RFC 7515 §3.1", f" {_GOOD}", _MALFORMED),
    ("a line feed behind", "RFC 7515 §3.1", f"{_GOOD}\n", _MALFORMED),
    ("a header that is an array", "RFC 7515 §4", unsigned([{"alg": "ES256"}]), _MALFORMED),
    ("a header with NaN", "RFC 8259 §6", unsigned(b'{"alg":"ES256","x":NaN}'), _MALFORMED),
    (
        "a payload with NaN and a name twice",
        "RFC 8259 §4",
        unsigned({"alg": "ES256"}, b'{"exp":NaN,"exp":1}'),
        _MALFORMED,
    ),
    *(
        (
            f"a payload with {name}",
            "RFC 8259 §6",
            unsigned({"alg": "ES256"}, f'{{"exp":{name}}}'.encode()),
            Reason.MALFORMED_CLAIM,
        )
        for name in _CONSTANTS
    ),
    *(
        (f"the payload: {name}", clause, unsigned({"alg": "ES256"}, text), _MALFORMED)
        for name, clause, text in BAD_JSON
        if name not in _CONSTANTS
    ),
    *(
        (
            f"the header: {name}",
            clause,
            unsigned(text.replace(b"{", b'{"alg":"ES256",', 1)),
            _MALFORMED,
        )
        for name, clause, text in BAD_JSON
    ),
    ("a header of alg twice", "RFC 7515 §4", unsigned(b'{"alg":"ES256","alg":"none"}'), _MALFORMED),
    *(
        (
            f"alg {alg!r}, {what}",
            "RFC 8725 §3.1; CVE-2015-9235, CVE-2018-1000531",
            unsigned({"alg": alg}, signature=signature),
            _ALG,
        )
        for alg in ("none", "None", "NONE", "nOnE", "NonE", "none ", "\x00none", "")
        for what, signature in (("empty signature", b""), ("some signature", b"x" * 64))
    ),
    (
        "two parts that say none",
        "RFC 7515 §3.1",
        unsigned({"alg": "none"}).rpartition(".")[0],
        _MALFORMED,
    ),
    ("four parts that say none", "RFC 7515 §3.1", unsigned({"alg": "none"}) + ".AAAA", _MALFORMED),
    (
        "alg none with empty payload and signature",
        "RFC 7519 §6",
        unsigned({"alg": "none"}, b"", b""),
        _ALG,
    ),
    (
        "alg none with typ and cty",
        "RFC 7519 §6",
        unsigned({"alg": "none", "typ": "JWT", "cty": "JWT"}, signature=b""),
        _ALG,
    ),
    *(
        (
            f"alg {alg!r}",
            "RFC 8725 §3.1; CVE-2016-5431, CVE-2022-29217 (confusion)",
            unsigned({"alg": alg}),
            _ALG,
        )
        for alg in (
            "HS256",
            "HS384",
            "HS512",
            "hs256",
            "ES256K",
            "ES521",
            "RS1",
            "PS1",
            "Ed448",
            "ML-DSA-44",
            "dir",
            "RSA-OAEP",
            "rs256",
            "ES256 ",
        )
    ),
    *(
        (f"alg {alg!r}", "RFC 7515 §4.1.1: a string", unsigned({"alg": alg}), _ALG)
        for alg in (None, True, 1, 256.0, [], ["ES256"], {}, {"ES256": "ES256"})
    ),
    ("no alg", "RFC 7515 §4.1.1: must be present", unsigned({"typ": "JWT"}), _ALG),
    ("an empty header", "RFC 7515 §4.1.1: must be present", unsigned({}), _ALG),
    ("alg in capitals", "RFC 7515 §4: case-sensitive", unsigned({"ALG": "ES256"}), _ALG),
    *(
        (
            f"crit {crit!r}",
            "RFC 7515 §4.1.11; CVE-2026-32597",
            unsigned({"alg": "ES256", "crit": crit, "exp": 1}),
            _CRIT,
        )
        for crit in (["exp"], ["b64"], ["alg"], [], None, False, "b64", {}, 0)
    ),
    *(
        (f"b64 {b64_!r}", "RFC 7797 §3, §6", unsigned({"alg": "ES256", "b64": b64_}), _CRIT)
        for b64_ in (False, None, 0, 1, "true", [], {})
    ),
    *(
        (
            f"zip {zip_!r}",
            "RFC 7516 §4.1.3; CVE-2024-33664",
            unsigned({"alg": "ES256", "zip": zip_}),
            _CRIT,
        )
        for zip_ in ("DEF", None, "")
    ),
    *(
        (
            f"kid {str(kid)[:9]!r}",
            "RFC 7515 §4.1.4: a string of at most 1,024 characters",
            unsigned({"alg": "ES256", "kid": kid}),
            _MALFORMED,
        )
        for kid in (None, 1, True, 1.5, [], ["x"], {}, "k" * 1025)
    ),
    *(
        (
            f"typ {typ!r}",
            "RFC 7515 §4.1.9: a string",
            unsigned({"alg": "ES256", "typ": typ}),
            Reason.WRONG_TYPE,
        )
        for typ in (None, 1, True, [], ["JWT"], {})
    ),
]

# Name, clause, header beside alg, parsed kid, parsed typ.
HEADERS: Final[list[tuple[str, str, dict[str, Any], str | None, str | None]]] = [
    ("nothing else", "RFC 7515 §4.1", {}, None, None),
    ("a kid", "RFC 7515 §4.1.4", {"kid": "K-1"}, "K-1", None),
    ("an empty kid", "RFC 7515 §4.1.4", {"kid": ""}, "", None),
    (
        "the longest kid",
        "RFC 7515 §4.1.4: at most 1,024 characters",
        {"kid": "k" * 1024},
        "k" * 1024,
        None,
    ),
    ("a kid that is a path", "RFC 8725 §3.10", {"kid": "../../dev/null"}, "../../dev/null", None),
    ("a typ", "RFC 7515 §4.1.9", {"typ": "at+jwt"}, None, "at+jwt"),
    ("a typ in capitals", "RFC 7515 §4.1.9", {"typ": "AT+JWT"}, None, "at+jwt"),
    ("a whole media type", "RFC 7515 §4.1.9", {"typ": "application/at+jwt"}, None, "at+jwt"),
    (
        "a whole media type in capitals",
        "RFC 7515 §4.1.9",
        {"typ": "Application/AT+JWT"},
        None,
        "at+jwt",
    ),
    (
        "a media type with another slash",
        "RFC 7515 §4.1.9",
        {"typ": "application/x/jwt"},
        None,
        "application/x/jwt",
    ),
    (
        "the prefix twice",
        "RFC 7515 §4.1.9",
        {"typ": "application/application/jwt"},
        None,
        "application/application/jwt",
    ),
    ("another top-level type", "RFC 7515 §4.1.9", {"typ": "text/at+jwt"}, None, "text/at+jwt"),
    ("an empty typ", "RFC 7515 §4.1.9", {"typ": ""}, None, ""),
    ("a typ with the Kelvin sign", "RFC 7515 §4.1.9", {"typ": "\u212ab+jwt"}, None, "\u212ab+jwt"),
    ("a typ with a space", "RFC 7515 §4.1.9", {"typ": " at+jwt"}, None, " at+jwt"),
    ("b64 true", "RFC 7797 §3", {"b64": True}, None, None),
    (
        "keys of its own",
        "RFC 8725 §3.10; CVE-2018-0114",
        {"jwk": {"kty": "oct"}, "jku": "file:///x", "x5u": "http://x", "x5c": [1], "kid": "a"},
        "a",
        None,
    ),
    ("unknown parameters", "RFC 7515 §4", {"foo": [1], "cty": 7, "enc": "A128GCM"}, None, None),
]
