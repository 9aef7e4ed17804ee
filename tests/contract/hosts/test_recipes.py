"""The frameworks of docs/how-to/recipes answer a sample of the decision tables like every host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import Allowed, Case
from tests.contract.cases.tables import CASES
from tests.contract.hosts import test_matrix
from tests.contract.hosts.recipe_hosts import RAN, RECIPES

OF_HANDLERS = {None, Reason.MISSING_SCOPE, Reason.INSUFFICIENT_AUTHENTICATION}
PRINTABLE = frozenset(range(0x20, 0x7F))


def first_of_each_answer() -> Iterator[Case]:
    """Return the first row of each reason, and of each path whose handler decides.

    A client sends the requests of aiohttp, so the rows have only header values that RFC 9110
    permits, and no method that begins a tunnel.
    """
    found = set()
    for case in CASES:
        values = [value for _, value in case.header_lines("x")]
        reason = None if isinstance(case.expected, Allowed) else case.expected.reason
        key = (case.method, reason, case.path if reason in OF_HANDLERS else "")
        if (
            key not in found
            and case.method in ("GET", "HEAD", "OPTIONS", "POST")
            and all(PRINTABLE.issuperset(value) and value == value.strip() for value in values)
        ):
            found.add(key)
            yield case


@pytest.mark.parametrize("host", RECIPES, ids=str)
@pytest.mark.parametrize("case", list(first_of_each_answer()), ids=str)
def test_a_recipe_answers_like_every_host(case, host):
    RAN.clear()

    test_matrix.test_every_host_answers_alike(case, host)
    if not isinstance(case.expected, Allowed):
        assert RAN == []  # the middleware would replace the response of a handler that runs


def test_the_sample_has_every_kind_of_answer():
    statuses = {getattr(case.expected, "status", 200) for case in first_of_each_answer()}

    assert statuses == {200, 400, 401, 403, 503}
