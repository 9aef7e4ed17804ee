"""Signed introspection responses: RFC 9701."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
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
    token,
)

_SIGNED: Final = {"introspection_signed": True}
_TYPE: Final = "token-introspection+jwt"
_MEDIA: Final = f"application/{_TYPE}"
_GOOD: Final = {
    "active": True,
    "iss": ISSUER,
    "aud": API,
    "exp": NOW + 300,
    "scope": "user:read",
    "sub": "user-1",
}
_INACTIVE: Final = bad(Reason.INACTIVE)
_CLAUSE: Final = "RFC 9701 §5"


def jwt_of(issuer: Issuer, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return a signed response with changed claims; None leaves one out."""
    claims = {"iss": ISSUER, "aud": API, "iat": NOW, "token_introspection": _GOOD, **changes}
    kept = {name: value for name, value in claims.items() if value is not None}
    return issuer.sign(kept, {"typ": _TYPE, **(header or {})})


def signed(
    header: dict[str, Any] | None = None, *, media: str = _MEDIA, status: int = 200, **changes: Any
) -> Callable[[Issuer], object]:
    """Set one signed response for every introspection request."""

    def given(issuer: Issuer) -> None:
        answer(issuer, jwt_of(issuer, header, **changes), media, status)

    return given


def answer(issuer: Issuer, body: str, media: str = _MEDIA, status: int = 200) -> None:
    fields = (("content-type", media),)
    issuer.fail(HttpResponse(status, fields, body.encode("latin-1")), at="introspection")


def _without_type(issuer: Issuer) -> None:
    issuer.fail(HttpResponse(200, (), jwt_of(issuer).encode()), at="introspection")


def _responses() -> list[Case]:
    good: list[tuple[str, Callable[[Issuer], object], Refused | Allowed]] = [
        ("as the RFC says", signed(), ALLOWED),
        ("aud as a list", signed(aud=["other", API]), ALLOWED),
        ("aud is the client", signed(aud="api"), ALLOWED),
        ("with application/ in typ", signed({"typ": _MEDIA}), ALLOWED),
        ("typ in upper case", signed({"typ": _TYPE.upper()}), ALLOWED),
        ("a parameter of the media type", signed(media=f"{_MEDIA}; charset=utf-8"), ALLOWED),
        ("white space beside the media type", signed(media=f" {_MEDIA} ; a=b"), ALLOWED),
        (
            "white space around it",
            lambda issuer: answer(issuer, f"\n{jwt_of(issuer)}\r\n"),
            ALLOWED,
        ),
        ("the media type in upper case", signed(media=_MEDIA.upper()), ALLOWED),
        ("further claims", signed(jti="x", sub="y"), ALLOWED),
        ("iat as late as may be", signed(iat=NOW + 30), ALLOWED),
        ("iat as early as may be", signed(iat=NOW - 30), ALLOWED),
        ("that has not expired", signed(exp=NOW + 1), ALLOWED),
        ("that has expired within the leeway", signed(exp=NOW - 29), ALLOWED),
        ("inactive", signed(token_introspection={"active": False}), _INACTIVE),
        (
            "active, for another API",
            signed(token_introspection={**_GOOD, "aud": "https://other.test"}),
            bad(Reason.WRONG_AUDIENCE),
        ),
        (
            "active, expired",
            signed(token_introspection={**_GOOD, "exp": NOW - 60}),
            bad(Reason.EXPIRED),
        ),
    ]
    faults: list[tuple[str, Callable[[Issuer], object]]] = [
        ("of another issuer", signed(iss="https://other.test")),
        ("without iss", signed(iss=None)),
        ("iss as a list", signed(iss=[ISSUER])),
        ("for another API", signed(aud="https://other.test")),
        ("without aud", signed(aud=None)),
        ("aud as a number", signed(aud=1)),
        ("aud as an object", signed(aud={API: 1})),
        ("aud as a list of numbers", signed(aud=[1])),
        ("aud as an empty list", signed(aud=[])),
        ("without iat", signed(iat=None)),
        ("iat as text", signed(iat=str(NOW))),
        ("iat true", signed(iat=True)),
        ("iat too late", signed(iat=NOW + 31)),
        ("iat too early, replayed", signed(iat=NOW - 31)),
        ("expired", signed(exp=NOW - 30)),
        ("exp true", signed(exp=True)),
        ("exp as text", signed(exp="never")),
        ("without token_introspection", signed(token_introspection=None)),
        ("token_introspection as a list", signed(token_introspection=[_GOOD])),
        ("token_introspection as text", signed(token_introspection=json.dumps(_GOOD))),
        ("active as text", signed(token_introspection={**_GOOD, "active": "true"})),
        ("active missing", signed(token_introspection={"sub": "user-1"})),
        ("active beside it", signed(token_introspection={"sub": "user-1"}, active=True)),
        ("typ of an access token", signed({"typ": "at+jwt"})),
        ("typ JWT", signed({"typ": "JWT"})),
        ("without typ", signed({"typ": None})),
        ("crit", signed({"crit": ["x"], "x": 1})),
        ("an unknown key", signed({"kid": "unknown"})),
        ("application/json around it", signed(media="application/json")),
        ("application/jwt around it", signed(media="application/jwt")),
        ("no media type", signed(media="")),
        ("no field Content-Type", _without_type),
        ("status 201", signed(status=201)),
        ("status 401", signed(status=401)),
        ("a plain response", lambda issuer: answer(issuer, json.dumps(_GOOD), "application/json")),
        ("a plain response under its name", lambda issuer: answer(issuer, json.dumps(_GOOD))),
        ("an empty response", lambda issuer: answer(issuer, "")),
        ("no ASCII", lambda issuer: answer(issuer, "\u00e9.\u00e9.\u00e9")),
        ("five parts", lambda issuer: answer(issuer, "eyJhbGciOiJkaXIifQ....")),
        ("an access token", lambda issuer: answer(issuer, issuer.token())),
        ("a spoiled signature", lambda issuer: answer(issuer, _spoiled(jwt_of(issuer)))),
        (
            "without signature",
            lambda issuer: answer(issuer, jwt_of(issuer).rpartition(".")[0] + "."),
        ),
        ("signed by another", lambda issuer: answer(issuer, _foreign(issuer))),
        ("alg none", lambda issuer: answer(issuer, _unsigned(issuer))),
    ]
    return [
        *(
            Case(
                f"a signed response {name}",
                _CLAUSE,
                opaque(),
                expected,
                given=given,
                settings=_SIGNED,
            )
            for name, given, expected in good
        ),
        *(
            Case(
                f"a signed response {name}",
                _CLAUSE,
                opaque(),
                UNAVAILABLE,
                given=given,
                settings=_SIGNED,
            )
            for name, given in faults
        ),
    ]


def _spoiled(jws: str) -> str:
    head, _, signature = jws.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def _foreign(issuer: Issuer) -> str:
    claims = {"iss": ISSUER, "aud": API, "iat": NOW, "token_introspection": _GOOD}
    return issuer.sign(claims, {"typ": _TYPE}, sign_with=make_key("ES256", "a stranger"))


def _unsigned(issuer: Issuer) -> str:
    claims = {"iss": ISSUER, "aud": API, "iat": NOW, "token_introspection": _GOOD}
    return issuer.sign(claims, {"typ": _TYPE, "alg": "none"})


def _servers() -> list[Case]:
    """Return rows in which the issuer of the tests signs its own responses."""
    both = {**_SIGNED, "jwt": "both"}
    only = {**_SIGNED, "jwt": "introspect"}
    named = {**_SIGNED, "introspection_response_audience": ["https://rs.test", "api"]}
    elsewhere = {**_SIGNED, "introspection_response_audience": "https://rs.test"}
    rows: list[tuple[str, Any, dict[str, Any], Refused | Allowed]] = [
        ("an opaque token", opaque(), _SIGNED, ALLOWED),
        ("an opaque token that expired", opaque(expires_in=-60), _SIGNED, _INACTIVE),
        ("a JWT, verified too", token(), both, ALLOWED),
        ("a JWT, not verified", token(), only, ALLOWED),
        ("another audience, which is set", opaque(), named, ALLOWED),
        ("another audience than the one that is set", opaque(), elsewhere, UNAVAILABLE),
    ]
    served = [
        Case(
            f"signed introspection of {name}", "RFC 9701 §4, §5", mint, expected, settings=settings
        )
        for name, mint, settings, expected in rows
    ]
    plain = Case(
        "a signed response where none was asked for",
        "RFC 9701 §4 (the media type of Accept)",
        opaque(),
        UNAVAILABLE,
        given=signed(),
    )
    as_token = [
        Case(
            f"a signed response as access token {name}",
            "RFC 9701 §8.1; RFC 8725 §3.11",
            lambda issuer, header=header: jwt_of(issuer, header, sub="user-1", exp=NOW + 300),
            bad(Reason.WRONG_TYPE),
            settings=settings,
        )
        for name, header, settings in (
            ("", None, _SIGNED),
            ("under the name of one", {"typ": "at+jwt"}, _SIGNED),
            ("without the setting", {"typ": "at+jwt"}, {}),
        )
    ]
    return [*served, plain, *as_token]


CASES: Final[list[Case]] = [*_responses(), *_servers()]
