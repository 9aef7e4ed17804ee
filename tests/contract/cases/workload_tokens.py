"""Transaction tokens in the header `Txn-Token`, and JWT-SVIDs of SPIFFE."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer
from tests.contract.cases.case import (
    ALLOWED,
    API,
    ISSUER,
    NOW,
    UNAVAILABLE,
    Allowed,
    Case,
    Refused,
    TokenOf,
    bad,
    bad_request,
    token,
)

_TXN: Final = {"profile": "txn", "introspection": None}
_CLAUSE: Final = "IINIIT (OAuth Transaction Tokens draft-10, Txn-Token Validation)"
_TYPE: Final = "txntoken+jwt"
_FIELD: Final = ((b"txn-token", "{token}"),)
_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_KIND: Final = bad(Reason.WRONG_TYPE)
_SPOILED: Final = bad_request(Reason.MALFORMED_HEADER)
_NONE: Final = Refused(401, None, Reason.NO_TOKEN)
# The example of the draft, for the audience and the clock of the tests.
_BODY: Final[dict[str, Any]] = {
    "iat": NOW,
    "aud": API,
    "exp": NOW + 300,
    "txn": "97053963-771d-49cc-a4e3-20aad399c312",
    "sub": "user-1",
    "req_wl": "apigateway.trust-domain.example",
    "rctx": {"req_ip": "69.151.72.123", "authn": "face"},
    "scope": "user:read",
    "tctx": {"action": "BUY", "customer_type": {"geo": "US", "level": "VIP"}},
}


def txn(header: dict[str, Any] | None = None, **changes: Any) -> TokenOf:
    """Issue a transaction token with changed claims; None leaves one out."""
    claims = {name: value for name, value in {**_BODY, **changes}.items() if value is not None}
    return lambda issuer: issuer.sign(claims, {"typ": _TYPE, **(header or {})})


def _transactions() -> list[Case]:
    rows: list[tuple[str, TokenOf, Refused | Allowed]] = [
        ("the example of the draft", txn(), Allowed(frozenset({"user:read"}), "user-1")),
        ("with iss", txn(iss=ISSUER), ALLOWED),
        ("with application/ in typ", txn({"typ": f"application/{_TYPE}"}), ALLOWED),
        ("of another issuer", txn(iss="https://other.test"), bad(Reason.UNKNOWN_ISSUER)),
        ("iss that is empty", txn(iss=""), bad(Reason.UNKNOWN_ISSUER)),
        ("iss that is a list", txn(iss=[ISSUER]), bad(Reason.UNKNOWN_ISSUER)),
        ("of another trust domain", txn(aud="other.example"), bad(Reason.WRONG_AUDIENCE)),
        ("without aud", txn(aud=None), bad(Reason.WRONG_AUDIENCE)),
        ("expired", txn(exp=NOW - 10), bad(Reason.EXPIRED)),
        ("without exp", txn(exp=None), _CLAIM),
        ("without iat", txn(iat=None), _CLAIM),
        ("without txn", txn(txn=None), _CLAIM),
        ("an empty txn", txn(txn=""), _CLAIM),
        ("txn as a number", txn(txn=7), _CLAIM),
        ("without sub", txn(sub=None), _CLAIM),
        ("without scope", txn(scope=None), _CLAIM),
        ("without req_wl", txn(req_wl=None), _CLAIM),
        ("req_wl as a list", txn(req_wl=["a"]), _CLAIM),
        ("an access token", token(), _KIND),
        ("typ JWT", txn({"typ": "JWT"}), _KIND),
        ("without typ", txn({"typ": None}), _KIND),
        ("an unknown key", txn({"kid": "unknown"}), bad(Reason.UNKNOWN_KEY)),
    ]
    cases = [
        Case(f"Txn-Token: {name}", _CLAUSE, mint, expected, lines=(), fields=_FIELD, settings=_TXN)
        for name, mint, expected in rows
    ]
    places: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("in Authorization", {"lines": ("Bearer {token}",)}, _NONE),
        ("nowhere", {"lines": ()}, _NONE),
        ("beside an access token", {"lines": ("Bearer x",), "fields": _FIELD}, ALLOWED),
        ("with its scheme", {"lines": (), "fields": ((b"txn-token", "Bearer {token}"),)}, _SPOILED),
        ("empty", {"lines": (), "fields": ((b"txn-token", ""),)}, _NONE),
        (
            "with the scope of the handler",
            {"lines": (), "fields": _FIELD, "path": "/read"},
            ALLOWED,
        ),
    ]
    placed = [
        Case(
            f"a transaction token {name}",
            _CLAUSE,
            txn(),
            expected,
            settings=_TXN,
            **more,
        )
        for name, more, expected in places
    ]
    never = [
        Case(
            f"a transaction token as access token{name}",
            "IINIIT (OAuth Transaction Tokens draft-10: never an access token)",
            txn(iss=ISSUER),
            expected,
            **more,
        )
        for name, more, expected in (
            ("", {}, _KIND),
            (", in its own field", {"lines": (), "fields": _FIELD}, _NONE),
            (" with profile rfc9068", {"settings": {"profile": "rfc9068"}}, _KIND),
        )
    ]
    return [*cases, *placed, *never]


def _svids() -> list[Case]:
    settings = {
        "profile": "jwt-svid",
        "introspection": None,
        "subject_prefix": "spiffe://example.org/",
    }
    body: dict[str, Any] = {"sub": "spiffe://example.org/web", "aud": [API], "exp": NOW + 300}

    def svid(header: dict[str, Any] | None = None, **changes: Any) -> TokenOf:
        claims = {name: value for name, value in {**body, **changes}.items() if value is not None}
        return lambda issuer: issuer.sign(claims, {"typ": "JWT", **(header or {})})

    rows: list[tuple[str, TokenOf, Refused | Allowed]] = [
        ("without iss", svid(), Allowed(frozenset(), "spiffe://example.org/web")),
        ("with iss", svid(iss=ISSUER), ALLOWED),
        ("of another issuer", svid(iss="https://other.test"), bad(Reason.UNKNOWN_ISSUER)),
        ("without typ", svid({"typ": None}), ALLOWED),
        ("typ JOSE", svid({"typ": "JOSE"}), ALLOWED),
        ("typ of an access token", svid({"typ": "at+jwt"}), _KIND),
        ("typ of a transaction token", svid({"typ": _TYPE}), _KIND),
        (
            "of another trust domain",
            svid(sub="spiffe://other.org/web"),
            bad(Reason.REFUSED_BY_VALIDATOR),
        ),
        (
            "of a longer trust domain",
            svid(sub="spiffe://example.org.evil.test/web"),
            bad(Reason.REFUSED_BY_VALIDATOR),
        ),
        ("without sub", svid(sub=None), _CLAIM),
        ("for another audience", svid(aud="other"), bad(Reason.WRONG_AUDIENCE)),
        ("without aud", svid(aud=None), bad(Reason.WRONG_AUDIENCE)),
        ("without exp", svid(exp=None), _CLAIM),
    ]
    cases = [
        Case(f"a JWT-SVID {name}", "IINIIT (SPIFFE JWT-SVID §3)", mint, expected, settings=settings)
        for name, mint, expected in rows
    ]

    def bundle(issuer: Issuer) -> None:
        issuer.odd_keys = [{**issuer.jwk_set()["keys"][0], "use": "jwt-svid"}]
        issuer.keys = []

    keys = [
        Case(
            f"a JWT-SVID, its key in a bundle, {name}",
            "IINIIT (SPIFFE Trust Domain and Bundle §4.2.2)",
            mint,
            expected,
            settings=used,
            given=bundle,
        )
        for name, mint, used, expected in (
            ("as one", svid(), settings, ALLOWED),
            ("as an access token", token(), {}, UNAVAILABLE),
        )
    ]
    return [*cases, *keys]


CASES: Final[list[Case]] = [*_transactions(), *_svids()]
