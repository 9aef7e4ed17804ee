"""Actors: the claim `act` of RFC 8693 §4.1."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.model.access_token import Principal
from iiniit_guard.core.model.actor import MAX_ACTORS
from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import (
    ALLOWED,
    ISSUER,
    Allowed,
    Case,
    Refused,
    bad,
    literal,
    opaque,
    token,
)
from tests.contract.cases.nulls import holding

_CLAIM: Final = bad(Reason.MALFORMED_CLAIM)
_NEEDED: Final = Refused(403, None, Reason.ACTOR_REQUIRED)
_FORBIDDEN: Final = Refused(403, None, Reason.ACTOR_FORBIDDEN)
_CLAUSE: Final = "RFC 8693 §4.1"
_PARTNER: Final = "https://partner.test"


def chain(depth: int) -> dict[str, Any]:
    """Return an `act` claim with `depth` actors, the current one first."""
    act: dict[str, Any] = {"sub": f"actor-{depth}"}
    for number in range(depth - 1, 0, -1):
        act = {"sub": f"actor-{number}", "act": act}
    return act


def _shapes() -> list[Case]:
    rows: list[tuple[str, Any, Refused | Allowed]] = [
        ("one actor", {"sub": "https://service16.example.com"}, ALLOWED),
        (
            "two actors, the example of the RFC",
            {
                "sub": "https://service16.example.com",
                "act": {"sub": "https://service77.example.com"},
            },
            ALLOWED,
        ),
        ("a client alone", {"client_id": "billing"}, ALLOWED),
        ("as many as may be", chain(MAX_ACTORS), ALLOWED),
        ("one too many", chain(MAX_ACTORS + 1), _CLAIM),
        ("text", "billing", _CLAIM),
        ("a list", [{"sub": "billing"}], _CLAIM),
        ("a number", 1, _CLAIM),
        ("false", False, _CLAIM),
        ("empty", {}, _CLAIM),
        ("without a name", {"sub_profile": "ai_agent"}, _CLAIM),
        ("an empty sub", {"sub": ""}, _CLAIM),
        ("an issuer alone", {"iss": ISSUER}, _CLAIM),
        ("a sub that is a number", {"sub": 7}, _CLAIM),
        ("a sub that is a list", {"sub": ["billing"]}, _CLAIM),
        ("a sub that is null beside a client", {"sub": None, "client_id": "billing"}, _CLAIM),
        ("an issuer that is a list", {"sub": "billing", "iss": [ISSUER]}, _CLAIM),
        ("a profile that is a list", {"sub": "a", "sub_profile": ["ai_agent"]}, _CLAIM),
        ("a client that is an object", {"sub": "a", "client_id": {}}, _CLAIM),
        ("a prior actor that is null", {"sub": "billing", "act": None}, _CLAIM),
        ("a prior actor that is text", {"sub": "billing", "act": "a"}, _CLAIM),
        ("a prior actor without a name", {"sub": "billing", "act": {}}, _CLAIM),
        ("a prior actor with a number", {"sub": "billing", "act": {"sub": 1}}, _CLAIM),
    ]
    introspected = f"{_CLAUSE}; RFC 7662 §2.2"
    return [
        case
        for name, act, expected in rows
        for case in (
            Case(f"act: {name}", _CLAUSE, token(act=act), expected),
            Case(f"act, introspected: {name}", introspected, opaque(act=act), expected),
        )
    ] + [Case("act: null", _CLAUSE, holding("act"), _CLAIM)]


def _policies() -> list[Case]:
    billing, agent = {"sub": "billing"}, {"sub": "a", "sub_profile": "Service AI_Agent"}
    rows: list[tuple[str, str, Any, Refused | Allowed]] = [
        ("/delegated", "an actor", billing, ALLOWED),
        ("/delegated", "no actor", None, _NEEDED),
        ("/billing", "the first of two", billing, ALLOWED),
        ("/billing", "the second of two", {"sub": "payroll"}, ALLOWED),
        ("/billing", "another", {"sub": "billings"}, _NEEDED),
        ("/billing", "in upper case", {"sub": "BILLING"}, _NEEDED),
        ("/billing", "a client of that name", {"client_id": "billing"}, _NEEDED),
        ("/billing", "a profile of that name", {"sub": "a", "sub_profile": "billing"}, _NEEDED),
        ("/billing", "no actor", None, _NEEDED),
        ("/billing", "only as prior actor", {"sub": "a", "act": billing}, _NEEDED),
        ("/billing", "before another", {"sub": "billing", "act": {"sub": "a"}}, ALLOWED),
        ("/billing", "with the issuer of the token", {**billing, "iss": ISSUER}, ALLOWED),
        ("/billing", "of another issuer", {**billing, "iss": _PARTNER}, _NEEDED),
        ("/partner", "of that issuer", {**billing, "iss": _PARTNER}, ALLOWED),
        ("/partner", "of no issuer", billing, _NEEDED),
        ("/partner", "of the issuer of the token", {**billing, "iss": ISSUER}, _NEEDED),
        ("/partner", "another of that issuer", {"sub": "a", "iss": _PARTNER}, _NEEDED),
        ("/agents", "of that profile, in another case", agent, ALLOWED),
        ("/agents", "of a longer profile", {"sub": "a", "sub_profile": "ai_agents"}, _NEEDED),
        ("/agents", "of no profile", billing, _NEEDED),
        ("/agents", "a subject named like the profile", {"sub": "ai_agent"}, _NEEDED),
        ("/agents", "a prior actor of that profile", {"sub": "b", "act": agent}, _NEEDED),
        ("/direct", "no actor", None, ALLOWED),
        ("/direct", "an actor", billing, _FORBIDDEN),
        ("/people", "no actor", None, ALLOWED),
        ("/people", "another actor", billing, ALLOWED),
        ("/people", "of that profile, in another case", agent, _FORBIDDEN),
        ("/people", "a subject of that name", {"sub": "robot"}, _FORBIDDEN),
        ("/people", "a client of that name", {"client_id": "robot"}, _FORBIDDEN),
        ("/people", "a prior actor of that profile", {"sub": "b", "act": agent}, ALLOWED),
    ]
    cases = [
        Case(
            f"actor at {path}: {name}",
            f"{_CLAUSE} (only the current actor counts)",
            token() if act is None else token(act=act),
            expected,
            path=path,
        )
        for path, name, act, expected in rows
    ]
    agents: list[tuple[str, dict[str, Any], Refused | Allowed]] = [
        ("its client is an agent", {"client_profile": "native ai_agent"}, _FORBIDDEN),
        ("its subject is an agent", {"sub_profile": "AI_AGENT"}, _FORBIDDEN),
        ("its client is another", {"client_profile": "native"}, ALLOWED),
        ("its profile is a list", {"client_profile": ["ai_agent"]}, _FORBIDDEN),
    ]
    own = [
        Case(
            f"no actor at /people, and {name}",
            "IINIIT (an agent that acts for itself has no act claim)",
            token(**claims),
            expected,
            path="/people",
        )
        for name, claims, expected in agents
    ]
    asked = Case(
        "an introspected actor at /billing", _CLAUSE, opaque(act=billing), ALLOWED, path="/billing"
    )
    key = {"alternatives": {"ApiKey": lambda credential, request: _principal()}}
    other = [
        Case(
            f"an API key at {path}",
            f"{_CLAUSE} (another credential has no actor)",
            literal("x"),
            expected,
            lines=("ApiKey {token}",),
            path=path,
            settings=key,
        )
        for path, expected in (
            ("/delegated", _NEEDED),
            ("/billing", _NEEDED),
            ("/direct", ALLOWED),
            ("/people", ALLOWED),
        )
    ]
    return [*cases, *own, asked, *other]


def _principal() -> Principal:
    return Principal("ApiKey", "user-1")


CASES: Final[list[Case]] = [*_shapes(), *_policies()]
