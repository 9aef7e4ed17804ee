"""How long an introspection answer is cached: requests just before and at every deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    ALLOWED,
    API,
    ISSUER,
    NOW,
    UNAVAILABLE,
    Case,
    Scene,
    bad,
    literal,
    opaque,
)

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_INACTIVE: Final = bad(Reason.INACTIVE)
_EXPIRED: Final = bad(Reason.EXPIRED)
_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)
_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_WRONG_TYPE: Final = bad(Reason.WRONG_TYPE)
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_ASKED: Final = ("discovery", "introspection")


def _remembered() -> list[Case]:
    def at(seconds: float, *changes: Callable[[Scene], object]) -> Callable[[Scene], object]:
        def later(scene: Scene) -> None:
            scene.issuer.clock.advance(seconds)
            for change in changes:
                change(scene)
            scene.issuer.requests.clear()

        return later

    def revoke(scene: Scene) -> None:
        scene.issuer.revoke(scene.token)

    def down(scene: Scene) -> None:
        scene.issuer.fail("connection")

    def wall_back(scene: Scene) -> None:
        scene.issuer.clock.set_wall(NOW - 40)

    def known_now(scene: Scene) -> None:
        scene.issuer.clock.advance(1)
        scene.issuer._known[scene.token] = {"iss": ISSUER, "aud": API, "exp": NOW + 300}

    delay = "RFC 7662 §4 (revocation_delay_seconds)"
    return [
        Case("remembered: asked once", delay, opaque(), ALLOWED, then=at(59), asked=()),
        Case(
            "remembered: asked again at the deadline",
            delay,
            opaque(),
            ALLOWED,
            then=at(60),
            asked=("introspection",),
        ),
        Case(
            "remembered: revoked, a second before the deadline",
            delay,
            opaque(),
            ALLOWED,
            then=at(59, revoke),
            asked=(),
        ),
        Case(
            "remembered: revoked, at the deadline",
            delay,
            opaque(),
            _INACTIVE,
            then=at(60, revoke),
            asked=("introspection",),
        ),
        Case(
            "remembered: a delay of 5 s set, revoked, before",
            delay,
            opaque(),
            ALLOWED,
            settings={"revocation_delay_seconds": 5},
            then=at(4, revoke),
        ),
        Case(
            "remembered: a delay of 5 s set, revoked, at the deadline",
            delay,
            opaque(),
            _INACTIVE,
            settings={"revocation_delay_seconds": 5},
            then=at(5, revoke),
        ),
        Case(
            "remembered: no delay at all",
            delay,
            opaque(),
            _INACTIVE,
            settings={"revocation_delay_seconds": 0},
            then=at(0, revoke),
        ),
        Case(
            "remembered: the server down, before the deadline",
            "RFC 7662 §4 (an outage does not extend the deadline)",
            opaque(),
            ALLOWED,
            then=at(59, down),
            asked=(),
        ),
        Case(
            "remembered: the server down, at the deadline",
            "RFC 7662 §4 (an outage does not extend the deadline)",
            opaque(),
            UNAVAILABLE,
            then=at(60, down),
            asked=("introspection",),
        ),
        Case(
            "remembered: expires before the deadline",
            "RFC 7662 §4 (never cached beyond exp)",
            opaque(expires_in=20),
            bad(Reason.INACTIVE),
            then=at(26),
            asked=("introspection",),
        ),
        Case(
            "remembered: a second before that",
            "RFC 7662 §4 (never cached beyond exp)",
            opaque(expires_in=20),
            ALLOWED,
            then=at(24),
            asked=(),
        ),
        Case(
            "remembered: the wall clock set back",
            "RFC 7662 §4 (the wall clock or the monotonic clock ends it)",
            opaque(),
            bad(Reason.ISSUED_IN_FUTURE),
            then=at(0, wall_back),
            asked=("introspection",),
        ),
        Case(
            "remembered: the wall clock stands, the other goes on",
            "RFC 7662 §4 (the wall clock or the monotonic clock ends it)",
            opaque(iat=None),
            _INACTIVE,
            then=at(60, lambda scene: (scene.issuer.clock.set_wall(NOW), revoke(scene))),
            asked=("introspection",),
        ),
        Case(
            "remembered: the deadline counts from the request, not from the answer",
            "RFC 7662 §4 (counted from the sending of the request)",
            opaque(),
            _INACTIVE,
            given=lambda issuer: issuer.fail("slow", at="introspection"),
            then=at(56, revoke),
        ),
        Case(
            "remembered: it counts from the request by either clock",
            "RFC 7662 §4 (counted from the sending of the request, by both clocks)",
            opaque(iat=None),
            _INACTIVE,
            given=lambda issuer: issuer.fail("slow", at="introspection"),
            then=at(56, lambda scene: scene.issuer.clock.set_wall(NOW + 10), revoke),
            asked=("introspection",),
        ),
        Case(
            "remembered: it counts from the request by the wall clock too",
            "RFC 7662 §4 (counted from the sending of the request, by both clocks)",
            opaque(),
            _INACTIVE,
            given=lambda issuer: issuer.fail("slow", at="introspection"),
            then=at(0, lambda scene: scene.issuer.clock.set_wall(NOW + 60), revoke),
            asked=("introspection",),
        ),
        Case(
            "inactive is remembered for a moment",
            "RFC 7662 §4 (inactive is cached for 1 s)",
            literal("never-issued"),
            _INACTIVE,
            then=at(0.9),
            asked=(),
        ),
        Case(
            "inactive is asked again after a second",
            "RFC 7662 §4 (inactive is cached for 1 s)",
            literal("never-issued"),
            _INACTIVE,
            then=at(1.0),
            asked=("introspection",),
        ),
        Case(
            "inactive first, known a second later",
            "RFC 7662 §4 (a replica may lag behind)",
            literal("lagging"),
            ALLOWED,
            then=known_now,
        ),
        Case(
            "an outage is not remembered",
            "RFC 7662 §4 (an outage is not cached)",
            opaque(),
            ALLOWED,
            given=lambda issuer: issuer.fail("500", at="introspection"),
            then=at(0, lambda scene: scene.issuer.fail(None)),
            asked=("introspection",),
        ),
    ]


CASES: Final[list[Case]] = _remembered()
