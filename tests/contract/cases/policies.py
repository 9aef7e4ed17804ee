"""Requirements beside a good token: RFC 9470, validators, claims, other credentials."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from tests.contract.cases.case import (
    ALLOWED,
    NOW,
    Allowed,
    Case,
    Refused,
    Scene,
    bad,
    bad_request,
    literal,
    opaque,
    token,
)
from tests.contract.cases.scopes import missing

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_STEP_UP: Final = Refused(
    401, "insufficient_user_authentication", Reason.INSUFFICIENT_AUTHENTICATION
)
_AGAIN: Final = Refused(
    401, "insufficient_user_authentication", Reason.INSUFFICIENT_AUTHENTICATION, scope="user:read"
)


def _strength() -> list[Case]:
    rows: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("the best", {"acr": "gold"}, ALLOWED),
        ("the second best", {"acr": "silver"}, ALLOWED),
        ("another", {"acr": "bronze"}, _STEP_UP),
        ("missing", {}, _STEP_UP),
        ("empty", {"acr": ""}, _STEP_UP),
        ("in upper case", {"acr": "GOLD"}, _STEP_UP),
        ("both in one", {"acr": "gold silver"}, _STEP_UP),
        ("a list", {"acr": ["gold"]}, _STEP_UP),
        ("an object", {"acr": {"gold": 1}}, _STEP_UP),
        ("a number", {"acr": 1}, _STEP_UP),
        ("true", {"acr": True}, _STEP_UP),
    ]
    return [
        Case(
            f"acr {name}",
            "RFC 9470 §3; OpenID Connect Core §2",
            token(**claims),
            expected,
            path="/strong",
        )
        for name, claims, expected in rows
    ]


def _age() -> list[Case]:
    rows: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("now", {"auth_time": NOW}, ALLOWED),
        ("a second before too old", {"auth_time": NOW - 299}, ALLOWED),
        ("as old as may be", {"auth_time": NOW - 300}, ALLOWED),
        ("a second too old", {"auth_time": NOW - 301}, _AGAIN),
        ("half a second too old", {"auth_time": NOW - 300.5}, _AGAIN),
        ("missing", {}, _AGAIN),
        ("text", {"auth_time": str(NOW)}, _AGAIN),
        ("true", {"auth_time": True}, _AGAIN),
        ("a list", {"auth_time": [NOW]}, _AGAIN),
        ("too old, and the scope missing", {"scope": "email", "auth_time": 1}, _AGAIN),
        ("new, and the scope missing", {"scope": "email", "auth_time": NOW}, missing("user:read")),
        ("long ago", {"auth_time": 0}, _AGAIN),
    ]
    clause = "RFC 9470 §3 (max_age); OpenID Connect Core §2 (auth_time)"
    aged = [
        Case(f"auth_time {name}", clause, token(**claims), expected, path="/recent")
        for name, claims, expected in rows
    ]

    def later(seconds: float) -> Any:
        return lambda scene: scene.issuer.clock.advance(seconds)

    passing = [
        Case(
            "auth_time grows too old, remembered",
            clause,
            token(auth_time=NOW - 290),
            _AGAIN,
            path="/recent",
            then=later(11),
        ),
        Case(
            "auth_time still young enough, remembered",
            clause,
            token(auth_time=NOW - 290),
            ALLOWED,
            path="/recent",
            then=later(10),
        ),
    ]
    asked = Case(
        "auth_time introspected", "RFC 9470 §6.2", opaque(auth_time=NOW), ALLOWED, path="/recent"
    )
    return [*aged, *passing, asked]


def _own_checks() -> list[Case]:
    def says(answer: object) -> dict[str, Any]:
        return {"validators": [lambda token, request: answer]}

    def looks(token: AccessToken, request: Request) -> bool:
        return token.subject == "user-1" and request.method == "GET" and request.path == "/token"

    refused = bad(Reason.REFUSED_BY_VALIDATOR)
    clause = "CWE-636 (a validator grants with True alone)"
    rows = [
        Case(
            f"a validator says {answer!r}",
            clause,
            token(),
            ALLOWED if answer is True else refused,
            settings=says(answer),
        )
        for answer in (True, False, None, 1, "True", "", {})
    ]
    two = {"validators": [lambda token, request: True, lambda token, request: False]}
    required = {"require_claim": {"tenant": "a", "level": 2}}
    claims: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("as wanted", {"tenant": "a", "level": 2}, ALLOWED),
        ("another value", {"tenant": "b", "level": 2}, _REQUIRED),
        ("missing", {"level": 2}, _REQUIRED),
        ("text for a number", {"tenant": "a", "level": "2"}, _REQUIRED),
        ("a list that holds the value", {"tenant": ["b", "a"], "level": 2}, ALLOWED),
        ("a list of others", {"tenant": ["b"], "level": 2}, _REQUIRED),
        ("true for a number", {"tenant": "a", "level": True}, _REQUIRED),
        ("a list in a list", {"tenant": [["a"]], "level": 2}, _REQUIRED),
        ("an object that has the value", {"tenant": {"a": "a"}, "level": 2}, _REQUIRED),
    ]
    return [
        *rows,
        Case(
            "a validator sees token and request",
            clause,
            token(),
            ALLOWED,
            settings={"validators": [looks]},
        ),
        Case(
            "a validator sees another subject",
            clause,
            token(subject="user-2"),
            refused,
            settings={"validators": [looks]},
        ),
        Case("the second of two validators refuses", clause, token(), refused, settings=two),
        Case(
            "a validator is asked about a remembered token too",
            clause,
            token(),
            refused,
            settings=two,
            then=_nothing,
        ),
        *(
            Case(
                f"a required claim {name}",
                "RFC 7519 §4 (require_claim)",
                token(**made),
                expected,
                settings=required,
            )
            for name, made, expected in claims
        ),
        Case(
            "a required claim, introspected",
            "RFC 7519 §4 (require_claim)",
            opaque(tenant="a", level=2),
            ALLOWED,
            settings=required,
        ),
        Case(
            "a required claim missing, introspected",
            "RFC 7519 §4 (require_claim)",
            opaque(),
            _REQUIRED,
            settings=required,
        ),
    ]


_REQUIRED: Final = bad(Reason.REFUSED_BY_VALIDATOR)


def _nothing(scene: Scene) -> None:
    pass


def _other_credentials() -> list[Case]:
    def keys(value: str, request: Request) -> Principal | None:
        return (
            Principal("ApiKey", "robot", frozenset({"user:read"})) if value == "good-key" else None
        )

    settings = {"alternatives": {"ApiKey": keys}}
    clause = "IINIIT other credentials"
    unknown = Refused(401, None, Reason.UNKNOWN_CREDENTIAL)
    several = bad_request(Reason.SEVERAL_CREDENTIALS)
    rows: list[tuple[str, tuple[str, ...], str, Refused | Allowed]] = [
        ("good", ("ApiKey good-key",), "/token", ALLOWED),
        ("good, its scheme in lower case", ("apikey good-key",), "/token", ALLOWED),
        ("good, with the scope wanted", ("ApiKey good-key",), "/read", ALLOWED),
        (
            "good, without the scope wanted",
            ("ApiKey good-key",),
            "/both",
            missing("user:read user:write"),
        ),
        ("good, where step-up is wanted", ("ApiKey good-key",), "/strong", _STEP_UP),
        ("unknown", ("ApiKey other",), "/token", unknown),
        ("a good token under its scheme", ("ApiKey {token}",), "/token", unknown),
        ("good, under Bearer", ("Bearer good-key",), "/token", bad(Reason.INACTIVE)),
        ("beside a good token", ("ApiKey good-key", "Bearer {token}"), "/token", several),
        ("joined with a good token", ("ApiKey good-key, Bearer {token}",), "/token", several),
        ("with nothing behind", ("ApiKey",), "/token", bad_request(Reason.MALFORMED_HEADER)),
        ("and a good token alone", ("Bearer {token}",), "/token", ALLOWED),
        ("and none of both", (), "/token", Refused(401, None, Reason.NO_TOKEN)),
        ("and a third scheme", ("Basic good-key",), "/token", Refused(401, None, Reason.NO_TOKEN)),
    ]
    table = [
        Case(
            f"an API key: {name}",
            clause,
            token(),
            expected,
            lines=lines,
            path=path,
            settings=settings,
        )
        for name, lines, path, expected in rows
    ]
    in_query = Case(
        "an API key in the query is not looked at",
        clause,
        literal("x"),
        Refused(401, None, Reason.NO_TOKEN),
        lines=(),
        query="api_key=good-key",
        settings=settings,
    )
    return [*table, in_query]


CASES: Final[list[Case]] = [*_strength(), *_age(), *_own_checks(), *_other_credentials()]
