"""Members whose value is null: absent where the absence is harmless, otherwise malformed."""

from __future__ import annotations

import json
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from iiniit_guard.testing import Issuer, make_key
from tests.contract.cases.case import (
    ALLOWED,
    API,
    ISSUER,
    NOW,
    Allowed,
    Case,
    Refused,
    TokenOf,
    bad,
    opaque,
)
from tests.contract.cases.introspection_answers import answering
from tests.contract.cases.tampering import claims_of

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_CNF: Final = bad(Reason.UNSUPPORTED_CONFIRMATION)
_RFC9068: Final = {"profile": "rfc9068"}
_OPTIONAL: Final = ("client_id", "azp", "cid", "appid", "jti", "uti", "iat", "nbf", "scp")


def holding(*nulls: str, header: dict[str, Any] | None = None, **others: Any) -> TokenOf:
    """Sign claims in which the values of `nulls` are null."""

    def mint(issuer: Issuer) -> str:
        claims = {**claims_of(issuer), **others, **dict.fromkeys(nulls)}
        return issuer.sign(json.dumps(claims).encode(), header)

    return mint


def _claims() -> list[Case]:
    clause = "RFC 7519 §4.1 (optional)"
    absent = [
        Case(f"{name} null", clause, holding(name), Allowed(frozenset({"user:read"}), "user-1"))
        for name in _OPTIONAL
    ]
    rows: list[tuple[str, TokenOf, Refused | Allowed, dict[str, Any]]] = [
        ("sub null", holding("sub"), ALLOWED, {}),
        ("scope null", holding("scope"), Allowed(frozenset()), {}),
        (
            "scope null beside scp",
            holding("scope", scp=["user:read"]),
            Allowed(frozenset({"user:read"})),
            {},
        ),
        ("all optional claims null", holding("sub", "scope", *_OPTIONAL), ALLOWED, {}),
        ("exp null", holding("exp"), _CLAIM, {}),
        ("iss null in all claims", holding("iss"), bad(Reason.UNKNOWN_ISSUER), {}),
        ("aud null in all claims", holding("aud"), _CLAIM, {}),
        ("cnf null", holding("cnf"), _CNF, {}),
        ("a null beside a scope that was checked", holding("azp", scope="a\\b"), _CLAIM, {}),
        ("token_use null", holding("token_use"), bad(Reason.WRONG_TYPE), {}),
        ("authorization_details null", holding("authorization_details"), _CLAIM, {}),
        (
            "a required claim null",
            holding("jti"),
            bad(Reason.REFUSED_BY_VALIDATOR),
            {"require_claim": {"jti": "1"}},
        ),
        *(
            (
                f"{name} null as the audience",
                holding(name, "aud"),
                _CLAIM,
                {"audience_claim": name, "audience": "client-1"},
            )
            for name in ("client_id", "azp", "cid", "sub", "scope", "uti")
        ),
        *(
            (f"{name} null under rfc9068", holding(name), _CLAIM, _RFC9068)
            for name in ("sub", "client_id", "jti", "iat")
        ),
        ("nbf null under rfc9068", holding("nbf"), ALLOWED, _RFC9068),
    ]
    again = Case(
        "nulls again, from the cache",
        clause,
        holding("iat", "nbf", "jti"),
        ALLOWED,
        then=lambda scene: None,
        asked=(),
    )
    return [
        *absent,
        *(
            Case(name, clause, token, expected, settings=settings)
            for name, token, expected, settings in rows
        ),
        again,
    ]


def _answers() -> list[Case]:
    def answer(*nulls: str, **changes: Any) -> str:
        members = {
            "active": True,
            "iss": ISSUER,
            "aud": API,
            "exp": NOW + 300,
            "scope": "user:read",
            "sub": "user-1",
            **changes,
        }
        return json.dumps({**members, **dict.fromkeys(nulls)})

    rows: list[tuple[str, str, Refused | Allowed, dict[str, Any]]] = [
        *((f"{name} null", answer(name), ALLOWED, {}) for name in (*_OPTIONAL, "sub", "exp")),
        ("all optional members null", answer("sub", "exp", "scope", *_OPTIONAL), ALLOWED, {}),
        ("cnf null", answer("cnf"), _CNF, {}),
        ("aud null", answer("aud"), _CLAIM, {}),
        (
            "aud null where none is needed",
            answer("aud"),
            _CLAIM,
            {"insecure_accept_missing_audience": True},
        ),
        (
            "client_id null as the audience where none is needed",
            answer("client_id", "aud"),
            _CLAIM,
            {"audience_claim": "client_id", "insecure_accept_missing_audience": True},
        ),
        ("iss null", answer("iss"), _CLAIM, {}),
        ("token_type null", answer("token_type"), bad(Reason.WRONG_TYPE), {}),
    ]
    return [
        Case(
            f"introspected {name}",
            "RFC 7662 §2.2 (optional)",
            opaque(),
            expected,
            settings=settings,
            given=answering(text),
        )
        for name, text, expected, settings in rows
    ]


def _headers() -> list[Case]:
    return [
        Case(f"{name} null in the header", "RFC 7515 §4.1", _with_header(name), expected)
        for name, expected in (
            ("kid", bad(Reason.MALFORMED_TOKEN)),
            ("typ", bad(Reason.WRONG_TYPE)),
            ("alg", bad(Reason.UNSUPPORTED_ALGORITHM)),
            ("crit", bad(Reason.UNSUPPORTED_CRITICAL)),
            ("b64", bad(Reason.UNSUPPORTED_CRITICAL)),
            ("zip", bad(Reason.UNSUPPORTED_CRITICAL)),
        )
    ]


def _with_header(name: str) -> TokenOf:
    def mint(issuer: Issuer) -> str:
        usual = {"alg": "ES256", "typ": "at+jwt", "kid": issuer.signing_key.kid}
        return issuer.sign(claims_of(issuer), json.dumps({**usual, name: None}).encode())

    return mint


def _keys() -> list[Case]:
    def only(*nulls: str, beside: bool = False) -> Any:
        def publish(issuer: Issuer) -> None:
            jwk = {**issuer.signing_key.jwk(), **dict.fromkeys(nulls)}
            issuer.keys = [make_key("ES384", "another of the issuer's")] if beside else []
            issuer.odd_keys = [jwk]

        return publish

    unnamed = {"kid": None}
    rows: list[tuple[str, TokenOf, Any, Refused | Allowed]] = [
        *(
            (f"the only key with {name} null", holding(), only(name), ALLOWED)
            for name in ("alg", "use", "key_ops")
        ),
        (
            "the only key with kid null",
            lambda issuer: issuer.token(header=unnamed),
            only("kid"),
            ALLOWED,
        ),
        ("a key with all of them null", holding(), only("alg", "use", "key_ops"), ALLOWED),
        *(
            (
                f"a key with {name} null",
                holding(),
                only(name, beside=True),
                bad(Reason.UNKNOWN_KEY),
            )
            for name in ("kty", "crv", "x", "y", "d", "k")
        ),
    ]
    return [
        Case(name, "RFC 7517 §4", token, expected, given=given)
        for name, token, given, expected in rows
    ]


CASES: Final[list[Case]] = [*_claims(), *_answers(), *_headers(), *_keys()]
