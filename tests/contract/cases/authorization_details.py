"""Authorization details: RFC 9396."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.access_token import Principal
from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    ALLOWED,
    Allowed,
    Case,
    Refused,
    bad,
    literal,
    opaque,
    token,
)
from tests.contract.cases.nulls import holding

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_MISSING: Final = Refused(403, "insufficient_scope", Reason.MISSING_AUTHORIZATION_DETAILS)
# The first example of RFC 9396 §2.
_PAYMENT: Final[dict[str, Any]] = {
    "type": "payment_initiation",
    "actions": ["initiate", "status", "cancel"],
    "locations": ["https://example.com/payments"],
    "instructedAmount": {"currency": "EUR", "amount": "123.50"},
    "creditorName": "Merchant A",
    "creditorAccount": {"iban": "DE02100100109307118603"},
    "remittanceInformationUnstructured": "Ref Number Merchant",
}


def _forms() -> list[Case]:
    rows: list[tuple[str, Any, Refused | Allowed]] = [
        ("the example of the RFC", [_PAYMENT], ALLOWED),
        ("two of one type", [{"type": "a"}, {"type": "a", "x": 1}], ALLOWED),
        ("none", [], ALLOWED),
        ("an object, as one provider shows it", _PAYMENT, _CLAIM),
        ("JSON in a string", '[{"type":"payment_initiation"}]', _CLAIM),
        ("false", False, _CLAIM),
        ("a number", 0, _CLAIM),
        ("a list of names", ["payment_initiation"], _CLAIM),
        ("a list of lists", [[_PAYMENT]], _CLAIM),
        ("a list with null", [_PAYMENT, None], _CLAIM),
        ("an object without type", [_PAYMENT, {"actions": []}], _CLAIM),
        ("a type that is a list", [{"type": ["payment_initiation"]}], _CLAIM),
        ("a type that is null", [{"type": None}], _CLAIM),
        ("a type that is a number", [{"type": 1}], _CLAIM),
        *(
            (f"{name} as {shown}", [{"type": "a", name: value}], _CLAIM)
            for name in ("locations", "actions", "datatypes", "privileges")
            for shown, value in (("a string", "send"), ("numbers", [1]), ("an object", {}))
        ),
        ("actions that are null", [{"type": "a", "actions": None}], _CLAIM),
        ("an identifier that is a list", [{"type": "a", "identifier": ["a"]}], _CLAIM),
        ("all common members", [{**_PAYMENT, "identifier": "7", "privileges": ["admin"]}], ALLOWED),
    ]
    return [
        case
        for name, value, expected in rows
        for case in (
            Case(
                f"details: {name}",
                "RFC 9396 §2, §2.2, §9.1",
                token(authorization_details=value),
                expected,
            ),
            Case(
                f"details, introspected: {name}",
                "RFC 9396 §2, §2.2, §9.2",
                opaque(authorization_details=value),
                expected,
            ),
        )
    ] + [Case("details: null", "RFC 9396 §2", holding("authorization_details"), _CLAIM)]


def _policies() -> list[Case]:
    sending = {"type": "transfer", "actions": ["send"], "limit": 100}
    rows: list[tuple[str, str, Any, Refused | Allowed]] = [
        ("/payments", "the type", [_PAYMENT], ALLOWED),
        ("/payments", "the type as the second", [{"type": "a"}, _PAYMENT], ALLOWED),
        ("/payments", "another type", [{"type": "account_information"}], _MISSING),
        ("/payments", "a longer type", [{"type": "payment_initiation2"}], _MISSING),
        ("/payments", "the type in upper case", [{"type": "PAYMENT_INITIATION"}], _MISSING),
        ("/payments", "none", [], _MISSING),
        ("/payments", "no claim", None, _MISSING),
        ("/transfers", "the predicate holds", [sending], ALLOWED),
        ("/transfers", "it holds for the second", [{"type": "transfer"}, sending], ALLOWED),
        ("/transfers", "it fails", [{**sending, "limit": 99}], _MISSING),
        ("/transfers", "it fails for each", [{**sending, "limit": 1}] * 2, _MISSING),
        ("/transfers", "it holds for another type", [{**sending, "type": "a"}], _MISSING),
        (
            "/transfers",
            "half of it in each of two",
            [{"type": "transfer", "actions": ["send"]}, {"type": "transfer", "limit": 100}],
            _MISSING,
        ),
        *(
            ("/transfers", f"it returns {answer!r}", [{"type": "transfer", "answer": answer}], want)
            for answer, want in ((True, ALLOWED), (1, _MISSING), ("yes", _MISSING), ({}, _MISSING))
        ),
        ("/transfers", "no claim", None, _MISSING),
    ]
    cases = [
        Case(
            f"details at {path}: {name}",
            "RFC 9396 §2; RFC 6750 §3.1",
            token() if value is None else token(authorization_details=value),
            expected,
            path=path,
        )
        for path, name, value, expected in rows
    ]
    asked = [
        Case(
            f"introspected details at {path}",
            "RFC 9396 §9.2",
            opaque(authorization_details=[_PAYMENT]),
            expected,
            path=path,
        )
        for path, expected in (("/payments", ALLOWED), ("/transfers", _MISSING))
    ]
    key = Case(
        "an API key has no details",
        "RFC 9396 §9.1 (details belong to an access token)",
        literal("x"),
        _MISSING,
        lines=("ApiKey {token}",),
        path="/payments",
        settings={"alternatives": {"ApiKey": lambda credential, request: _principal()}},
    )
    return [*cases, *asked, key]


def _principal() -> Principal:
    return Principal("ApiKey", "user-1")


CASES: Final[list[Case]] = [*_forms(), *_policies()]
