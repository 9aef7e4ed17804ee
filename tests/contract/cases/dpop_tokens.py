"""Bound tokens: the schemes, downgrades, replays and the settings of DPoP (RFC 9449)."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.testing import Issuer, dpop_proof
from iiniit_guard.testing.dpop import key_thumbprint
from tests.contract.cases.case import (
    ALLOWED,
    API,
    NOW,
    Allowed,
    Case,
    ProofsOf,
    Refused,
    Scene,
    TokenOf,
    bad,
    bad_request,
    opaque,
    token,
)
from tests.contract.cases.dpop_proofs import (
    BOUND,
    KEY,
    OTHER,
    PUBLIC,
    RFC_THUMBPRINT,
    STALE,
    bad_proof,
    proof,
)
from tests.contract.cases.mutual_tls import presenting
from tests.contract.hosts.tls import RFC8705, RFC8705_THUMBPRINT, RFC9440

_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_UNBOUND: Final = bad(Reason.UNBOUND_TOKEN)
_NO_TOKEN: Final = Refused(401, None, Reason.NO_TOKEN)
_REPLAYED: Final = bad_proof(Reason.REPLAYED_PROOF)


def _case(
    name: str,
    clause: str,
    of: TokenOf | None,
    proofs: ProofsOf | None,
    expected: Refused | Allowed,
    **more: Any,
) -> Case:
    settings = {**PUBLIC, **more.pop("settings", {})}
    return Case(f"DPoP: {name}", clause, of, expected, proofs=proofs, settings=settings, **more)


def _downgrades() -> list[Case]:
    bearer = ("Bearer {token}",)
    rows: list[tuple[str, TokenOf, ProofsOf | None, Refused | Allowed, dict[str, Any]]] = [
        ("a bound token as Bearer", BOUND, None, _CNF, {}),
        ("a bound token as Bearer with a proof", BOUND, proof(), _CNF, {"lines": bearer}),
        ("a bound token of introspection as Bearer", opaque(dpop_key=KEY), None, _CNF, {}),
        ("an unbound token", token(), proof(), _UNBOUND, {}),
        ("an unbound token of introspection", opaque(), proof(), _UNBOUND, {}),
        ("an unbound token as Bearer with a proof", token(), proof(), ALLOWED, {"lines": bearer}),
        (
            "a token bound by a certificate alone",
            token(cnf={"x5t#S256": RFC_THUMBPRINT}),
            proof(),
            _UNBOUND,
            {},
        ),
        ("a binding that is no thumbprint", token(cnf={"jkt": "x"}), proof(), _CNF, {}),
        ("a binding of no kind", token(cnf={}), proof(), _CNF, {}),
        ("a binding by another name", token(cnf={"kid": "x"}), proof(), _CNF, {}),
    ]
    return [
        *(
            _case(name, "RFC 9449 §7.1, §7.2", of, proofs, expected, **more)
            for name, of, proofs, expected, more in rows
        ),
    ]


def _two_bindings() -> list[Case]:
    """A token that is bound to a key and to a certificate: the client must prove both."""
    both: Any = {"jkt": key_thumbprint(KEY), "x5t#S256": RFC8705_THUMBPRINT}
    foreign: Any = {**both, "jkt": RFC_THUMBPRINT}
    bearer: Any = {"lines": ("Bearer {token}",)}
    required: Any = {"settings": {"bound_tokens": "certificate", "dpop": "required"}}
    certificate = bad(Reason.NO_CERTIFICATE)
    rows: list[tuple[str, Any, ProofsOf | None, tuple[str, ...], Refused | Allowed, Any]] = [
        ("proven", both, proof(), (RFC8705,), ALLOWED, {}),
        ("both required and proven", both, proof(), (RFC8705,), ALLOWED, required),
        ("without certificate", both, proof(), (), certificate, {}),
        ("with another certificate", both, proof(), (RFC9440,), bad(Reason.WRONG_CERTIFICATE), {}),
        ("without proof", both, None, (RFC8705,), _CNF, {}),
        ("as Bearer with a proof", both, proof(), (RFC8705,), _CNF, bearer),
        ("without both", both, None, (), _CNF, {}),
        ("with no field DPoP", both, lambda *_: (), (RFC8705,), bad_proof(Reason.NO_PROOF), {}),
        ("by another key", foreign, proof(), (RFC8705,), bad(Reason.WRONG_PROOF_KEY), {}),
    ]
    minted: list[tuple[str, Any]] = [("a JWT", token), ("an opaque token", opaque)]
    return [
        _case(
            f"{kind} bound to a key and a certificate, {name}",
            "RFC 9449 §7.1; RFC 8705 §3",
            mint(cnf=cnf),
            proofs,
            expected,
            headers=presenting(*certificates),
            **more,
        )
        for kind, mint in minted
        for name, cnf, proofs, certificates, expected, more in rows
    ]


def _schemes() -> list[Case]:
    rows: list[tuple[str, str, tuple[str, ...], Refused | Allowed]] = [
        ("in lower case", "RFC 9110 §11.1", ("dpop {token}",), ALLOWED),
        ("in upper case", "RFC 9110 §11.1", ("DPOP {token}",), ALLOWED),
        ("with white space after it", "RFC 9110 §5.5", ("DPoP {token} ",), ALLOWED),
        (
            "with nothing after it",
            "RFC 9449 §7.1",
            ("DPoP",),
            bad_request(Reason.MALFORMED_HEADER),
        ),
        (
            "with a character that no token has",
            "RFC 9449 §7.1 (token68)",
            ("DPoP a b",),
            bad_request(Reason.MALFORMED_HEADER),
        ),
        (
            "beside Bearer",
            "RFC 6750 §3.1",
            ("DPoP {token}", "Bearer {token}"),
            bad_request(Reason.SEVERAL_CREDENTIALS),
        ),
        (
            "and Bearer in one field",
            "RFC 6750 §3.1",
            ("DPoP {token}, Bearer {token}",),
            bad_request(Reason.SEVERAL_CREDENTIALS),
        ),
        (
            "twice",
            "RFC 6750 §3.1",
            ("DPoP {token}", "DPoP {token}"),
            bad_request(Reason.SEVERAL_CREDENTIALS),
        ),
        (
            "with too long a token",
            "RFC 9449 §7.1",
            ("DPoP " + "x" * 16_385,),
            bad_request(Reason.TOKEN_TOO_LONG),
        ),
    ]
    return [
        _case(f"the scheme {name}", clause, BOUND, proof(), expected, lines=lines)
        for name, clause, lines, expected in rows
    ]


def _tokens() -> list[Case]:
    """The token is checked as under Bearer, and what costs little about the proof comes first."""
    clause = "RFC 9449 §7.1"
    rows: list[tuple[str, TokenOf, Refused | Allowed, dict[str, Any]]] = [
        ("of introspection", opaque(dpop_key=KEY), ALLOWED, {}),
        ("asked about", BOUND, ALLOWED, {"settings": {"jwt": "introspect"}}),
        ("verified and asked about", BOUND, ALLOWED, {"settings": {"jwt": "both"}}),
        ("expired", token(dpop_key=KEY, expires_in=-60), bad(Reason.EXPIRED), {}),
        ("for another audience", token(dpop_key=KEY, aud="x"), bad(Reason.WRONG_AUDIENCE), {}),
        (
            "without the scope",
            token("other", dpop_key=KEY),
            Refused(403, "insufficient_scope", Reason.MISSING_SCOPE, "user:read"),
            {"path": "/read", "proofs": proof(url=f"{API}/read")},
        ),
        (
            "with the scope",
            BOUND,
            ALLOWED,
            {"path": "/read", "proofs": proof(url=f"{API}/read")},
        ),
        (
            "expired, with a stale proof",
            token(dpop_key=KEY, expires_in=-60),
            STALE,
            {"proofs": proof(iat=NOW - 61), "asked": ()},
        ),
        (
            "unknown, without a proof",
            opaque(active=False),
            bad_proof(Reason.NO_PROOF),
            {"asked": ()},
        ),
    ]
    cases = []
    for name, of, expected, more in rows:
        shown = more.pop("proofs", proof() if "without a proof" not in name else _none)
        cases.append(_case(f"a token {name}", clause, of, shown, expected, **more))
    return cases


def _none(_issuer: Issuer, _of: str) -> list[str]:
    return []


def _cached(scene: Scene) -> None:
    """Cache the token by another request with another proof."""
    made = dpop_proof(KEY, "GET", f"{API}/token", scene.token, clock=scene.issuer.clock)
    _send(scene, made)


def _send(scene: Scene, made: str, of: str | None = None) -> None:
    lines = [
        (b"authorization", f"DPoP {of or scene.token}".encode()),
        (b"dpop", made.encode()),
    ]
    scene.guard.authenticate(Request("GET", "/token", headers=lines))


def _again(_scene: Scene) -> None:
    """Send the same request twice."""


def _replays() -> list[Case]:
    clause = "RFC 9449 §11.1"

    def later(seconds: float) -> Any:
        return lambda scene: scene.issuer.clock.advance(seconds)

    def other_client(scene: Scene) -> None:
        of = scene.issuer.token(dpop_key=OTHER)
        _send(scene, dpop_proof(OTHER, "GET", f"{API}/token", of, clock=scene.issuer.clock), of)

    rows: list[tuple[str, Any, Refused | Allowed]] = [
        ("a second time", _again, _REPLAYED),
        ("a second time, the token cached", _cached, _REPLAYED),
        ("a second time a minute later", later(60), _REPLAYED),
        ("a second time too late", later(61), STALE),
    ]
    # One client may use a sixteenth, which is at least one.
    one = {"settings": {"max_dpop_proofs": 16}}
    full = {"settings": {"max_dpop_proofs": 1}, "retry_after": "1"}
    too_many = Refused(429, None, Reason.TOO_MANY_PROOFS)
    no_room = Refused(503, "temporarily_unavailable", Reason.PROOF_STORE_UNAVAILABLE)

    def after(before: Any, name: str, expected: Refused | Allowed, **more: Any) -> Case:
        return _case(f"a proof {name}", clause, BOUND, proof(), expected, before=before, **more)

    def a_minute_ago(scene: Scene) -> None:
        scene.issuer.clock.advance(-61)
        _cached(scene)
        scene.issuer.clock.advance(61)

    return [
        *(
            _case(f"a proof {name}", clause, BOUND, proof(), ex, then=then)
            for name, then, ex in rows
        ),
        after(_cached, "with another of its key", ALLOWED),
        after(_cached, "beyond the share of its key", too_many, retry_after="61", **one),
        after(a_minute_ago, "after those of its key ended", ALLOWED, **one),
        after(other_client, "beside one of another key", ALLOWED, **one),
        after(other_client, "after the store is full", no_room, **full),
    ]


def _settings() -> list[Case]:
    required, off = {"dpop": "required"}, {"dpop": "off"}
    rows: list[tuple[str, dict[str, Any], TokenOf, ProofsOf | None, Refused | Allowed]] = [
        ("required: a bound token", required, BOUND, proof(), ALLOWED),
        ("required: a bearer token", required, token(), None, _NO_TOKEN),
        ("required: a bound token as Bearer", required, BOUND, None, _NO_TOKEN),
        ("required: an unbound token", required, token(), proof(), _UNBOUND),
        ("off: a bearer token", off, token(), None, ALLOWED),
        ("off: a bound token", off, BOUND, proof(), _NO_TOKEN),
        ("off: a bound token as Bearer", off, BOUND, None, _CNF),
    ]
    return [
        _case(f"dpop {name}", "RFC 9449 §7.2", of, proofs, expected, settings=settings)
        for name, settings, of, proofs, expected in rows
    ]


CASES: Final[list[Case]] = [
    *_downgrades(),
    *_two_bindings(),
    *_schemes(),
    *_tokens(),
    *_replays(),
    *_settings(),
]
