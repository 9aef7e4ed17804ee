"""Rows about a token in another header field than Authorization."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    ALLOWED,
    NOW,
    Allowed,
    Case,
    Refused,
    Scene,
    TokenOf,
    bad,
    bad_request,
    literal,
    opaque,
    token,
)

_CLAUSE: Final = "RFC 6750 §2 (token_header)"
_NO_TOKEN: Final = Refused(401, None, Reason.NO_TOKEN)
_SEVERAL: Final = bad_request(Reason.SEVERAL_CREDENTIALS)
_MALFORMED: Final = bad_request(Reason.MALFORMED_HEADER)
_FIELD: Final = "X-Goog-IAP-JWT-Assertion"
_BARE: Final = ("{token}",)
_Lines = tuple[str, ...]


def _row(name: str, make: TokenOf, field: _Lines, expected: Refused | Allowed, **more: Any) -> Case:
    """Return a row whose token is in the field; `lines` are those of Authorization."""
    return Case(
        f"a token header {name}",
        _CLAUSE,
        make,
        expected,
        **{
            "lines": (),
            "fields": tuple((_FIELD.lower().encode(), line) for line in field),
            **more,
            "settings": {"token_header": _FIELD, **more.get("settings", {})},
        },
    )


def _values() -> list[Case]:
    rows: list[tuple[str, TokenOf, _Lines, Refused | Allowed]] = [
        ("with a bare JWT", token(), _BARE, ALLOWED),
        ("with a bare opaque token", opaque(), _BARE, ALLOWED),
        ("with Bearer and a JWT", token(), ("Bearer {token}",), ALLOWED),
        ("with bearer in lower case", token(), ("bearer {token}",), ALLOWED),
        ("with two spaces", token(), ("Bearer  {token}",), ALLOWED),
        ("with a space after the token", token(), ("{token} ",), ALLOWED),
        ("with an expired JWT", token(exp=NOW - 60), _BARE, bad(Reason.EXPIRED)),
        ("with Basic", token(), ("Basic eA==",), _NO_TOKEN),
        ("with a scheme in front of Bearer", token(), ("Basic Bearer {token}",), _NO_TOKEN),
        ("with Bearer alone", token(), ("Bearer",), _MALFORMED),
        ("with bearer alone and a space", token(), ("bearer ",), _MALFORMED),
        ("with two tokens and a space", token(), ("Bearer {token} {token}",), _MALFORMED),
        ("with a colon", token(), ("Bearer:{token}",), _MALFORMED),
        ("with an equals sign in front", token(), ("={token}",), _MALFORMED),
        ("with quotation marks", token(), ('"{token}"',), _MALFORMED),
        ("with a comma after the token", token(), ("{token},",), _SEVERAL),
        ("with two tokens in one line", token(), ("{token}, {token}",), _SEVERAL),
        ("with two tokens and no space", token(), ("{token},{token}",), _SEVERAL),
        ("with Bearer twice in one line", token(), ("Bearer {token}, Bearer x",), _SEVERAL),
        ("twice", token(), ("{token}", "{token}"), _SEVERAL),
        ("twice, with and without Bearer", token(), ("{token}", "Bearer {token}"), _SEVERAL),
        ("twice, once with Basic", token(), ("Bearer {token}", "Basic eA=="), _SEVERAL),
        ("that is missing", token(), (), _NO_TOKEN),
        ("that is empty", token(), ("",), _NO_TOKEN),
        ("with one character", literal("x"), _BARE, bad(Reason.INACTIVE)),
    ]
    return [_row(name, make, field, expected) for name, make, field, expected in rows]


def _others() -> list[Case]:
    shown = ("Bearer {token}",)

    def drop(scene: Scene) -> None:
        scene.issuer.revoke(scene.token)

    return [
        _row("alone, with the token in Authorization", token(), (), _NO_TOKEN, lines=shown),
        _row("beside another token", token(), _BARE, ALLOWED, lines=("Bearer x",)),
        _row("beside two tokens", token(), _BARE, ALLOWED, lines=("Bearer x", "Bearer y")),
        _row("beside Basic", token(), _BARE, ALLOWED, lines=("Basic eA==",)),
        _row("wrong beside a good token", token(), ("?",), _MALFORMED, lines=shown),
        _row("twice beside a good token", token(), ("x", "x"), _SEVERAL, lines=shown),
        _row(
            "with a cached token, which Authorization does not show",
            token(),
            _BARE,
            ALLOWED,
            lines=("Bearer x",),
            then=lambda scene: None,
            asked=(),
        ),
        _row("with a cached opaque token", opaque(), _BARE, ALLOWED, then=drop, asked=()),
        _row(
            "beside a token in the query",
            token(),
            _BARE,
            bad_request(Reason.TOKEN_IN_QUERY),
            query="access_token={token}",
        ),
        _row(
            "with a token that is too long",
            token(),
            _BARE,
            bad_request(Reason.TOKEN_TOO_LONG),
            settings={"max_token_bytes": 20},
        ),
        _row(
            "of another name",
            token(),
            (),
            _NO_TOKEN,
            headers=((b"x-forwarded-authorization", b"Bearer x"),),
        ),
        _row("with a scope", token(), _BARE, ALLOWED, path="/read"),
        _row(
            "without the scope",
            token("x"),
            _BARE,
            Refused(403, "insufficient_scope", Reason.MISSING_SCOPE, "user:read"),
            path="/read",
        ),
    ]


CASES: Final[list[Case]] = [*_values(), *_others()]
