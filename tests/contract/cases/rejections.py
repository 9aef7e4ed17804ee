"""Responses with status 400 from an introspection endpoint: RFC 7009 §2.2.1, RFC 6749 §5.2."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import (
    UNAVAILABLE,
    Case,
    Refused,
    Scene,
    TokenOf,
    bad,
    literal,
    opaque,
    seen_by_guard,
    token,
)
from tests.contract.cases.introspection_answers import answering

_TYPE: Final = bad(Reason.UNSUPPORTED_TOKEN_TYPE)
_CLAUSE: Final = "RFC 7009 §2.2.1, RFC 6749 §5.2"


def rejecting(
    error: Any, status: int = 400, kind: str = "application/json"
) -> Callable[[Issuer], object]:
    """Answer every introspection request with this error."""
    return answering(json.dumps({"error": error}), ("content-type", kind), status=status)


def _first() -> list[Case]:
    jwt_tokens: list[tuple[str, TokenOf, dict[str, Any]]] = [
        ("an opaque token", opaque(), {}),
        ("a JWT that is introspected", token(), {"jwt": "introspect"}),
        ("a JWT that is verified too", token(), {"jwt": "both"}),
        ("an encrypted token", literal("a.b.c.d.e"), {}),
        ("a text that looks like a JWT", literal("e30.e30.e30"), {}),
    ]
    kinds = [
        Case(
            f"unsupported_token_type: {name}",
            _CLAUSE,
            make,
            _TYPE,
            settings=settings,
            given=rejecting("unsupported_token_type"),
        )
        for name, make, settings in jwt_tokens
    ]
    rows: list[tuple[str, Callable[[Issuer], object], Refused]] = [
        ("without a media type", rejecting("unsupported_token_type", kind="text/html"), _TYPE),
        ("in upper case", rejecting("UNSUPPORTED_TOKEN_TYPE"), UNAVAILABLE),
        ("in a list", rejecting(["unsupported_token_type"]), UNAVAILABLE),
        *(
            (f"with status {status}", rejecting("unsupported_token_type", status), UNAVAILABLE)
            for status in (200, 401, 403, 404, 500, 503)
        ),
        *(
            (f"but {error}", rejecting(error), UNAVAILABLE)
            for error in ("invalid_request", "invalid_client", "unauthorized_client", "", None, 1)
        ),
        ("as text", answering("unsupported_token_type", status=400), UNAVAILABLE),
    ]
    others = [
        Case(f"unsupported_token_type {name}", _CLAUSE, opaque(), expected, given=given)
        for name, given, expected in rows
    ]
    return [*kinds, *others]


def _again() -> list[Case]:
    def then(error: str, seconds: float = 0, *, other: bool = True) -> Callable[[Scene], object]:
        def reject(scene: Scene) -> None:
            if other:
                seen_by_guard(
                    scene.guard,
                    "GET",
                    "/token",
                    [(b"authorization", f"Bearer {scene.issuer.opaque_token()}".encode())],
                    "",
                )
            scene.issuer.clock.advance(seconds)
            rejecting(error)(scene.issuer)

        return reject

    stranger = literal("stranger")
    rows: list[tuple[str, TokenOf, Callable[[Scene], object], Refused]] = [
        ("invalid_request after a good answer", stranger, then("invalid_request", 11), _TYPE),
        ("invalid_request 300 s after it", stranger, then("invalid_request", 300), _TYPE),
        ("invalid_request 301 s after it", stranger, then("invalid_request", 301), UNAVAILABLE),
        ("invalid_client after a good answer", stranger, then("invalid_client", 11), UNAVAILABLE),
        (
            "unsupported_token_type for a token that was active",
            opaque(expires_in=9000),
            then("unsupported_token_type", 61),
            UNAVAILABLE,
        ),
        (
            "invalid_request for a token that was active",
            opaque(expires_in=9000),
            then("invalid_request", 61),
            UNAVAILABLE,
        ),
        (
            "unsupported_token_type for a token that was active two hours ago",
            opaque(expires_in=9000),
            then("unsupported_token_type", 7200),
            _TYPE,
        ),
    ]
    remembered = Case(
        "unsupported_token_type again, from the cache",
        _CLAUSE,
        opaque(),
        _TYPE,
        given=rejecting("unsupported_token_type"),
        then=lambda scene: None,
        asked=(),
    )
    return [
        remembered,
        *(Case(name, _CLAUSE, make, expected, then=then_) for name, make, then_, expected in rows),
    ]


CASES: Final[list[Case]] = [*_first(), *_again()]
