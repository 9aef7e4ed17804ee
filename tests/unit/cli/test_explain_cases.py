"""`explain` agrees with the guard about every row of the decision tables, and shows one refusal."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest

from iiniit_guard.cli.explain.explanation import explain
from iiniit_guard.cli.explain.formats import as_json
from iiniit_guard.cli.observed import observed
from iiniit_guard.core.model.demands import actor_forbidden
from iiniit_guard.core.model.diagnosis import CHECKS
from iiniit_guard.core.model.policy import ANY_TOKEN, make_policy
from iiniit_guard.testing import Issuer, make_key
from tests.contract.cases.case import Allowed
from tests.contract.cases.tables import TABLES
from tests.contract.hosts.handlers import POLICIES


def is_plain(case):
    """Return whether a row has one bearer token, and no other part that decides."""
    return (
        case.token is not None
        and case.lines is None
        and not (case.query or case.fields or case.headers or case.then)
        and case.path in POLICIES
        and case.proofs is None
        and case.name != "a validator sees token and request"  # it reads a header of its request
    )


def explained(issuer, guard, token, policy=ANY_TOKEN):
    engine = guard._engine
    resource, observer = observed(
        engine.resource.settings,
        may_call=False,
        transport=issuer.handle,
        wall=issuer.clock.wall,
    )
    return explain(token, resource, observer, policy)


@pytest.mark.parametrize("table", TABLES)
def test_the_explanation_is_that_of_the_guard(table):
    for case in filter(is_plain, TABLES[table]):
        check(case)


def check(case):
    """Compare the explanation of a row with the decision that the row expects."""
    issuer = case.make_issuer()
    with issuer.guard(**case.settings_for(issuer)) as guard:
        token = case.token(issuer)
        found = explained(issuer, guard, token, POLICIES[case.path])
    failed = [step for step in found.steps if step.status in ("refused", "unknown")]
    if isinstance(case.expected, Allowed):
        assert (found.verdict, found.reason, failed) == ("accepted", None, []), case
        assert all(step.status == "passed" for step in found.steps)
    else:
        assert (found.status, found.reason) == (case.expected.status, case.expected.reason), case
        assert len(failed) == 1, "the check that refused the token is among those shown"
        assert found.cure
        reached = [step.status for step in found.steps[: found.steps.index(failed[0])]]
        assert set(reached) <= {"passed"}
    shown = json.dumps(as_json(found))
    assert len(token) < 20 or token not in shown
    signature = token.rpartition(".")[2]
    assert len(signature) < 20 or signature not in shown


# One fault for each check, from the last one to the first one: how a token must be changed.
FAULTS: dict[str, dict[str, Any]] = {
    "header": {"header": {"crit": ["x"]}},
    "algorithm": {"sign_with": make_key("RS256", "order"), "header": {"alg": "RS256"}},
    "payload": {"odd": float("nan")},
    "issuer": {"iss": "https://evil.test"},
    "type": {"header": {"typ": "logout+jwt"}},
    "key": {"header": {"kid": "unknown"}},
    "signature": {"sign_with": make_key("ES256", "order"), "header": {"kid": "es256-1"}},
    "kind": {"at_hash": "x", "header": {"typ": "JWT"}},
    "exp": {"exp": 1},
    "nbf": {"nbf": 4_000_000_000},
    "iat": {"iat": 4_000_000_000},
    "audience": {"aud": "https://other.test"},
    "claims": {"sub": 1},
    "required claims": {"tenant": "b"},
    "confirmation": {"cnf": {"jkt": "x"}},
    "scope claim": {"scope": 1},
    "authorization_details": {"authorization_details": 1},
    "act": {"act": 1},
    "authentication": {"acr": "bronze"},
    "scopes": {"scope": "other"},
    "demands": {"act": {"sub": "robot"}},
}
# Faults of the same part of a token, of which a token can have only one.
TOGETHER = [
    pair
    for pair in combinations(FAULTS, 2)
    if pair not in {("algorithm", "signature"), ("scope claim", "scopes"), ("algorithm", "kind")}
    and pair not in {("type", "kind"), ("key", "signature"), ("header", "kind")}
    and pair not in {("header", "type"), ("algorithm", "type"), ("algorithm", "key")}
    and pair != ("act", "demands")
]


def with_faults(issuer, *names):
    header: dict[str, Any] = {}
    claims: dict[str, Any] = {}
    for name in names:
        fault = dict(FAULTS[name])
        header |= fault.pop("header", {})
        claims |= fault
    return issuer.token(header=header, **{"tenant": "a", "acr": "gold", **claims})


@pytest.fixture
def issuer():
    return Issuer(signing_key=make_key("ES256", "explain"))


POLICY = make_policy(["user:read"], acr_values=["gold"], demands=(actor_forbidden(),))


def refused_by(issuer, *names):
    settings = {"algorithms": ["ES256"], "require_claim": {"tenant": "a"}, "introspection": None}
    with issuer.guard(**settings) as guard:
        found = explained(issuer, guard, with_faults(issuer, *names), POLICY)
    return [step.check for step in found.steps if step.status == "refused"]


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_by_its_check(issuer, name):
    assert refused_by(issuer, name) == [name]


@pytest.mark.parametrize("pair", TOGETHER, ids="+".join)
def test_checks_are_listed_in_the_order_in_which_the_core_makes_them(issuer, pair):
    first = min(pair, key=CHECKS.index)

    assert refused_by(issuer, *pair) == [first]
