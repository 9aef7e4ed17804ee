"""Tokens that are bound to a client certificate: RFC 8705."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, Allowed, Case, Refused, TokenOf, bad, opaque, token
from tests.contract.hosts.tls import FIELD, RFC8705, RFC8705_THUMBPRINT, RFC9440

THUMBPRINT_OF_RFC9440: Final = "v68ffgcPn6jdYpBfFY2nP4ShE2Yk-6_Mk5PI9yh6aes"
_NONE: Final = bad(Reason.NO_CERTIFICATE)
_WRONG: Final = bad(Reason.WRONG_CERTIFICATE)
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_UNBOUND: Final = bad(Reason.UNBOUND_TOKEN)
BOUND: Final = {"x5t#S256": RFC8705_THUMBPRINT}


def presenting(*certificates: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return the fields of a request whose client presented these certificates in TLS."""
    return tuple((FIELD, certificate.encode()) for certificate in certificates)


def _bound() -> list[Case]:
    rows: list[tuple[str, Any, tuple[str, ...], Refused | Allowed]] = [
        ("with its certificate, the example of the RFC", BOUND, (RFC8705,), ALLOWED),
        ("without certificate", BOUND, (), _NONE),
        ("with another certificate", BOUND, (RFC9440,), _WRONG),
        ("to that other one", {"x5t#S256": THUMBPRINT_OF_RFC9440}, (RFC9440,), ALLOWED),
        ("beside a member nobody knows", {**BOUND, "future": 1}, (RFC8705,), ALLOWED),
        ("beside that member, without certificate", {**BOUND, "future": 1}, (), _NONE),
        ("in lower case", {"x5t#s256": RFC8705_THUMBPRINT}, (RFC8705,), _CNF),
        ("by SHA-1", {"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}, (RFC8705,), _CNF),
        ("with padding", {"x5t#S256": f"{RFC8705_THUMBPRINT}="}, (RFC8705,), _CNF),
        ("with unused bits", {"x5t#S256": f"{RFC8705_THUMBPRINT[:-1]}1"}, (RFC8705,), _CNF),
        ("as base64 of hexadecimal digits", {"x5t#S256": "a" * 86}, (RFC8705,), _CNF),
        ("empty", {"x5t#S256": ""}, (RFC8705,), _CNF),
        ("a list", {"x5t#S256": [RFC8705_THUMBPRINT]}, (RFC8705,), _CNF),
        ("null", {"x5t#S256": None}, (RFC8705,), _CNF),
        ("a number", {"x5t#S256": 1}, (RFC8705,), _CNF),
    ]
    minted: list[tuple[str, str, Any]] = [
        ("JWT", "RFC 8705 §3, §3.1", token),
        ("opaque token", "RFC 8705 §3, §3.2", opaque),
    ]
    return [
        Case(
            f"a {kind} bound to a certificate, {name}",
            clause,
            mint(cnf=cnf),
            expected,
            headers=presenting(*certificates),
        )
        for kind, clause, mint in minted
        for name, cnf, certificates, expected in rows
    ]


def _others() -> list[Case]:
    def again(scene: Any) -> None:
        """Send the same request again, with a token that the guard has cached."""

    both: dict[str, Any] = {"jwt": "both"}
    rows: list[tuple[str, TokenOf, tuple[str, ...], Refused | Allowed, dict[str, Any]]] = [
        ("remembered", token(cnf=BOUND), (RFC8705,), ALLOWED, {"then": again}),
        ("remembered, without certificate", token(cnf=BOUND), (), _NONE, {"then": again}),
        ("remembered, opaque", opaque(cnf=BOUND), (RFC8705,), ALLOWED, {"then": again}),
        ("remembered, opaque, another", opaque(cnf=BOUND), (RFC9440,), _WRONG, {"then": again}),
        ("verified and introspected", token(cnf=BOUND), (RFC8705,), ALLOWED, {"settings": both}),
        ("with the scope of the handler", token(cnf=BOUND), (RFC8705,), ALLOWED, {"path": "/read"}),
        (
            "without the scope of the handler",
            token("email", cnf=BOUND),
            (RFC8705,),
            Refused(403, "insufficient_scope", Reason.MISSING_SCOPE, scope="user:read"),
            {"path": "/read"},
        ),
        ("a certificate beside an unbound token", token(), (RFC8705,), ALLOWED, {}),
        ("of the type bearer", opaque(cnf=BOUND, token_type="Bearer"), (RFC8705,), ALLOWED, {}),
    ]
    return [
        Case(
            f"bound to a certificate: {name}",
            "RFC 8705 §3",
            mint,
            expected,
            headers=presenting(*certificates),
            **more,
        )
        for name, mint, certificates, expected, more in rows
    ]


def _required() -> list[Case]:
    key = {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
    rows: list[tuple[str, str, TokenOf, Refused | Allowed]] = [
        ("certificate", "a bound token", token(cnf=BOUND), ALLOWED),
        ("certificate", "an unbound token", token(), _UNBOUND),
        ("certificate", "an unbound opaque token", opaque(), _UNBOUND),
        ("certificate", "a token bound to a key", token(cnf=key), _UNBOUND),
        ("certificate", "a token bound in another way", token(cnf={"kid": "x"}), _CNF),
        ("required", "a bound token", token(cnf=BOUND), ALLOWED),
        ("required", "an unbound token", token(), _UNBOUND),
        ("required", "an unbound opaque token", opaque(), _UNBOUND),
        ("optional", "an unbound token", token(), ALLOWED),
    ]
    return [
        Case(
            f"bound_tokens {setting}: {name}",
            "FAPI 2.0 (requirements for resource servers, 5)",
            mint,
            expected,
            headers=presenting(RFC8705),
            settings={"bound_tokens": setting},
        )
        for setting, name, mint, expected in rows
    ]


CASES: Final[list[Case]] = [*_bound(), *_others(), *_required()]
