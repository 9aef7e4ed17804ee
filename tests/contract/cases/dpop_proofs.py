"""DPoP proofs: the twelve checks of RFC 9449 §4.3, and the example of the RFC itself."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nan
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, SigningKey, dpop_proof, make_key
from tests.contract.cases.case import (
    ALLOWED,
    API,
    NOW,
    Allowed,
    Case,
    ProofsOf,
    Refused,
    TokenOf,
    bad,
    token,
)

KEY: Final = make_key("ES256", "client")
OTHER: Final = make_key("ES256", "client", 2)
PUBLIC: Final[Mapping[str, Any]] = {"public_url": API}
RFC_THUMBPRINT: Final = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
BOUND: Final[TokenOf] = token(dpop_key=KEY)


def bad_proof(reason: Reason) -> Refused:
    """Return the 401 of a proof that is refused for `reason`."""
    return Refused(401, "invalid_dpop_proof", reason)


MALFORMED: Final = bad_proof(Reason.MALFORMED_PROOF)
STALE: Final = bad_proof(Reason.STALE_PROOF)
TARGET: Final = bad_proof(Reason.WRONG_PROOF_TARGET)


def proof(
    key: SigningKey = KEY, method: str = "GET", url: str = f"{API}/token", **changes: Any
) -> ProofsOf:
    """Make one proof for the token of the request, changed as `dpop_proof` says."""
    return lambda issuer, of: [
        dpop_proof(key, method, url, of, **{"clock": issuer.clock, **changes})
    ]


def changed(changes: Any) -> ProofsOf:
    """Make one proof with these claims replaced or added."""
    return proof(**changes)


def good(issuer: Issuer, of: str) -> str:
    """Return a proof without fault."""
    return dpop_proof(KEY, "GET", f"{API}/token", of, clock=issuer.clock)


def proof_case(
    name: str, clause: str, proofs: ProofsOf, expected: Refused | Allowed, **more: Any
) -> Case:
    """Return a row for a request with a bound token and these proofs."""
    return Case(
        f"proof: {name}",
        f"RFC {clause}",
        more.pop("token", BOUND),
        expected,
        proofs=proofs,
        settings={**PUBLIC, **more.pop("settings", {})},
        **more,
    )


def _fields() -> list[Case]:
    """Item 1: exactly one field."""
    clause = "9449 §4.3 item 1"
    rows: list[tuple[str, ProofsOf, Refused]] = [
        ("none", lambda issuer, of: [], bad_proof(Reason.NO_PROOF)),
        ("an empty field", lambda issuer, of: [""], bad_proof(Reason.NO_PROOF)),
        (
            "two",
            lambda issuer, of: [good(issuer, of), good(issuer, of)],
            bad_proof(Reason.SEVERAL_PROOFS),
        ),
        (
            "the same twice",
            lambda issuer, of: [good(issuer, of)] * 2,
            bad_proof(Reason.SEVERAL_PROOFS),
        ),
        (
            "two in one field",
            lambda issuer, of: [f"{good(issuer, of)}, {good(issuer, of)}"],
            bad_proof(Reason.SEVERAL_PROOFS),
        ),
    ]
    return [proof_case(name, clause, proofs, expected) for name, proofs, expected in rows]


def _structure() -> list[Case]:
    """Items 2 to 5 and 7: a JWT with its claims, type, algorithm and a public key."""

    def cut(change: Any) -> ProofsOf:
        return lambda issuer, of: [change(good(issuer, of))]

    rows: list[tuple[str, str, ProofsOf, Refused]] = [
        ("no JWT", "9449 §4.3 item 2", cut(lambda _: "x"), MALFORMED),
        ("two parts", "7515 §7.1", cut(lambda made: made.rpartition(".")[0]), MALFORMED),
        ("four parts", "7515 §7.1", cut(lambda made: f"{made}.x"), MALFORMED),
        (
            "a payload of no base64url",
            "7515 §2",
            cut(lambda made: _with_payload(made, "{}")),
            MALFORMED,
        ),
        ("no payload", "7519 §7.2", cut(lambda made: _with_payload(made, "")), MALFORMED),
        (
            "a payload of no object",
            "7519 §7.2",
            cut(lambda made: _with_payload(made, "W10")),
            MALFORMED,
        ),
        ("padded", "7515 §2", cut(lambda made: f"{made}="), MALFORMED),
        ("longer than 8 KiB", "9449 §4.3", proof(padding="x" * 8192), MALFORMED),
        ("no signature", "7515 §5.2", cut(lambda made: made.rpartition(".")[0] + "."), MALFORMED),
        ("quoted", "7515 §7.1", cut(lambda made: f'"{made}"'), MALFORMED),
        ("no typ", "9449 §4.3 item 4", proof(header={"typ": None}), MALFORMED),
        ("typ JWT", "9449 §4.3 item 4", proof(header={"typ": "JWT"}), MALFORMED),
        ("typ at+jwt", "8725 §3.11", proof(header={"typ": "at+jwt"}), MALFORMED),
        ("alg none", "9449 §4.3 item 5", proof(header={"alg": "none"}), MALFORMED),
        ("alg HS256", "9449 §4.3 item 5", proof(header={"alg": "HS256"}), MALFORMED),
        ("alg in lower case", "7515 §4.1.1", proof(header={"alg": "es256"}), MALFORMED),
        ("crit", "7515 §4.1.11", proof(header={"crit": ["jwk"]}), MALFORMED),
        ("zip", "8725 §3.6", proof(header={"zip": "DEF"}), MALFORMED),
        ("b64 false", "7797 §6", proof(header={"b64": False}), MALFORMED),
        ("no jwk", "9449 §4.2", proof(header={"jwk": None}), MALFORMED),
        ("jwk a string", "7515 §4.1.3", proof(header={"jwk": "x"}), MALFORMED),
        ("jwk symmetric", "9449 §4.2", proof(header={"jwk": {"kty": "oct", "k": "AA"}}), MALFORMED),
        ("jwk private", "9449 §4.3 item 7", proof(header={"jwk": KEY.jwk(d="A" * 43)}), MALFORMED),
        ("jwk for encryption", "7517 §4.2", proof(header={"jwk": KEY.jwk(use="enc")}), MALFORMED),
        ("jwk of another alg", "7517 §4.4", proof(header={"jwk": KEY.jwk(alg="ES384")}), MALFORMED),
        ("alg of another curve", "7518 §3.4", proof(header={"alg": "ES384"}), MALFORMED),
        ("alg of another kind of key", "7518 §3.1", proof(header={"alg": "Ed25519"}), MALFORMED),
        ("jwk off the curve", "7518 §6.2", proof(header={"jwk": KEY.jwk(x="A" * 43)}), MALFORMED),
        ("key ID in place of jwk", "9449 §4.2", proof(header={"jwk": None, "kid": "1"}), MALFORMED),
    ]
    return [proof_case(name, clause, proofs, expected) for name, clause, proofs, expected in rows]


def _with_payload(made: str, payload: str) -> str:
    head, _, signature = made.split(".")
    return f"{head}.{payload}.{signature}"


def _claims() -> list[Case]:
    """Item 3: the claims, each of its type."""
    rows: list[tuple[str, ProofsOf, Refused]] = [
        *((f"no {name}", changed({name: None}), MALFORMED) for name in ("jti", "htu", "iat")),
        ("no htm", proof(htm=None), TARGET),
        ("no ath", proof(ath=None), bad_proof(Reason.WRONG_PROOF_TOKEN)),
        *(
            (f"{name} {shown}", changed({name: value}), MALFORMED)
            for name in ("jti", "htu", "iat")
            for shown, value in (("a list", ["x"]), ("an object", {}), ("true", True))
        ),
        ("jti empty", proof(jti=""), MALFORMED),
        ("jti of 257 bytes", proof(jti="x" * 257), MALFORMED),
        ("jti of 129 characters of two bytes", proof(jti="é" * 129), MALFORMED),
        ("iat NaN", proof(iat=nan), MALFORMED),
        ("iat Infinity", proof(iat=inf), MALFORMED),
        ("iat a string", proof(iat=str(NOW)), MALFORMED),
        ("iat negative", proof(iat=-1), MALFORMED),
        ("exp a string", proof(exp="x"), MALFORMED),
        ("htm a list", proof(htm=["GET"]), TARGET),
        ("ath a list", proof(ath=["x"]), bad_proof(Reason.WRONG_PROOF_TOKEN)),
    ]
    clause = "9449 §4.3 item 3, §4.2"
    return [proof_case(name, clause, proofs, expected) for name, proofs, expected in rows]


def _signature() -> list[Case]:
    """Items 6 and 12: signed by the key in it, to which the token is bound."""
    forged: list[tuple[str, str, ProofsOf, Refused]] = [
        (
            "signed by another key than its own",
            "9449 §4.3 item 6",
            proof(sign_with=OTHER),
            bad_proof(Reason.BAD_PROOF_SIGNATURE),
        ),
        (
            "a signature of zeros",
            "9449 §4.3 item 6 (CVE-2022-21449)",
            proof(sign_with=lambda _: bytes(64)),
            bad_proof(Reason.BAD_PROOF_SIGNATURE),
        ),
        (
            "by another key than the token is bound to",
            "9449 §4.3 item 12",
            proof(OTHER),
            bad(Reason.WRONG_PROOF_KEY),
        ),
        (
            "by the key of another curve",
            "9449 §4.3 item 12",
            proof(make_key("ES384", "client")),
            bad(Reason.WRONG_PROOF_KEY),
        ),
    ]
    return [proof_case(name, clause, proofs, expected) for name, clause, proofs, expected in forged]


def _own_times() -> list[Case]:
    """Return rows of proofs with the claims `exp` and `nbf`, which no rule demands."""
    rows: list[tuple[str, ProofsOf, Refused | Allowed]] = [
        ("exp in a second", proof(exp=NOW + 1), ALLOWED),
        ("exp now", proof(exp=NOW), STALE),
        ("nbf now", proof(nbf=NOW), ALLOWED),
        ("nbf as late as may be", proof(nbf=NOW + 5), ALLOWED),
        ("nbf too late", proof(nbf=NOW + 6), STALE),
        ("nbf a string", proof(nbf=str(NOW)), MALFORMED),
        ("exp true", proof(exp=True), MALFORMED),
    ]
    clause = "7519 §4.1.4, §4.1.5"
    return [proof_case(name, clause, proofs, expected) for name, proofs, expected in rows]


def _token() -> list[Case]:
    """Item 12: for this token."""
    wrong = bad_proof(Reason.WRONG_PROOF_TOKEN)
    return [
        proof_case(
            "for another token",
            "9449 §4.3 item 12",
            lambda issuer, of: [
                dpop_proof(
                    KEY,
                    "GET",
                    f"{API}/token",
                    issuer.token(dpop_key=KEY),
                    clock=issuer.clock,
                )
            ],
            wrong,
        ),
        proof_case("ath of other text", "9449 §4.2", proof(ath="x" * 43), wrong),
        proof_case("ath in hexadecimal", "9449 §4.2", proof(ath="0" * 64), wrong),
    ]


CASES: Final[list[Case]] = [
    *_fields(),
    *_structure(),
    *_claims(),
    *_own_times(),
    *_signature(),
    *_token(),
]
