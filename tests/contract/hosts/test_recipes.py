"""The frameworks of docs/how-to/recipes answer a sample of the decision tables like every host."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from iiniit_guard.core.model.problem import Reason
from tests.contract.cases.case import Allowed, Case
from tests.contract.cases.tables import CASES
from tests.contract.hosts import recipe_hosts, test_matrix
from tests.contract.hosts.recipe_hosts import RAN, RECIPES
from tests.contract.hosts.tls import FIELD

DECIDING = {"authorize", "authorize_async", "authenticate", "authenticate_async", "verify"}
OF_HANDLERS = {
    *(None, Reason.MISSING_SCOPE, Reason.INSUFFICIENT_AUTHENTICATION),
    *(Reason.ACTOR_REQUIRED, Reason.ACTOR_FORBIDDEN, Reason.MISSING_AUTHORIZATION_DETAILS),
}
PRINTABLE = frozenset(range(0x20, 0x7F))


def first_of_each_answer(*, of_each_reason: bool) -> Iterator[Case]:
    """Return the first row of each reason or of each status, and of each path that decides.

    A client sends the requests of aiohttp, so the rows have only header values that RFC 9110
    permits, no method that begins a tunnel and no client certificate.
    """
    found = set()
    for case in CASES:
        values = [value for _, value in case.header_lines("x")]
        reason = None if isinstance(case.expected, Allowed) else case.expected.reason
        status = None if isinstance(case.expected, Allowed) else case.expected.status
        key = (
            case.method,
            reason if of_each_reason else status,
            case.path if reason in OF_HANDLERS else "",
        )
        if (
            key not in found
            and case.method in ("GET", "HEAD", "OPTIONS", "POST")
            and FIELD not in dict(case.headers)
            and all(PRINTABLE.issuperset(value) and value == value.strip() for value in values)
        ):
            found.add(key)
            yield case


# The middleware decides about tokens in the same way for all frameworks but aiohttp.
SAMPLES = [
    pytest.param(case, host, id=f"{host}: {case}")
    for host in RECIPES
    for case in first_of_each_answer(of_each_reason=host.name == "aiohttp")
]


@pytest.mark.parametrize(("case", "host"), SAMPLES)
def test_a_recipe_answers_like_every_host(case, host):
    RAN.clear()

    test_matrix.test_every_host_answers_alike(case, host)
    if not isinstance(case.expected, Allowed):
        # The middleware would replace the response of a handler that runs. Of two requests, the
        # first one may pass.
        assert len(RAN) <= (case.then is not None)


def test_the_sample_has_every_kind_of_answer():
    for of_each_reason in (True, False):
        cases = first_of_each_answer(of_each_reason=of_each_reason)
        statuses = {getattr(case.expected, "status", 200) for case in cases}
        assert statuses == {200, 400, 401, 403, 429, 503}


PAGES = sorted(page.stem for page in recipe_hosts.PAGES.glob("*.md") if page.stem != "README")


@pytest.mark.parametrize("page", PAGES)
def test_no_coroutine_of_a_recipe_blocks_the_event_loop(page):
    blocking = [
        f"{function.name}: {ast.unparse(call)}"
        for block in recipe_hosts.blocks_of(page)
        for function in ast.walk(ast.parse(block))
        if isinstance(function, ast.AsyncFunctionDef)
        for call in calls_outside_await(function)
        if name_of(call.func) in DECIDING
    ]

    assert blocking == []


def calls_outside_await(function: ast.AsyncFunctionDef) -> list[ast.Call]:
    """Return the calls in a coroutine function whose result is not awaited."""
    awaited = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Await)}
    return [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and id(node) not in awaited
    ]


def name_of(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))
