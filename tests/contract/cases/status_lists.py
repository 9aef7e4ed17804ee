"""JWTs whose status is in a Token Status List: draft-ietf-oauth-status-list-20."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from iiniit_guard.testing.jws import encode
from tests.contract.cases.case import (
    ALLOWED,
    API,
    ISSUER,
    NOW,
    UNAVAILABLE,
    Allowed,
    Case,
    Refused,
    Scene,
    bad,
    opaque,
    token,
)

_DRAFT: Final = "draft-ietf-oauth-status-list-20"
_CHECK: Final = {"status_list": "check"}
_REQUIRED: Final = {"status_list": "required"}
_REVOKED: Final = bad(Reason.REVOKED_BY_STATUS_LIST)
_FOREIGN: Final = bad(Reason.FOREIGN_STATUS_LIST)
_MALFORMED: Final = bad(Reason.MALFORMED_CLAIM)
_TYPE: Final = "statuslist+jwt"
_MEDIA: Final = f"application/{_TYPE}"
# §4.1: sixteen statuses of one bit, twelve of two bits.
_EXAMPLE_1: Final = {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}
_EXAMPLE_2: Final = {"bits": 2, "lst": "eNo76fITAAPfAgc"}

Given = Callable[[Issuer], object]


def listed(index: int = 0, **reference: Any) -> Callable[[Issuer], str]:
    """Issue a token that names an entry of the list of its issuer."""

    def mint(issuer: Issuer) -> str:
        entry = {"idx": index, "uri": issuer.status_list.uri, **reference}
        return issuer.token(status={"status_list": entry})

    return mint


def claims(header: dict[str, Any] | None = None, **changes: Any) -> Given:
    """Change the claims and the header of the list."""

    def given(issuer: Issuer) -> None:
        issuer.status_list.claims = changes
        issuer.status_list.header = header or {}

    return given


def content(octets: bytes, **changes: Any) -> Given:
    """Publish these statuses."""
    return claims(status_list={"bits": 1, "lst": encode(zlib.compress(octets)), **changes})


def answer(body: str, media: str = _MEDIA, status: int = 200) -> Given:
    """Answer each request for the list with this body."""
    reply = HttpResponse(status, (("content-type", media),), body.encode("latin-1"))
    return lambda issuer: issuer.fail(reply, at="status_list")


def republished(change: Callable[[str], str], media: str = _MEDIA, status: int = 200) -> Given:
    """Answer with a changed form of the right list."""

    def given(issuer: Issuer) -> None:
        body = issuer.status_list.response(issuer).body.decode()
        answer(change(body), media, status)(issuer)

    return given


def _examples() -> list[Case]:
    """Return rows for each status in the two examples of the specification."""
    rows = (
        *((_EXAMPLE_1, index, status) for index, status in ((0, 1), (1, 0), (15, 1))),
        *((_EXAMPLE_2, index, status) for index, status in ((0, 1), (1, 2), (2, 0), (11, 3))),
    )
    return [
        Case(
            f"entry {index} of the example with {example['bits']} bit",
            "§4.1, §7.1",
            listed(index),
            _REVOKED if status else ALLOWED,
            given=claims(status_list=example),
            settings=_CHECK,
        )
        for example, index, status in rows
    ]


def _references() -> list[Case]:
    good: list[tuple[str, Any, dict[str, Any], Refused | Allowed]] = [
        ("without a status", token(), _CHECK, ALLOWED),
        ("without a status, if it is required", token(), _REQUIRED, _MALFORMED),
        ("with another mechanism", token(status={"other": 1}), _CHECK, ALLOWED),
        ("with another mechanism alone", token(status={"other": 1}), _REQUIRED, _MALFORMED),
        ("with unknown members", listed(3, more="x"), _REQUIRED, ALLOWED),
        ("with a broken status, unread", token(status="active"), {}, ALLOWED),
        ("of another origin, unread", listed(3, uri="https://evil.test/1"), {}, ALLOWED),
        ("with an expired token", token(expires_in=-9, status=1), _CHECK, bad(Reason.EXPIRED)),
        ("introspected", opaque(status="x"), _REQUIRED, ALLOWED),
    ]
    return [
        Case(f"a token {name}", "§6.2, §8.3", mint, expected, settings=settings)
        for name, mint, settings, expected in good
    ]


def _origins() -> list[Case]:
    other = "https://status.test/1"

    def at(uri: str) -> Given:
        def given(issuer: Issuer) -> None:
            issuer.status_list.uri = uri

        return given

    foreign = [
        other,
        "https://issuer.test.evil.test/statuslists/1",
        "https://evil.test/https://issuer.test/",
        "https://issuer.test:8443/statuslists/1",
        "https://localhost/statuslists/1",
        "http://localhost/statuslists/1",
        "https://169.254.169.254/latest",
        "https://issuer%2Etest/1",
    ]
    rows = [
        Case(
            f"a status list at {uri}",
            "§8.1: no call to a server that the settings do not name",
            listed(uri=uri),
            _FOREIGN,
            settings=_CHECK,
            asked=("discovery", "jwks"),
        )
        for uri in foreign
    ]
    named = {**_CHECK, "status_list_origins": ["https://status.test"]}
    return [
        *rows,
        Case("a list at a named origin", "§8.1", listed(3), ALLOWED, given=at(other),
             settings=named),
        Case("a list at the issuer, which is not named", "§8.1", listed(3), _FOREIGN,
             settings=named),
        Case("an origin in other letters", "RFC 6454 §4", listed(3), ALLOWED,
             given=at("https://ISSUER.test:443/1"), settings=_CHECK),
    ]  # fmt: skip


def _lists() -> list[Case]:
    good: list[tuple[str, Given, Refused | Allowed]] = [
        ("as the specification says", claims(), ALLOWED),
        ("without iss", claims(iss=None), ALLOWED),
        ("without ttl and exp", claims(ttl=None, exp=None), ALLOWED),
        ("for this API", claims(aud=["x", API]), ALLOWED),
        ("with further claims", claims(jti="x", nbf=NOW, status_x=1), ALLOWED),
        ("with an aggregation", content(b"\0", aggregation_uri="x", more=1), ALLOWED),
        ("with application/ in typ", claims({"typ": _MEDIA}), ALLOWED),
        ("with status 203", republished(str, status=203), ALLOWED),
        ("with a parameter of the type", republished(str, f"{_MEDIA}; charset=utf-8"), ALLOWED),
        ("with 8 bits, all set", content(b"\xff" * 4, bits=8), _REVOKED),
        ("with 4 bits, application specific", content(b"\0\xc0", bits=4), _REVOKED),
        ("with no entry", content(b""), _MALFORMED),
    ]
    rows = [
        Case(f"a list {name}", "§5.1, §8.3", listed(3), expected, given=given, settings=_REQUIRED)
        for name, given, expected in good
    ]
    faults: list[tuple[str, Given]] = [
        ("of another URL", claims(sub=f"{ISSUER}/statuslists/2")),
        ("of another issuer", claims(iss="https://other.test")),
        ("that has just expired", claims(exp=NOW)),
        ("that is a bomb", content(b"", lst=encode(zlib.compress(bytes(2**23))))),
        ("with status 503", republished(str, status=503)),
        ("that is an access token", lambda issuer: answer(issuer.token())(issuer)),
    ]
    return rows + [
        Case(
            f"a list {name}", "§5.1, §8.3", listed(3), UNAVAILABLE, given=given, settings=_REQUIRED
        )
        for name, given in faults
    ]


def _ends_in_a_minute(issuer: Issuer) -> None:
    issuer.status_list.ttl, issuer.status_list.expires_in = 900, 60


def _changes() -> list[Case]:
    """Return rows with two requests, between which the status or the issuer changes."""

    def revoked_after(seconds: float) -> Callable[[Scene], None]:
        def then(scene: Scene) -> None:
            scene.issuer.revoke(scene.token)
            scene.issuer.clock.advance(seconds)

        return then

    def down_after(seconds: float) -> Callable[[Scene], None]:
        def then(scene: Scene) -> None:
            scene.issuer.fail("connection", at="status_list")
            scene.issuer.clock.advance(seconds)

        return then

    rows: list[tuple[str, Callable[[Scene], None], Given | None, Refused | Allowed]] = [
        ("revoked, before the ttl", revoked_after(40), None, ALLOWED),
        ("revoked, after the ttl", revoked_after(60), None, _REVOKED),
        ("revoked, after exp", revoked_after(60), _ends_in_a_minute, _REVOKED),
        ("revoked, after the longest time", revoked_after(300), claims(ttl=9e9), _REVOKED),
        ("in an outage, before the ttl", down_after(40), None, ALLOWED),
        ("in an outage, after the ttl", down_after(60), None, UNAVAILABLE),
    ]
    changes = [
        Case(
            f"a token {name}",
            "§13.7",
            lambda issuer: issuer.listed_token(expires_in=9000),
            expected,
            given=given,
            then=then,
            settings=_REQUIRED,
        )
        for name, then, given, expected in rows
    ]
    both = {**_REQUIRED, "jwt": "both"}
    as_token: Callable[[Issuer], str] = lambda issuer: (  # noqa: E731 - typed
        issuer.status_list.response(issuer).body.decode()
    )
    return [
        *changes,
        Case("a listed token, introspected too", "§8.3", listed(3), ALLOWED, settings=both),
        Case("a revoked token that introspection accepts", "§8.3", listed(0), _REVOKED,
             given=claims(status_list=_EXAMPLE_1), settings=both),
        Case("a status list as access token", "RFC 8725 §3.11", as_token, bad(Reason.WRONG_TYPE),
             settings=_CHECK),
    ]  # fmt: skip


_ROWS: Final = (*_examples(), *_references(), *_origins(), *_lists(), *_changes())
CASES: Final[list[Case]] = [
    replace(case, clause=f"{_DRAFT} {case.clause}") if case.clause.startswith("§") else case
    for case in _ROWS
]
