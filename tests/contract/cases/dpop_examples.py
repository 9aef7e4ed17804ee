"""The times of DPoP proofs, good proofs, and the example of RFC 9449 itself."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
from tests.contract.cases.case import (
    ALLOWED,
    API,
    NOW,
    Allowed,
    Case,
    ProofsOf,
    Refused,
    Scene,
    literal,
    token,
)
from tests.contract.cases.dpop_proofs import (
    KEY,
    MALFORMED,
    RFC_THUMBPRINT,
    STALE,
    TARGET,
    bad_proof,
    changed,
    proof,
    proof_case,
)


def _times() -> list[Case]:
    """Item 11: the window of `iat`."""
    rows: list[tuple[str, Any, Refused | Allowed, dict[str, Any]]] = [
        ("60 s old", NOW - 60, ALLOWED, {}),
        ("a moment older", NOW - 60.5, STALE, {}),
        ("5 s ahead", NOW + 5, ALLOWED, {}),
        ("a moment further ahead", NOW + 5.5, STALE, {}),
        ("an hour old", NOW - 3600, STALE, {}),
        ("in milliseconds", NOW * 1000, MALFORMED, {}),
        ("300 s old where that is set", NOW - 300, ALLOWED, {"dpop_proof_age_seconds": 300}),
        ("301 s old where 300 are set", NOW - 301, STALE, {"dpop_proof_age_seconds": 300}),
        ("300 s ahead where that is set", NOW + 300, ALLOWED, {"dpop_proof_ahead_seconds": 300}),
        ("301 s ahead where 300 are set", NOW + 301, STALE, {"dpop_proof_ahead_seconds": 300}),
    ]
    limits = [("exp passed", {"exp": NOW}, STALE), ("nbf ahead", {"nbf": NOW + 6}, STALE)]
    good_limits = {"exp": NOW + 1, "nbf": NOW + 5}
    return [
        *(
            proof_case(
                f"iat {name}", "9449 §4.3 item 11, §11.1", proof(iat=at), expected, settings=more
            )
            for name, at, expected, more in rows
        ),
        *(
            proof_case(name, "7519 §4.1.4, §4.1.5", changed(claims), expected)
            for name, claims, expected in limits
        ),
        proof_case("exp and nbf that hold", "7519 §4.1.4", changed(good_limits), ALLOWED),
    ]


def _good() -> list[Case]:
    rows: list[tuple[str, str, ProofsOf]] = [
        ("as a client makes it", "9449 §4.2", proof()),
        ("typ in another case", "7515 §4.1.9", proof(header={"typ": "DPoP+JWT"})),
        ("further header parameters", "7515 §4", proof(header={"x5c": ["x"], "jku": "https://x"})),
        ("further claims", "7519 §4", proof(sub="x", nonce="of another server")),
        ("a jwk with key_ops and ext", "7517 §4.3", proof(header={"jwk": _exported()})),
        ("jti of 256 bytes", "9449 §4.2", proof(jti="x" * 256)),
    ]
    algorithms = ("ES384", "ES512", "RS256", "PS256", "EdDSA", "Ed25519")
    return [
        *(proof_case(name, clause, proofs, ALLOWED) for name, clause, proofs in rows),
        *(
            proof_case(
                f"by {algorithm}",
                "9449 §4.3 item 5",
                proof(make_key(algorithm, "client")),
                ALLOWED,
                token=token(dpop_key=make_key(algorithm, "client")),
            )
            for algorithm in algorithms
        ),
        proof_case(
            "by an algorithm that is not allowed here",
            "9449 §4.3 item 5",
            proof(),
            MALFORMED,
            settings={"dpop_algorithms": ["EdDSA"]},
        ),
    ]


def _exported() -> dict[str, Any]:
    """Return a key as WebCrypto exports it."""
    return {**KEY.jwk(use=None, alg=None, kid=None), "key_ops": ["verify"], "ext": True}


RFC_TIME: Final = 1_562_262_618
RFC_TOKEN: Final = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
RFC_PROOF: Final = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR"
    "1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCw"
    "iYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-E"
    "y71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)


def _of_the_rfc() -> list[Case]:
    """The request of figure 12, to the resource of its token (figure 9)."""

    def known(issuer: Issuer, **members: Any) -> None:
        issuer.clock.set_wall(RFC_TIME)
        given = issuer.opaque_token(**members, cnf={"jkt": RFC_THUMBPRINT}, token_type="DPoP")
        issuer._known[RFC_TOKEN] = issuer._known.pop(given)

    public = {"public_url": "https://resource.example.org"}

    def case(name: str, expected: Refused | Allowed, **more: Any) -> Case:
        return proof_case(
            f"the example of the RFC{name}",
            "9449 §7.1 figure 12",
            lambda issuer, of: [RFC_PROOF],
            expected,
            **{
                "token": literal(RFC_TOKEN),
                "path": "/protectedresource",
                "given": known,
                "settings": public,
                **more,
            },
        )

    def later(issuer: Issuer) -> None:
        known(issuer)
        issuer.clock.set_wall(RFC_TIME + 61)

    return [
        case("", ALLOWED),
        case(" to another path", TARGET, path="/token"),
        case(" by another method", TARGET, method="POST"),
        case(" at another host", TARGET, settings={"public_url": API}),
        case(" a minute later", STALE, given=later),
        case(" a second time", bad_proof(Reason.REPLAYED_PROOF), then=_again),
    ]


def _again(_scene: Scene) -> None:
    """Send the same request twice."""


CASES: Final[list[Case]] = [*_times(), *_good(), *_of_the_rfc()]
