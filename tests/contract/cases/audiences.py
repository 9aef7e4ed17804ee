"""Rows about the audience of a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import ALLOWED, API, ISSUER, Allowed, Case, Refused, bad, token
from tests.contract.cases.times import written

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_REQUIRED: Final = bad(Reason.REFUSED_BY_VALIDATOR)
_AUDIENCE: Final = bad(Reason.WRONG_AUDIENCE)


def _audiences() -> list[Case]:
    good: list[tuple[str, Any]] = [
        ("a string", API),
        ("a list of one", [API]),
        ("a list with others", ["https://other.test", API, "x"]),
        ("a list with us twice", [API, API]),
    ]
    wrong: list[tuple[str, Any]] = [
        ("another", "https://other.test"),
        ("with a slash at its end", API + "/"),
        ("in upper case", API.upper()),
        ("with a path", API + "/v1"),
        ("as a prefix", API[:-1]),
        ("over http", "http://api.test"),
        ("several, separated by spaces", f"{API} https://other.test"),
        ("several, separated by commas", f"{API},https://other.test"),
        ("the issuer", ISSUER),
        ("the client, as in an ID token", "client-1"),
        ("empty", ""),
        ("an asterisk", "*"),
        ("with a space after", API + " "),
        ("with a look-alike", "https://\u0430pi.test"),
        ("an empty list", []),
        ("a list of others", ["https://other.test"]),
        ("a list with an empty string", [""]),
    ]
    odd: list[tuple[str, Any]] = [
        ("a number", 1),
        ("true", True),
        ("an object with us as a name", {API: True}),
        ("a list in a list", [[API]]),
        ("a list with us and a number", [API, 1]),
        ("a list with us and true", [API, True]),
        ("a list with us and an object", [API, {}]),
    ]
    clause = "RFC 7519 §4.1.3; RFC 9068 §4; RFC 8725 §3.9"
    two = {"audience": ["https://other.test", API]}
    client = {"audience": "client-1", "audience_claim": "client_id"}
    return [
        *(Case(f"aud {name}", clause, token(aud=aud), ALLOWED) for name, aud in good),
        *(Case(f"aud {name}", clause, token(aud=aud), _AUDIENCE) for name, aud in wrong),
        *(Case(f"aud {name}", clause, token(aud=aud), _CLAIM) for name, aud in odd),
        Case("aud missing", "RFC 9068 §2.2; RFC 8725 §3.9", token(aud=None), _AUDIENCE),
        Case("aud null", "RFC 7519 §4.1.3", written("aud", "null"), _CLAIM),
        Case("aud NaN in a list", "RFC 8259 §6", written("aud", f'["{API}",NaN]'), _CLAIM),
        Case(
            "aud missing, where introspection may lack it",
            "RFC 9068 §4 (every JWT needs an audience)",
            token(aud=None),
            _AUDIENCE,
            settings={"insecure_accept_missing_audience": True},
        ),
        Case("two audiences of ours, the second", clause, token(), ALLOWED, settings=two),
        Case(
            "two audiences of ours, the first",
            clause,
            token(aud="https://other.test"),
            ALLOWED,
            settings=two,
        ),
        Case(
            "two audiences of ours, a third",
            clause,
            token(aud="https://third.test"),
            _AUDIENCE,
            settings=two,
        ),
        Case(
            "client_id as the audience",
            "RFC 7519 §4.1.3 (audience_claim)",
            token(aud=None),
            ALLOWED,
            settings=client,
        ),
        Case(
            "client_id as the audience, another client",
            "RFC 7519 §4.1.3 (audience_claim)",
            token(client_id="client-2"),
            _AUDIENCE,
            settings=client,
        ),
        Case(
            "client_id as the audience, missing",
            "RFC 7519 §4.1.3 (audience_claim)",
            token(client_id=None, aud="client-1"),
            _AUDIENCE,
            settings=client,
        ),
    ]


def _missing() -> list[Case]:
    by_tenant = {"insecure_accept_missing_audience": True, "require_claim": {"tenant": "t-1"}}
    rows: list[tuple[str, dict[str, Any], Mapping[str, Any], Refused | Allowed]] = [
        ("and the required claim", {"aud": None, "tenant": "t-1"}, by_tenant, ALLOWED),
        ("an empty list, and the required claim", {"aud": [], "tenant": "t-1"}, by_tenant, ALLOWED),
        ("and another value", {"aud": None, "tenant": "t-2"}, by_tenant, _REQUIRED),
        ("and not the required claim", {"aud": None}, by_tenant, _REQUIRED),
        ("but of another API", {"aud": "x", "tenant": "t-1"}, by_tenant, _AUDIENCE),
        ("but a number", {"aud": 1, "tenant": "t-1"}, by_tenant, _CLAIM),
        (
            "and only the issuer required",
            {"aud": None},
            {**by_tenant, "require_claim": {"iss": ISSUER}},
            _AUDIENCE,
        ),
        (
            "and the required claim, with profile rfc9068",
            {"aud": None, "tenant": "t-1"},
            {**by_tenant, "profile": "rfc9068"},
            _AUDIENCE,
        ),
    ]
    return [
        Case(
            f"aud missing from a JWT {name}",
            "RFC 8725 §3.9 (insecure_accept_missing_audience)",
            token(**claims),
            expected,
            settings=settings,
        )
        for name, claims, settings, expected in rows
    ]


CASES: Final[list[Case]] = [*_audiences()]
