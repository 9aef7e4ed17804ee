"""Key rotation (OpenID Connect Core §10.1.1), and how often the guard fetches the key set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import make_key
from tests.contract.cases.case import ALLOWED, UNAVAILABLE, Case, Scene, bad, token

_UNKNOWN_KEY: Final = bad(Reason.UNKNOWN_KEY)
_SIGNATURE: Final = bad(Reason.BAD_SIGNATURE)


def _rotation() -> list[Case]:
    def at(seconds: float, change: Callable[[Scene], object]) -> Callable[[Scene], object]:
        def later(scene: Scene) -> None:
            scene.issuer.clock.advance(seconds)
            change(scene)
            scene.issuer.requests.clear()

        return later

    def renew(scene: Scene, *, keep_old: bool = True) -> None:
        scene.issuer.rotate_keys(keep_old=keep_old)
        scene.token = scene.issuer.token()

    def foreign(scene: Scene) -> None:
        scene.token = scene.issuer.token(header={"kid": "nobody's"})

    def again(scene: Scene) -> None:
        scene.token = scene.issuer.token(jti="another")

    def reuse_kid(scene: Scene) -> None:
        old = scene.issuer.signing_key
        new = make_key("ES256", "reused")
        scene.issuer.keys, scene.issuer.odd_keys = [], [new.jwk(kid=old.kid)]
        scene.token = scene.issuer.token(sign_with=type(new)(old.kid, "ES256", new.private_key))

    def withdraw(scene: Scene) -> None:
        scene.issuer.rotate_keys(keep_old=False)

    def down(scene: Scene) -> None:
        scene.issuer.fail("connection", at="jwks")

    short = {"keys_max_age_seconds": 4, "keys_cooldown_seconds": 1, "introspection": None}
    clause = "OpenID Connect Core §10.1.1"
    cold = "OpenID Connect Core §10.1.1 (one forced refresh in 30 s)"
    return [
        Case("a new key at once", clause, token(), ALLOWED, then=at(31, renew), asked=("jwks",)),
        Case(
            "a new key, the old one withdrawn",
            clause,
            token(),
            ALLOWED,
            then=at(31, lambda scene: renew(scene, keep_old=False)),
            asked=("jwks",),
        ),
        Case(
            "a new key within the cool-down of the first fetch",
            cold,
            token(),
            ALLOWED,
            then=at(1, renew),
            asked=("jwks",),
        ),
        Case(
            "an unknown key ID after the cool-down",
            cold,
            token(),
            _UNKNOWN_KEY,
            then=at(31, foreign),
            asked=("jwks",),
        ),
        Case(
            "an unknown key ID, a second before the cool-down of another ends",
            cold,
            token(header={"kid": "x"}),
            _UNKNOWN_KEY,
            then=at(29, foreign),
            asked=(),
        ),
        Case(
            "an unknown key ID as the cool-down of another ends",
            cold,
            token(header={"kid": "x"}),
            _UNKNOWN_KEY,
            then=at(30, foreign),
            asked=("jwks",),
        ),
        Case(
            "a new key in the cool-down of a stranger's key ID",
            cold,
            token(header={"kid": "x"}),
            _UNKNOWN_KEY,
            then=at(29, renew),
            asked=(),
        ),
        Case(
            "the very token again, its key withdrawn, as the set ends",
            "RFC 9111 §4.2 (a key set counts no longer than it is fresh)",
            token(expires_in=3600),
            _UNKNOWN_KEY,
            settings=short,
            then=at(4, withdraw),
            asked=("jwks",),
        ),
        Case(
            "the very token again, jwt=both, its key withdrawn, as the set ends",
            "RFC 9111 §4.2 (a key set counts no longer than it is fresh)",
            token(expires_in=3600),
            _UNKNOWN_KEY,
            settings=lambda issuer: {
                **short,
                "introspection": issuer.credentials("client_secret_basic"),
                "jwt": "both",
                "revocation_delay_seconds": 600,
            },
            then=at(4, withdraw),
            asked=("jwks",),
        ),
        Case(
            "the very token again, the issuer down, as the set ends and may not be stale",
            "RFC 5861 §4 (keys_stale_seconds)",
            token(expires_in=3600),
            UNAVAILABLE,
            settings={**short, "keys_stale_seconds": 0},
            then=at(4, down),
        ),
        Case(
            "the very token again, the issuer down, while the set may be stale",
            "RFC 5861 §4 (keys_stale_seconds)",
            token(expires_in=3600),
            ALLOWED,
            settings={**short, "keys_stale_seconds": 5},
            then=at(4, down),
            asked=("jwks",),
        ),
        Case("a known key, no fetch", cold, token(), ALLOWED, then=at(31, again), asked=()),
        Case(
            "a kid reused for another key, the set young",
            "RFC 7517 §4.5 (a bad signature refreshes a set over 5 min old)",
            token(),
            _SIGNATURE,
            then=at(300, reuse_kid),
            asked=(),
        ),
        Case(
            "a kid reused for another key, the set over 5 min old",
            "RFC 7517 §4.5 (a bad signature refreshes a set over 5 min old)",
            token(),
            ALLOWED,
            then=at(301, reuse_kid),
            asked=("jwks",),
        ),
    ]


CASES: Final[list[Case]] = _rotation()
