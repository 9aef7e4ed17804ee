"""A JWT with `cnf` that is introspected too: the bindings of the JWT and of the response apply."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from iiniit_guard.testing.dpop import key_thumbprint
from tests.contract.cases.case import ALLOWED, Allowed, Case, ProofsOf, Refused, TokenOf, bad
from tests.contract.cases.dpop_proofs import KEY, OTHER, PUBLIC, bad_proof, proof
from tests.contract.cases.mutual_tls import THUMBPRINT_OF_RFC9440, presenting
from tests.contract.hosts.tls import RFC8705, RFC8705_THUMBPRINT, RFC9440

_CLAUSE: Final = "RFC 7800 §3.1; RFC 9449 §6; RFC 8705 §3"
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_NO_CERTIFICATE: Final = bad(Reason.NO_CERTIFICATE)
_WRONG_CERTIFICATE: Final = bad(Reason.WRONG_CERTIFICATE)
_WRONG_KEY: Final = bad(Reason.WRONG_PROOF_KEY)
_UNBOUND: Final = bad(Reason.UNBOUND_TOKEN)
_ABSENT: Final = object()

_JKT: Final[dict[str, Any]] = {"jkt": key_thumbprint(KEY)}
_OTHER_JKT: Final[dict[str, Any]] = {"jkt": key_thumbprint(OTHER)}
_X5T: Final[dict[str, Any]] = {"x5t#S256": RFC8705_THUMBPRINT}
_OTHER_X5T: Final[dict[str, Any]] = {"x5t#S256": THUMBPRINT_OF_RFC9440}


def _saying(own: object, answered: object) -> TokenOf:
    """Issue a JWT with the `cnf` `own`, about which the response says `answered`."""

    def make(issuer: Issuer) -> str:
        claims: dict[str, Any] = {} if own is _ABSENT else {"cnf": own}
        shown = issuer.token(**claims)
        known = {name: value for name, value in issuer._known[shown].items() if name != "cnf"}
        issuer._known[shown] = known if answered is _ABSENT else {**known, "cnf": answered}
        return shown

    return make


def _rows(mode: str, rows: list[tuple[str, Any, Any, Any, Any, Refused | Allowed]]) -> list[Case]:
    return [
        Case(
            f"{mode}, cnf of the JWT and of the response: {name}",
            _CLAUSE,
            _saying(own, answered),
            expected,
            proofs=proofs,
            headers=presenting(*certificates),
            settings={**PUBLIC, "jwt": mode},
        )
        for name, own, answered, proofs, certificates, expected in rows
    ]


def _one_has_none() -> list[Case]:
    made, bearer, mine, none = proof(), None, (RFC8705,), ()
    return _rows(
        "both",
        [
            ("a key, none", _JKT, _ABSENT, made, none, ALLOWED),
            ("a key, none, as Bearer", _JKT, _ABSENT, bearer, none, _CNF),
            ("a key, none, another key", _JKT, _ABSENT, proof(OTHER), none, _WRONG_KEY),
            ("none, a key", _ABSENT, _JKT, made, none, ALLOWED),
            ("none, a key, as Bearer", _ABSENT, _JKT, bearer, none, _CNF),
            ("a certificate, none", _X5T, _ABSENT, bearer, mine, ALLOWED),
            ("a certificate, none, without it", _X5T, _ABSENT, bearer, none, _NO_CERTIFICATE),
            ("none, a certificate", _ABSENT, _X5T, bearer, mine, ALLOWED),
            ("none, a certificate, without it", _ABSENT, _X5T, bearer, none, _NO_CERTIFICATE),
            ("neither", _ABSENT, _ABSENT, bearer, none, ALLOWED),
            ("neither, with a proof", _ABSENT, _ABSENT, made, none, _UNBOUND),
        ],
    )


def _both_have_one() -> list[Case]:
    """Members of the JWT and of the response add up."""
    two = {**_JKT, **_X5T}
    rows: list[tuple[str, ProofsOf | None, tuple[str, ...], Refused | Allowed]] = [
        ("both proven", proof(), (RFC8705,), ALLOWED),
        ("without certificate", proof(), (), _NO_CERTIFICATE),
        ("as Bearer", None, (RFC8705,), _CNF),
        ("with another certificate", proof(), (RFC9440,), _WRONG_CERTIFICATE),
        ("by another key", proof(OTHER), (RFC8705,), _WRONG_KEY),
        ("without proof", lambda *_: (), (RFC8705,), bad_proof(Reason.NO_PROOF)),
    ]
    pairs = [
        ("a key, a certificate", _JKT, _X5T, rows),
        ("a certificate, a key", _X5T, _JKT, rows),
        ("both, a key", two, _JKT, rows[1:2]),
        ("both, a certificate", two, _X5T, rows[2:3]),
        ("a key, both", _JKT, two, rows[:3]),
        ("both, none", two, _ABSENT, rows[:3]),
    ]
    return _rows(
        "both",
        [
            (f"{pair}, {name}", own, answered, proofs, certificates, expected)
            for pair, own, answered, tried in pairs
            for name, proofs, certificates, expected in tried
        ],
    )


def _conflicts() -> list[Case]:
    """Two values of one member, or a value that the guard cannot check."""
    mine = (RFC8705,)
    return _rows(
        "both",
        [
            ("a key, another, proven", _JKT, _OTHER_JKT, proof(), (), _CNF),
            ("a key, another, which is proven", _JKT, _OTHER_JKT, proof(OTHER), (), _CNF),
            ("a certificate, another, shown", _X5T, _OTHER_X5T, None, mine, _CNF),
            ("a certificate, another, which is shown", _X5T, _OTHER_X5T, None, (RFC9440,), _CNF),
            (
                "the same key and two certificates",
                {**_JKT, **_X5T},
                {**_JKT, **_OTHER_X5T},
                proof(),
                mine,
                _CNF,
            ),
            ("a key, an empty object", _JKT, {}, proof(), (), _CNF),
            ("a key, null", _JKT, None, proof(), (), _CNF),
            ("a key, a list", _JKT, ["jkt"], proof(), (), _CNF),
            ("a key, another kind alone", _JKT, {"kid": "x"}, proof(), (), _CNF),
            ("a key, the same beside another kind", _JKT, {**_JKT, "x": 1}, proof(), (), ALLOWED),
            ("a key beside another kind, the same", {**_JKT, "x": 1}, _JKT, proof(), (), ALLOWED),
            ("an empty object, a key", {}, _JKT, proof(), (), _CNF),
        ],
    )


def _unverified() -> list[Case]:
    """The `cnf` of a JWT that is only introspected can add a binding; it replaces none."""
    mine = (RFC8705,)
    return _rows(
        "introspect",
        [
            ("a key, none", _JKT, _ABSENT, proof(), (), _CNF),
            ("none, a key", _ABSENT, _JKT, proof(), (), ALLOWED),
            ("a key, the same", _JKT, _JKT, proof(), (), ALLOWED),
            ("a key, another", _JKT, _OTHER_JKT, proof(OTHER), (), _CNF),
            ("a key, a certificate", _JKT, _X5T, proof(), mine, ALLOWED),
            ("a key, a certificate, as Bearer", _JKT, _X5T, None, mine, _CNF),
            ("a key that is no thumbprint", {"jkt": "x"}, _X5T, None, mine, _CNF),
            ("the key itself, its thumbprint", {"jwk": {}}, _JKT, proof(), (), ALLOWED),
            ("null, a key", None, _JKT, proof(), (), ALLOWED),
        ],
    )


CASES: Final[list[Case]] = [
    *_one_has_none(),
    *_both_have_one(),
    *_conflicts(),
    *_unverified(),
]
