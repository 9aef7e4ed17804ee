"""Claims: RFC 7519 §4.1, RFC 9068 §2.2 and §4, RFC 8725 §3.8 to §3.12."""

from __future__ import annotations

import math
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, API, ISSUER, Allowed, Case, Refused, bad, token
from tests.contract.cases.times import written

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_EXPIRED: Final = bad(Reason.EXPIRED)
_EARLY: Final = bad(Reason.NOT_YET_VALID)
_FUTURE: Final = bad(Reason.ISSUED_IN_FUTURE)
_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_RFC9068: Final = {"profile": "rfc9068"}


def _issuers() -> list[Case]:
    unknown = [
        ("with a slash at its end", ISSUER + "/"),
        ("without the scheme", "issuer.test"),
        ("over http", "http://issuer.test"),
        ("in upper case", "HTTPS://ISSUER.TEST"),
        ("with another case in its host", "https://Issuer.test"),
        ("with its port", ISSUER + ":443"),
        ("with a user", "https://x@issuer.test"),
        ("with a fragment", ISSUER + "#"),
        ("with a query", ISSUER + "?"),
        ("with a path", ISSUER + "/x"),
        ("with a dot at the end of the host", ISSUER + "."),
        ("percent-encoded", "https://%69ssuer.test"),
        ("with a space before", " " + ISSUER),
        ("with a line break after", ISSUER + "\n"),
        ("with a NUL after", ISSUER + "\0"),
        ("of another", "https://evil.test"),
        ("as a prefix", "https://issuer.tes"),
        ("continued", ISSUER + ".evil.test"),
        ("empty", ""),
        ("with a Cyrillic letter", "https://\u0456ssuer.test"),
        ("with a full-width letter", "https://\uff49ssuer.test"),
        ("with a soft hyphen", "https://iss\u00aduer.test"),
        ("with a zero-width joiner", "https://iss\u200duer.test"),
        ("with a combining mark", "https://issuer.te\u0301st"),
        ("the audience", API),
    ]
    rows = [
        Case(
            f"iss {name}",
            "RFC 9068 §4; RFC 8725 §3.8 (to the letter)",
            token(iss=iss),
            _ISSUER,
            asked=(),
        )
        for name, iss in unknown
    ]
    types: list[tuple[str, Any]] = [
        ("a list of ours", [ISSUER]),
        ("an object", {ISSUER: 1}),
        ("a number", 1),
        ("true", True),
    ]
    odd = [
        Case(f"iss {name}", "RFC 7519 §4.1.1 (a string)", token(iss=iss), _ISSUER, asked=())
        for name, iss in types
    ]
    missing = Case("iss missing", "RFC 9068 §2.2", token(iss=None), _ISSUER, asked=())
    null = Case("iss null", "RFC 7519 §4.1.1", written("iss", "null"), _ISSUER, asked=())
    elsewhere = Case(
        "iss in the header only",
        "RFC 7519 §5.3",
        token(iss=None, header={"iss": ISSUER}),
        _ISSUER,
        asked=(),
    )
    return [*rows, *odd, missing, null, elsewhere]


def _members() -> list[Case]:
    odd: list[tuple[str, Any]] = [
        ("a number", 1),
        ("true", True),
        ("a list", ["x"]),
        ("an object", {}),
        ("NaN", math.nan),
    ]
    wrong = [
        Case(
            f"{name} {what}",
            f"RFC 9068 §2.2 ({name} is a string)",
            token(**{_argument(name): value}),
            _CLAIM,
        )
        for name in ("sub", "client_id", "jti", "azp")
        for what, value in odd
    ]
    clients: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("cid (Okta) in place of client_id", {"cid": "0oa1"}, ALLOWED),
        ("cid a number, without client_id", {"cid": 1}, _CLAIM),
        ("appid (Entra ID v1) in place of client_id", {"appid": "a1"}, ALLOWED),
        ("appid a list, without client_id", {"appid": ["a1"]}, _CLAIM),
        ("cid a number beside client_id", {"cid": 1, "client_id": "client-1"}, ALLOWED),
        ("uti (Entra ID) in place of jti", {"uti": "x", "jti": None}, ALLOWED),
        ("uti a number, without jti", {"uti": 1, "jti": None}, _CLAIM),
        ("uti a number beside jti", {"uti": 1}, ALLOWED),
    ]
    named = [
        Case(
            name,
            "RFC 9068 §2.2 (client_id_claims, token_id_claims)",
            token(**{"client_id": None, **claims}),
            expected,
        )
        for name, claims, expected in clients
    ]
    missing = [
        Case(
            f"{name} missing",
            "RFC 7519 §4.1 (optional under profile=generic)",
            token(**{_argument(name): None}),
            ALLOWED,
        )
        for name in ("sub", "client_id", "jti")
    ]
    strict = [
        Case(
            "all claims of RFC 9068 under rfc9068",
            "RFC 9068 §2.2",
            token(),
            ALLOWED,
            settings=_RFC9068,
        ),
        *(
            Case(
                f"{name} missing under rfc9068",
                "RFC 9068 §2.2",
                token(**{_argument(name): None}),
                expected,
                settings=_RFC9068,
            )
            for name, expected in (
                ("sub", _CLAIM),
                ("client_id", _CLAIM),
                ("iat", _CLAIM),
                ("jti", _CLAIM),
                ("exp", _CLAIM),
                ("aud", _AUDIENCE),
                ("iss", _ISSUER),
            )
        ),
        Case(
            "azp in the place of client_id under rfc9068",
            "RFC 9068 §2.2",
            token(client_id=None, azp="client-1"),
            _CLAIM,
            settings=_RFC9068,
        ),
        Case(
            "scope missing under rfc9068",
            "RFC 9068 §2.2.3 (optional)",
            token(None),
            ALLOWED,
            settings=_RFC9068,
        ),
        *(
            Case(
                f"{name} empty under rfc9068",
                "RFC 9068 §2.2 (no value)",
                token(**{_argument(name): ""}),
                _CLAIM,
                settings=_RFC9068,
            )
            for name in ("sub", "client_id", "jti")
        ),
    ]
    subjects = [
        ("of another script", "ユーザー"),
        ("with line breaks", "a\r\nSet-Cookie: x=y"),
        ("with quotes", 'a"b\\c'),
        ("with markup", "<script>alert(1)</script>"),
        ("empty", ""),
        ("very long", "s" * 4000),
        ("with a NUL", "a\0b"),
    ]
    kept = [
        Case(
            f"sub {name}", "RFC 7519 §4.1.2 (any string)", token(subject=sub), Allowed(subject=sub)
        )
        for name, sub in subjects
    ]
    bound: list[tuple[str, str, Any]] = [
        ("jkt", "RFC 9449 §6.1", {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        ("jwk", "RFC 7800 §3.2", {"jwk": {"kty": "EC"}}),
        ("kid", "RFC 7800 §3.4", {"kid": "x"}),
        ("jku", "RFC 7800 §3.5", {"jku": "https://evil.test"}),
        ("a member nobody knows", "RFC 7800 §3.1", {"future": "x"}),
        ("an empty object", "RFC 7800 §3.1", {}),
        ("jkt that is no string", "RFC 9449 §6.1", {"jkt": 1}),
    ]
    bindings = [
        Case(f"cnf with {name}", clause, token(cnf=cnf), _CNF) for name, clause, cnf in bound
    ]
    no_object: list[tuple[str, Any]] = [
        ("a string", "x"),
        ("a list", []),
        ("false", False),
        ("zero", 0),
    ]
    odd_cnf = [
        Case(f"cnf {name}", "RFC 7800 §3.1 (an object)", token(cnf=cnf), _CNF)
        for name, cnf in no_object
    ]
    details: list[tuple[str, Any, Refused | Allowed]] = [
        ("one object with a type", [{"type": "payment", "actions": ["read"]}], ALLOWED),
        ("empty", [], ALLOWED),
        ("an object", {"type": "payment"}, _CLAIM),
        ("a string", "payment", _CLAIM),
        ("a list of strings", ["payment"], _CLAIM),
        ("an object without a type", [{"actions": []}], _CLAIM),
        ("a type that is no string", [{"type": 1}], _CLAIM),
    ]
    rar = [
        Case(
            f"authorization_details {name}",
            "RFC 9396 §2",
            token(authorization_details=value),
            expected,
        )
        for name, value, expected in details
    ]
    return [*wrong, *named, *missing, *strict, *kept, *bindings, *odd_cnf, *rar]


def _argument(claim: str) -> str:
    return "subject" if claim == "sub" else claim


CASES: Final[list[Case]] = [*_issuers(), *_members()]
