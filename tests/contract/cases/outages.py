"""Requests while the authorization server fails: an outage is 503, never 401."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from iiniit_guard.core.model.flow import HttpResponse
from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import (
    ALLOWED,
    UNAVAILABLE,
    Case,
    Scene,
    bad,
    literal,
    opaque,
    seen_by_guard,
    token,
)


def failing(mode: str, at: Any = None) -> Callable[[Issuer], object]:
    """Break the issuer before the guard is made."""
    return lambda issuer: issuer.fail(mode, at)


def _warm() -> list[Case]:
    def at(seconds: float, *changes: Callable[[Scene], object]) -> Callable[[Scene], object]:
        def later(scene: Scene) -> None:
            scene.issuer.clock.advance(seconds)
            for change in changes:
                change(scene)
            scene.issuer.requests.clear()

        return later

    def down(scene: Scene) -> None:
        scene.issuer.fail("connection")

    def fresh(scene: Scene) -> None:
        scene.token = scene.issuer.token()

    def fresh_opaque(scene: Scene) -> None:
        scene.token = scene.issuer.opaque_token()

    def unknown(scene: Scene) -> None:
        scene.token = scene.issuer.token(header={"kid": "nobody's"})

    def ask_once(scene: Scene) -> None:
        seen_by_guard(
            scene.guard,
            "GET",
            "/token",
            [(b"authorization", b"Bearer " + scene.token.encode())],
            "",
        )

    def short(issuer: Issuer) -> None:
        issuer.cache_control = "max-age=300"

    def withdrawn(scene: Scene) -> None:
        scene.issuer.keys, scene.issuer.odd_keys = [], []

    stale = "RFC 5861 §4 (the last good set serves keys_stale_seconds past its end)"
    return [
        Case(
            "down: a token that is remembered",
            "RFC 9111 §4.2 (the key set is still fresh)",
            token(),
            ALLOWED,
            then=at(60, down),
            asked=(),
        ),
        Case(
            "down: a new token by a known key",
            "RFC 9111 §4.2 (the key set is still fresh)",
            token(),
            ALLOWED,
            then=at(60, down, fresh),
            asked=(),
        ),
        Case(
            "down: a new token, the set past its end",
            stale,
            token(),
            ALLOWED,
            given=short,
            then=at(301, down, fresh),
        ),
        Case(
            "down: a new token, the set a second before too stale",
            stale,
            token(),
            ALLOWED,
            given=short,
            then=at(3899, down, fresh),
        ),
        Case(
            "down: a new token, the set too stale",
            stale,
            token(),
            UNAVAILABLE,
            given=short,
            then=at(3900, down, fresh),
        ),
        Case(
            "down: an unknown key",
            "RFC 9110 §15.6.4 (503 if the last fetch failed)",
            token(),
            UNAVAILABLE,
            then=at(60, down, unknown),
            asked=("jwks",),
        ),
        Case(
            "down: an unknown key again, in the cool-down",
            "RFC 9110 §15.6.4 (503 if the last fetch failed; a failure starts the cool-down too)",
            token(),
            UNAVAILABLE,
            then=at(60, down, unknown, ask_once, unknown),
            asked=(),
        ),
        Case(
            "down: a known key right after an unknown one failed",
            "CWE-400 (an unknown key ID causes no outage for known keys)",
            token(),
            ALLOWED,
            then=at(60, down, unknown, ask_once, fresh),
            asked=(),
        ),
        Case(
            "down: a new opaque token",
            "RFC 9110 §15.6.4 (an outage is 503, never 401)",
            opaque(),
            UNAVAILABLE,
            then=at(1, down, fresh_opaque),
            asked=("introspection",),
        ),
        Case(
            "up again: an opaque token",
            "RFC 9110 §15.6.4 (a temporary condition)",
            opaque(),
            ALLOWED,
            given=failing("connection", "introspection"),
            then=at(0, lambda scene: scene.issuer.fail(None)),
            asked=("introspection",),
        ),
        Case(
            "up again: a JWT, after the first wait",
            "RFC 9110 §15.6.4 (a temporary condition)",
            token(),
            ALLOWED,
            given=failing("connection"),
            then=at(30, lambda scene: scene.issuer.fail(None)),
            asked=("discovery", "jwks"),
        ),
        Case(
            "the last key withdrawn by a good answer",
            "OpenID Connect Core §10.1.1 (a withdrawn key ends at once)",
            token(),
            UNAVAILABLE,
            given=short,
            then=at(301, withdrawn, fresh),
            asked=("jwks",),
        ),
        Case(
            "an issuer whose clock is an hour ahead",
            "RFC 7519 §4.1.6 (the issuer's clock is 1 h off)",
            token(),
            bad(Reason.ISSUED_IN_FUTURE),
            given=lambda issuer: setattr(issuer, "skew_seconds", 3600),
        ),
        Case(
            "an issuer whose clock is an hour behind",
            "RFC 7519 §4.1.4 (the issuer's clock is 1 h off)",
            token(),
            bad(Reason.EXPIRED),
            given=lambda issuer: setattr(issuer, "skew_seconds", -3600),
        ),
        Case(
            "an issuer whose clock is 30 s ahead",
            "RFC 7519 §4.1.6 (clock_leeway_seconds)",
            token(),
            ALLOWED,
            given=lambda issuer: setattr(issuer, "skew_seconds", 30),
        ),
        Case(
            "an issuer whose clock is 31 s ahead",
            "RFC 7519 §4.1.6 (clock_leeway_seconds)",
            token(),
            bad(Reason.ISSUED_IN_FUTURE),
            given=lambda issuer: setattr(issuer, "skew_seconds", 31),
        ),
        Case(
            "unavailable, HEAD",
            "RFC 9110 §9.3.2 (HEAD has no body)",
            token(),
            UNAVAILABLE,
            method="HEAD",
            given=failing("500"),
        ),
        Case(
            "an unknown opaque token while introspection asks for patience",
            "RFC 9110 §10.2.3",
            literal("x"),
            UNAVAILABLE,
            given=lambda issuer: issuer.fail(
                HttpResponse(429, (("retry-after", "7"),)), at="introspection"
            ),
            retry_after="7",
        ),
        *(
            Case(
                f"introspection asks for patience of {asked!r}",
                "RFC 9110 §10.2.3 (between 1 s and 60 s)",
                literal("x"),
                UNAVAILABLE,
                given=lambda issuer, asked=asked: issuer.fail(
                    HttpResponse(503, (("retry-after", asked),)), at="introspection"
                ),
                retry_after=told,
            )
            for asked, told in (
                ("0", "1"),
                ("1", "1"),
                ("60", "60"),
                ("61", "60"),
                ("86400", "60"),
                ("999999", "1"),
                ("-5", "1"),
                ("1.5", "1"),
                ("\u0663", "1"),
                ("x\r\ny", "1"),
                ("Fri, 31 Dec 1999 23:59:59 GMT", "1"),
            )
        ),
    ]


CASES: Final[list[Case]] = [*_warm()]
