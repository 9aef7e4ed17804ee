"""Validity periods (RFC 7519 §4.1.4 to §4.1.6), on both sides of every limit."""

from __future__ import annotations

import json
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import ALLOWED, NOW, Allowed, Case, Refused, TokenOf, bad, token
from tests.contract.cases.tampering import claims_of

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_EXPIRED: Final = bad(Reason.EXPIRED)
_EARLY: Final = bad(Reason.NOT_YET_VALID)
_FUTURE: Final = bad(Reason.ISSUED_IN_FUTURE)
_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_RFC9068: Final = {"profile": "rfc9068"}


def written(name: str, text: str) -> TokenOf:
    """Sign claims in which the value of `name` is the raw JSON `text`."""

    def mint(issuer: Issuer) -> str:
        claims = claims_of(issuer)
        claims.pop(name, None)
        return issuer.sign(json.dumps(claims)[:-1].encode() + f',"{name}":{text}}}'.encode())

    return mint


def _times() -> list[Case]:
    limits: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("exp one second before the leeway ends", {"exp": NOW - 4}, ALLOWED),
        ("exp as the leeway ends", {"exp": NOW - 5}, _EXPIRED),
        ("exp one second after the leeway ended", {"exp": NOW - 6}, _EXPIRED),
        ("exp a millisecond before the leeway ends", {"exp": NOW - 4.999}, ALLOWED),
        ("exp a millisecond after the leeway ended", {"exp": NOW - 5.001}, _EXPIRED),
        ("exp now", {"exp": NOW}, ALLOWED),
        ("exp an hour ago", {"exp": NOW - 3600}, _EXPIRED),
        ("exp 0", {"exp": 0}, _EXPIRED),
        ("exp 1", {"exp": 1}, _EXPIRED),
        ("exp in milliseconds, as if it were seconds", {"exp": NOW * 1000}, _CLAIM),
        ("exp in the last second of 9999", {"exp": 253402300799}, ALLOWED),
        ("exp in the first second of 10000", {"exp": 253402300800}, _CLAIM),
        ("nbf as far ahead as the leeway", {"nbf": NOW + 30}, ALLOWED),
        ("nbf one second within the leeway", {"nbf": NOW + 29}, ALLOWED),
        ("nbf one second beyond the leeway", {"nbf": NOW + 31}, _EARLY),
        ("nbf a millisecond beyond the leeway", {"nbf": NOW + 30.001}, _EARLY),
        ("nbf now", {"nbf": NOW}, ALLOWED),
        ("nbf 0", {"nbf": 0}, ALLOWED),
        ("nbf after exp", {"nbf": NOW + 400}, _EARLY),
        ("iat as far ahead as the leeway", {"iat": NOW + 30}, ALLOWED),
        ("iat one second within the leeway", {"iat": NOW + 29}, ALLOWED),
        ("iat one second beyond the leeway", {"iat": NOW + 31}, _FUTURE),
        ("iat a millisecond beyond the leeway", {"iat": NOW + 30.001}, _FUTURE),
        ("iat long ago", {"iat": 1}, ALLOWED),
        ("iat missing", {"iat": None}, ALLOWED),
        ("iat a day ahead", {"iat": NOW + 86400, "exp": NOW + 90000}, _FUTURE),
    ]
    clause = {
        "exp": "RFC 7519 §4.1.4 (on or after)",
        "nbf": "RFC 7519 §4.1.5",
        "iat": "RFC 7519 §4.1.6",
    }
    rows = [
        Case(name, clause[name[:3]], token(**claims), expected) for name, claims, expected in limits
    ]
    none = Case("exp missing", "RFC 9068 §2.2 (exp required)", token(exp=None), _CLAIM)
    zero = {"expiry_leeway_seconds": 0, "clock_leeway_seconds": 0}
    exact = [
        Case(
            "exp now, without leeway",
            "RFC 7519 §4.1.4 (on or after)",
            token(exp=NOW),
            _EXPIRED,
            settings=zero,
        ),
        Case(
            "exp in a second, without leeway",
            "RFC 7519 §4.1.4",
            token(exp=NOW + 1),
            ALLOWED,
            settings=zero,
        ),
        Case("nbf now, without leeway", "RFC 7519 §4.1.5", token(nbf=NOW), ALLOWED, settings=zero),
        Case(
            "nbf in a second, without leeway",
            "RFC 7519 §4.1.5",
            token(nbf=NOW + 1),
            _EARLY,
            settings=zero,
        ),
        Case(
            "iat in a second, without leeway",
            "RFC 7519 §4.1.6",
            token(iat=NOW + 1),
            _FUTURE,
            settings=zero,
        ),
    ]
    # Values that are not a NumericDate (a finite JSON number in a plausible year), for each claim.
    odd: list[tuple[str, str]] = [
        ("true", "true"),
        ("false", "false"),
        ("a string of digits", f'"{NOW + 100}"'),
        ("an empty string", '""'),
        ("a date as text", '"2027-01-15T08:00:00Z"'),
        ("a list of one number", f"[{NOW + 100}]"),
        ("an object", "{}"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("1e400", "1e400"),
        ("-1e400", "-1e400"),
        ("2**63", str(2**63)),
        ("2**64", str(2**64)),
        ("2**1024", str(2**1024)),
        ("10**30", "1" + "0" * 30),
        ("1e300", "1e300"),
        ("-1", "-1"),
        ("-2**63", str(-(2**63))),
    ]
    spelled = [
        ("in exponent notation", f"{(NOW + 20) / 1e9}e9"),
        ("with a fraction", f"{NOW + 20}.5"),
        ("minus zero", "-0.0"),
    ]
    wrong = [
        Case(
            f"{name} {what}", "RFC 7519 §2 (NumericDate); RFC 8259 §6", written(name, text), _CLAIM
        )
        for name in ("exp", "nbf", "iat")
        for what, text in odd
    ]
    right = [
        Case(
            f"{name} {what}",
            "RFC 7519 §2 (NumericDate)",
            written(name, text),
            _EXPIRED if (name, text) == ("exp", "-0.0") else ALLOWED,
        )
        for name in ("exp", "nbf", "iat")
        for what, text in spelled
    ]
    return [*rows, none, *exact, *wrong, *right]


def _as_time_passes() -> list[Case]:
    def later(seconds: float) -> Any:
        return lambda scene: scene.issuer.clock.advance(seconds)

    def wall(seconds: float) -> Any:
        return lambda scene: scene.issuer.clock.set_wall(NOW + seconds)

    ends = "RFC 7519 §4.1.4 (checked again on a cache hit)"
    return [
        Case(
            "remembered, before it expires",
            ends,
            token(expires_in=60),
            ALLOWED,
            then=later(64),
            asked=(),
        ),
        Case(
            "remembered, as it expires",
            ends,
            token(expires_in=60),
            _EXPIRED,
            then=later(65),
            asked=(),
        ),
        Case(
            "remembered, after it expired",
            ends,
            token(expires_in=60),
            _EXPIRED,
            then=later(66),
            asked=(),
        ),
        Case(
            "remembered for longer than facts are kept",
            "RFC 7519 §4.1.4 (cached for at most 5 min)",
            token(expires_in=900),
            ALLOWED,
            then=later(400),
        ),
        Case(
            "remembered, and the wall clock went past exp",
            "RFC 7519 §4.1.4 (the wall clock or the monotonic clock ends it)",
            token(expires_in=60),
            _EXPIRED,
            then=wall(65),
        ),
        Case(
            "remembered, and the wall clock went back",
            "RFC 7519 §4.1.6 (checked again on a cache hit)",
            token(),
            _FUTURE,
            then=wall(-3600),
        ),
        Case(
            "refused as too early, now good",
            "RFC 7519 §4.1.5",
            token(nbf=NOW + 60),
            ALLOWED,
            then=later(30),
        ),
        Case(
            "refused as too early, still a second too early",
            "RFC 7519 §4.1.5",
            token(nbf=NOW + 60),
            _EARLY,
            then=later(29),
        ),
    ]


CASES: Final[list[Case]] = [*_times(), *_as_time_passes()]
