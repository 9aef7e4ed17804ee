"""Rows about which tokens are introspected, by which client, and with which credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

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
    token,
)

_INACTIVE: Final = bad(Reason.INACTIVE)
_EXPIRED: Final = bad(Reason.EXPIRED)
_ISSUER: Final = bad(Reason.UNKNOWN_ISSUER)
_ASKED: Final = ("discovery", "introspection")


def _clients() -> list[Case]:
    def by(method: Any) -> Callable[[Issuer], dict[str, Any]]:
        return lambda issuer: {"introspection": issuer.credentials(method)}

    def only(*methods: Any) -> Callable[[Issuer], object]:
        return lambda issuer: setattr(issuer.client_check, "methods", methods)

    methods = ("client_secret_basic", "client_secret_post", "private_key_jwt")
    clause = {
        "client_secret_basic": "RFC 6749 §2.3.1",
        "client_secret_post": "RFC 6749 §2.3.1",
        "private_key_jwt": "RFC 7523 §2.2",
    }
    good = [
        Case(
            f"{method}",
            clause[method],
            opaque(),
            ALLOWED,
            settings=by(method),
            given=only(method),
            asked=_ASKED,
        )
        for method in methods
    ]
    refused = [
        Case(
            f"{method} where the server takes another",
            clause[method],
            opaque(),
            UNAVAILABLE,
            settings=by(method),
            given=only(*(other for other in methods if other != method)),
        )
        for method in methods
    ]
    changed = [
        Case(
            f"{method}, the secret or key changed",
            "RFC 7662 §2.3 (our credentials, not the token)",
            opaque(),
            UNAVAILABLE,
            settings=by(method),
            then=_other_credentials,
        )
        for method in methods
    ]
    nobody = [
        Case(
            "an opaque token where nothing introspects",
            "RFC 7662 §2 (introspection is not configured)",
            opaque(),
            bad(Reason.MALFORMED_TOKEN),
            settings={"introspection": None},
            asked=(),
        ),
        Case(
            "a JWE where nothing introspects",
            "RFC 7516 §3.1",
            literal("a.b.c.d.e"),
            bad(Reason.MALFORMED_TOKEN),
            settings={"introspection": None},
            asked=(),
        ),
    ]
    return [*good, *refused, *changed, *nobody]


def _other_credentials(scene: Scene) -> None:
    check = scene.issuer.client_check
    check.client_secret += "x"
    check.client_key = type(check.client_key)("x", "ES256", scene.issuer.signing_key.private_key)
    scene.token = scene.issuer.opaque_token()


def _routing() -> list[Case]:
    introspected = {"jwt": "introspect"}
    both = {"jwt": "both"}
    jwe = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aaaa.bbbb.cccc"

    def revoke(make: Callable[[Issuer], str]) -> Callable[[Issuer], str]:
        def issue(issuer: Issuer) -> str:
            text = make(issuer)
            issuer.revoke(text)
            return text

        return issue

    return [
        Case(
            "a JWE is opaque",
            "RFC 7516 §3.1 (a JWE is introspected)",
            literal(jwe),
            _INACTIVE,
            asked=_ASKED,
        ),
        Case(
            "a JWT is not shown to introspection",
            "RFC 9068 §4 (jwt=verify)",
            token(),
            ALLOWED,
            asked=("discovery", "jwks"),
        ),
        Case(
            "a revoked JWT, verified locally",
            "RFC 9068 §4 (local verification sees no revocation)",
            revoke(token()),
            ALLOWED,
        ),
        Case(
            "jwt=introspect: a good JWT",
            "RFC 7662 §2 (every token is introspected)",
            token(),
            ALLOWED,
            settings=introspected,
            asked=_ASKED,
        ),
        Case(
            "jwt=introspect: a revoked JWT",
            "RFC 7662 §2 (every token is introspected)",
            revoke(token()),
            _INACTIVE,
            settings=introspected,
            asked=_ASKED,
        ),
        Case(
            "jwt=introspect: alg none",
            "RFC 7662 §2 (a JWT is introspected as if opaque)",
            lambda issuer: issuer.token(header={"alg": "none"}, sign_with=lambda _: b"x"),
            ALLOWED,
            settings=introspected,
            asked=_ASKED,
        ),
        Case(
            "jwt=introspect: no iss",
            "RFC 7662 §2 (with one issuer, iss is not required)",
            token(iss=None),
            ALLOWED,
            settings=introspected,
            asked=_ASKED,
        ),
        Case(
            "jwt=introspect: another iss",
            "RFC 7662 §2.2 (the iss of the answer is compared)",
            token(iss="https://evil.test"),
            _ISSUER,
            settings=introspected,
            asked=_ASKED,
        ),
        Case(
            "jwt=both: a good JWT",
            "RFC 7662 §2 (verified, then introspected)",
            token(),
            ALLOWED,
            settings=both,
            asked=("discovery", "jwks", "introspection"),
        ),
        Case(
            "jwt=both: a revoked JWT",
            "RFC 7662 §2 (verified, then introspected)",
            revoke(token()),
            _INACTIVE,
            settings=both,
        ),
        Case(
            "jwt=both: a bad signature costs no call",
            "CWE-770 (a token that fails local checks costs no call)",
            lambda issuer: issuer.token(sign_with=lambda _: b"x" * 64),
            bad(Reason.BAD_SIGNATURE),
            settings=both,
            asked=("discovery", "jwks"),
        ),
        Case(
            "jwt=both: expired costs no call",
            "CWE-770 (a token that fails local checks costs no call)",
            token(expires_in=-60),
            _EXPIRED,
            settings=both,
            asked=("discovery", "jwks"),
        ),
        Case(
            "jwt=both: introspection down",
            "RFC 9110 §15.6.4 (an outage is 503, never 401)",
            token(),
            UNAVAILABLE,
            settings=both,
            given=lambda issuer: issuer.fail("500", at="introspection"),
        ),
        Case(
            "jwt=both: an opaque token",
            "RFC 7662 §2 (an opaque token is only introspected)",
            opaque(),
            ALLOWED,
            settings=both,
            asked=_ASKED,
        ),
    ]


CASES: Final[list[Case]] = [*_clients(), *_routing()]
