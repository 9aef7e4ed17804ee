"""A small, deterministic part of `make differential`, and faults planted in the guard that the
comparison must report.
"""

from __future__ import annotations

from collections import Counter
from urllib.parse import unquote

import pytest

from iiniit_guard import Guard
from iiniit_guard.core.model.decision import Allow
from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.core.model.problem import PROBLEMS, Reason
from tests.contract.differential.compare import compare_answers, compare_paths, compare_tokens
from tests.contract.differential.orders import compare_orders
from tests.contract.differential.paths import route

COMPARISONS = [
    pytest.param(lambda tally: compare_tokens(1, 600, tally), id="tokens"),
    pytest.param(lambda tally: compare_answers(1, 800, tally), id="answers"),
    pytest.param(lambda tally: compare_paths(1, 2_000, tally), id="paths"),
    pytest.param(lambda tally: compare_orders(1, 15, tally), id="orders"),
]


@pytest.mark.parametrize("compare", COMPARISONS)
def test_the_guard_and_an_independent_verifier_agree(compare):
    tally = Counter()
    assert list(compare(tally)) == []
    assert min(tally["good"], tally["refused"]) > sum(tally.values()) / 30, (
        "a sample of one answer shows nothing"
    )


class Faulty:
    """A guard with a planted fault: `mend` turns the correct decision into a wrong one."""

    def __init__(self, mend, **settings):
        self._guard, self._mend, self._good = Guard(**settings), mend, None

    def authenticate(self, request):
        return self._wrong(request, self._guard.authenticate(request))

    async def authenticate_async(self, request):
        return self._wrong(request, await self._guard.authenticate_async(request))

    async def aclose(self):
        await self._guard.aclose()

    def _wrong(self, request, decision):
        if isinstance(decision, Allow):
            self._good = decision
        return self._mend(request, decision, self._good)


def forgives(reason):
    def mend(request, decision, good):
        refused = not isinstance(decision, Allow) and decision.reason is reason
        return good if refused and good is not None else decision

    return lambda **settings: Faulty(mend, **settings)


def remembers_for_ever():
    known = {}

    def mend(request, decision, good):
        if isinstance(decision, Allow):
            known[request.headers[0][1]] = decision
        return known.get(request.headers[0][1], decision)

    return lambda **settings: Faulty(mend, **settings)


@pytest.mark.parametrize(
    "reason",
    [
        *(
            Reason.EXPIRED,
            Reason.NOT_YET_VALID,
            Reason.ISSUED_IN_FUTURE,
            Reason.BAD_SIGNATURE,
            Reason.UNSUPPORTED_ALGORITHM,
        ),
        *(
            Reason.WRONG_AUDIENCE,
            Reason.UNKNOWN_ISSUER,
            Reason.MALFORMED_TOKEN,
            Reason.MALFORMED_CLAIM,
            Reason.UNSUPPORTED_CONFIRMATION,
        ),
        *(
            Reason.UNSUPPORTED_CRITICAL,
            Reason.WRONG_TYPE,
            Reason.UNKNOWN_KEY,
            Reason.TOKEN_IN_QUERY,
            Reason.REFUSED_BY_VALIDATOR,
        ),
    ],
)
def test_a_check_of_tokens_that_is_left_out_is_reported(reason):
    assert any(compare_tokens(1, 2_000, Counter(), make_guard=forgives(reason)))


@pytest.mark.parametrize(
    "reason", [Reason.EXPIRED, Reason.INACTIVE, Reason.WRONG_AUDIENCE, Reason.ISSUER_UNAVAILABLE]
)
def test_a_check_of_answers_that_is_left_out_is_reported(reason):
    assert any(compare_answers(1, 800, Counter(), make_guard=forgives(reason)))


@pytest.mark.parametrize(
    "make_guard",
    [forgives(Reason.INACTIVE), forgives(Reason.UNKNOWN_KEY), remembers_for_ever()],
    ids=["inactive", "key", "memory"],
)
def test_what_counts_too_long_is_reported(make_guard):
    assert any(compare_orders(1, 50, Counter(), make_guard=make_guard))


def test_rules_that_read_a_path_in_one_way_are_reported():
    class Trusting:
        def policy_for_target(self, method, target):
            name = route(unquote(target.partition("?")[0]))
            return (
                PROBLEMS[Reason.NO_RULE]
                if name is None
                else "pass"
                if name == "open"
                else make_policy([name])
            )

    found = list(compare_paths(1, 2_000, Counter(), rules=Trusting()))
    assert {difference.kind for difference in found} == {"path"}
