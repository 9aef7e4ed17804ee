"""A request does not execute more bytecode in the package than is committed.

`tests/quality/instructions/counts.json` holds the counts for each minor version of Python. They are
the same on every machine, so they show a slower path that a benchmark cannot tell from noise.
"""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

import iiniit_guard
from tests.quality.instructions.committed import VERSION, find_growth, measured, stored
from tests.quality.instructions.counting import Count, count

HINT = "`make counts` stores the counts of this Python; commit them together with the reason"

# One worker measures for all tests of this file.
pytestmark = pytest.mark.xdist_group("instruction counts")


@pytest.fixture(scope="module")
def counts():
    return measured()


def test_no_request_executes_over_three_percent_more_than_committed(counts):
    committed = stored()
    assert VERSION in committed, f"Python {VERSION} has no committed counts; {HINT}"
    growth = find_growth(committed[VERSION], counts)
    assert growth == [], "\n".join([*growth, HINT])


def test_the_counts_are_equal_in_each_process(counts):
    assert measured(hash_seed=1) == counts


def test_the_same_requests_are_committed_for_every_version(counts):
    for version, committed in stored().items():
        assert committed.keys() == counts.keys(), version


def plant(module, name, statement):
    """Insert a statement at the start of one function, after its docstring."""
    tree = ast.parse(module.read_text())
    (function,) = (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == name
    )
    function.body[1:1] = ast.parse(statement).body
    module.write_text(ast.unparse(tree))


def test_a_loop_planted_into_the_cached_path_is_reported_for_every_host(counts, tmp_path):
    package = tmp_path / "iiniit_guard"
    shutil.copytree(
        Path(iiniit_guard.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "tests").symlink_to(Path(__file__).parents[1])
    plant(package / "core" / "cache" / "tokens.py", "find", "for _ in range(10): pass")
    growth = find_growth(counts, measured(tmp_path))
    reported = {line.partition(":")[0] for line in growth}
    assert {name for name in counts if name.endswith(", token cached")} <= reported
    assert all("instructions" in line for line in growth)


def test_a_count_may_grow_by_three_percent():
    committed = {"x": Count(1000, 100)}
    assert find_growth(committed, {"x": Count(1030, 103)}) == []
    assert find_growth(committed, {"x": Count(1031, 100)}) == [
        "x: 1,031 instructions, 1,000 committed (+3.1%)"
    ]
    assert find_growth(committed, {"x": Count(10, 104)}) == ["x: 104 calls, 100 committed (+4.0%)"]


def test_another_set_of_requests_is_reported():
    assert find_growth({"gone": Count(1, 1)}, {"added": Count(1, 1)}) == [
        "added: no committed count",
        "gone: not counted any more",
    ]


def test_only_code_of_the_package_counts():
    def foreign():
        return sum(n for n in range(100))

    assert count(foreign) == Count(0, 0)
