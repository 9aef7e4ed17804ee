"""A token in the query that the guard does not look for: OAuth 2.1 §5.1."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    ALLOWED,
    Allowed,
    Case,
    Refused,
    TokenOf,
    bad_request,
    opaque,
    token,
)

_CLAUSE: Final = "OAuth 2.1 §5.1"
_NO_TOKEN: Final = Refused(401, None, Reason.NO_TOKEN)
_IGNORE: Final = {"query_token": "ignore"}


def _rows() -> list[Case]:
    rows: list[tuple[str, TokenOf, tuple[str, ...] | None, str, Refused | Allowed]] = [
        ("beside a good header", token(), None, "access_token=x", ALLOWED),
        ("beside the same token", token(), None, "access_token={token}", ALLOWED),
        ("beside an opaque token", opaque(), None, "access_token=x", ALLOWED),
        ("twice beside a good header", token(), None, "access_token=x&access_token=y", ALLOWED),
        ("escaped beside a good header", token(), None, "%61ccess_token=x", ALLOWED),
        ("alone, although it is good", token(), (), "access_token={token}", _NO_TOKEN),
        ("beside Basic", token(), ("Basic eA==",), "access_token={token}", _NO_TOKEN),
        (
            "beside two headers",
            token(),
            ("Bearer {token}", "Bearer {token}"),
            "access_token={token}",
            bad_request(Reason.SEVERAL_CREDENTIALS),
        ),
    ]
    return [
        Case(
            f"an ignored query token {name}",
            _CLAUSE,
            make,
            expected,
            lines=lines,
            query=query,
            settings=_IGNORE,
        )
        for name, make, lines, query, expected in rows
    ]


CASES: Final[list[Case]] = [
    *_rows(),
    Case(
        "an ignored query token beside a cached token",
        _CLAUSE,
        token(),
        ALLOWED,
        query="access_token=x",
        settings=_IGNORE,
        then=lambda scene: None,
        asked=(),
    ),
    Case(
        "a query token that is refused by name of the setting",
        "RFC 6750 §2.3",
        token(),
        bad_request(Reason.TOKEN_IN_QUERY),
        query="access_token=x",
        settings={"query_token": "refuse"},
        asked=(),
    ),
]
