"""How the tests are distributed among the workers, and which of them are measured."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from coverage import Coverage

from tests.batches import BATCH, Names, batches, slow_first
from tests.measuring import Measuring

pytestmark = pytest.mark.checkout


def item(name: str, *marks: str) -> Any:
    return SimpleNamespace(
        nodeid=name, get_closest_marker=lambda wanted: wanted if wanted in marks else None
    )


def test_a_batch_holds_tests_of_one_module():
    names = [f"tests/a.py::test[{number}]" for number in range(BATCH + 1)]
    batch_of = dict(batches([*names, "tests/b.py::test"]))

    assert {batch_of[name] for name in names[:-1]} == {"tests/a.py 0"}
    assert batch_of[names[-1]] == "tests/a.py 1"
    assert batch_of["tests/b.py::test"] == "tests/b.py 0"


def test_a_group_is_one_batch_in_whichever_modules_its_tests_are():
    names = [f"tests/{module}.py::test[{number}]@g" for module in "ab" for number in range(BATCH)]

    assert {batch for _, batch in batches(names)} == {"g"}


def test_a_parameter_with_an_at_sign_names_no_group():
    assert dict(batches(["tests/a.py::test[x@g]"])) == {"tests/a.py::test[x@g]": "tests/a.py 0"}


def test_groups_come_first_and_the_contract_last():
    items = [
        item("tests/contract/hosts/a.py::test"),
        item("tests/unit/a.py::test"),
        item("tests/quality/a.py::test", "xdist_group"),
        item("tests/quality/b.py::test"),
    ]
    slow_first(items)

    assert [one.nodeid for one in items] == [
        "tests/quality/a.py::test",
        "tests/unit/a.py::test",
        "tests/quality/b.py::test",
        "tests/contract/hosts/a.py::test",
    ]


def test_names_are_found_at_their_places():
    names = Names(["a", "b"])

    assert (names, names.index("b")) == (["a", "b"], 1)


class FakeCoverage:
    """A coverage that stands on others in a stack, as `Coverage.current` has it."""

    stack: ClassVar[list[FakeCoverage]] = []

    def __init__(self, steps: list[str], name: str) -> None:
        self.steps, self.name = steps, name

    def start(self) -> None:
        self.steps.append(f"start {self.name}")
        self.stack.append(self)

    def stop(self) -> None:
        self.steps.append(f"stop {self.name}")
        assert self.stack.pop() is self


def test_coverage_stops_for_tests_with_the_mark_alone(monkeypatch):
    steps: list[str] = []
    stack = FakeCoverage.stack
    stack[:] = [FakeCoverage(steps, "early"), FakeCoverage(steps, "late")]
    monkeypatch.setattr(Coverage, "current", lambda: stack[-1] if stack else None)
    measuring = Measuring()
    for marks in ((), ("unmeasured",), ("unmeasured",), (), ()):
        measuring.pytest_runtest_protocol(item("tests/a.py::test", *marks))

    assert steps == ["stop late", "stop early", "start early", "start late"]


@pytest.mark.unmeasured
def test_nothing_is_traced_in_a_test_with_the_mark():
    assert sys.gettrace() is None
