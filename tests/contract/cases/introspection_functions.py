"""Rows about a function of the application in place of the introspection endpoint."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import (
    ALLOWED,
    API,
    NOW,
    UNAVAILABLE,
    Allowed,
    Case,
    Refused,
    Scene,
    bad,
    literal,
    opaque,
    token,
)

_CLAUSE: Final = "RFC 7662 §2.2 (a function in place of the endpoint)"
_GOOD: Final = {"active": True, "sub": "user-1", "aud": API, "scope": "user:read"}
_INACTIVE: Final = bad(Reason.INACTIVE)
_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)


def _settings(function: Callable[[Issuer, str], Any], **more: Any) -> Callable[[Issuer], Any]:
    return lambda issuer: {"introspection": lambda sent: function(issuer, sent), **more}


def _asked(issuer: Issuer, sent: str) -> Any:
    issuer.requests.append("other")
    return issuer.introspect(sent)


def _raising(error: BaseException) -> Callable[[Issuer, str], Any]:
    def fail(issuer: Issuer, sent: str) -> Any:
        raise error

    return fail


class _Broken(UserDict[str, Any]):
    def __iter__(self) -> Any:
        raise RuntimeError("no keys")


def _answers() -> list[Case]:
    rows: list[tuple[str, Any, Refused | Allowed]] = [
        ("a mapping", _GOOD, Allowed(frozenset({"user:read"}), "user-1")),
        ("a mapping with exp", {**_GOOD, "exp": NOW + 60}, ALLOWED),
        ("a past exp", {**_GOOD, "exp": NOW - 60}, bad(Reason.EXPIRED)),
        ("exp as text, as Google sends it", {**_GOOD, "exp": str(NOW + 60)}, _CLAIM),
        ("another audience", {**_GOOD, "aud": "x"}, bad(Reason.WRONG_AUDIENCE)),
        ("another issuer", {**_GOOD, "iss": "x"}, bad(Reason.UNKNOWN_ISSUER)),
        ("a binding", {**_GOOD, "cnf": {}}, bad(Reason.UNSUPPORTED_CONFIRMATION)),
        ("None", None, _INACTIVE),
        ("inactive", {"active": False}, _INACTIVE),
        ("no active", {"sub": "user-1", "aud": API}, UNAVAILABLE),
        ("active as text", {**_GOOD, "active": "true"}, UNAVAILABLE),
        ("active as 1", {**_GOOD, "active": 1}, UNAVAILABLE),
        ("an empty mapping", {}, UNAVAILABLE),
        ("true", True, UNAVAILABLE),
        ("JSON text", '{"active": true}', UNAVAILABLE),
        ("pairs", [("active", True)], UNAVAILABLE),
        ("no JSON", {**_GOOD, "scope": {"user:read"}}, UNAVAILABLE),
        ("NaN", {**_GOOD, "exp": float("nan")}, UNAVAILABLE),
        ("a name twice in JSON", {**_GOOD, 1: "a", "1": "b"}, UNAVAILABLE),
        ("over 1 MiB", {**_GOOD, "x": "x" * (1 << 20)}, UNAVAILABLE),
        ("a broken mapping", _Broken(_GOOD), UNAVAILABLE),
    ]
    return [
        Case(
            f"a function returns {name}",
            _CLAUSE,
            literal("ya29.opaque"),
            expected,
            settings=_settings(lambda issuer, sent, returned=returned: returned),
            asked=(),
        )
        for name, returned, expected in rows
    ]


def _failures() -> list[Case]:
    rows: list[tuple[str, Exception]] = [
        ("an OSError", OSError("{token}")),
        ("a timeout", TimeoutError()),
        ("a KeyError", KeyError("active")),
        ("a StopIteration", StopIteration()),
    ]
    return [
        Case(
            f"a function raises {name}",
            _CLAUSE,
            opaque(),
            UNAVAILABLE,
            settings=_settings(_raising(error)),
        )
        for name, error in rows
    ]


def _calls() -> list[Case]:
    def then_silent(scene: Scene) -> None:
        scene.issuer.revoke(scene.token)

    def later(scene: Scene) -> None:
        scene.issuer.revoke(scene.token)
        scene.issuer.clock.advance(60)

    both: Mapping[str, Any] = {"jwt": "both"}
    rows: list[tuple[str, Any, Refused | Allowed, dict[str, Any], tuple[str, ...]]] = [
        ("is called", opaque(), ALLOWED, {}, ("other",)),
        ("is called for a token it does not know", literal("x"), _INACTIVE, {}, ("other",)),
        ("is not called for a JWT", token(), ALLOWED, {}, ("discovery", "jwks")),
        (
            "is called for a JWT that is introspected",
            token(),
            ALLOWED,
            {"jwt": "introspect"},
            ("other",),
        ),
        (
            "is called for a JWT after its signature was verified",
            token(),
            ALLOWED,
            dict(both),
            ("discovery", "jwks", "other"),
        ),
        (
            "is not called for a token of another prefix",
            opaque(),
            bad(Reason.MALFORMED_TOKEN),
            {"token_prefix": "gho_"},
            (),
        ),
        (
            "that introspects JWTs too is not called for a token of another prefix",
            opaque(),
            bad(Reason.MALFORMED_TOKEN),
            {"token_prefix": "gho_", "jwt": "introspect"},
            (),
        ),
    ]
    return [
        *(
            Case(
                f"a function {name}",
                _CLAUSE,
                made,
                expected,
                settings=_settings(_asked, **more),
                asked=asked,
            )
            for name, made, expected, more, asked in rows
        ),
        Case(
            "a function is not called again for a cached token",
            _CLAUSE,
            opaque(),
            ALLOWED,
            settings=_settings(_asked),
            then=then_silent,
            asked=(),
        ),
        Case(
            "a function is called again after the revocation delay",
            _CLAUSE,
            opaque(),
            _INACTIVE,
            settings=_settings(_asked),
            then=later,
            asked=("other",),
        ),
        Case(
            "a function is not called again for a refused token",
            _CLAUSE,
            literal("x"),
            _INACTIVE,
            settings=_settings(_asked),
            then=lambda scene: None,
            asked=(),
        ),
    ]


CASES: Final[list[Case]] = [*_answers(), *_failures(), *_calls()]
