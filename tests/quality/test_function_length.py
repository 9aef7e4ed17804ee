"""Functions are at most 45 lines long."""

from __future__ import annotations

import ast

import pytest

from tests.quality.test_static_gates import TREES

pytestmark = pytest.mark.checkout

MAX_LINES = 45
# These parts of the package have no longer function.
FOLDERS = (
    "iiniit_guard/core/",
    "iiniit_guard/io/",
    "iiniit_guard/engine.py",
    "iiniit_guard/guard.py",
)


def long_functions(tree: ast.AST, path: str) -> list[str]:
    """Return the functions with more than `MAX_LINES` lines, with their length."""
    return [
        f"{path}:{node.name}: {length} lines"
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_LINES
    ]


def test_functions_are_short():
    assert [
        fault
        for path, tree in TREES.items()
        if path.startswith(FOLDERS)
        for fault in long_functions(tree, path)
    ] == []


@pytest.mark.parametrize(("lines", "found"), [(45, 0), (46, 1)])
def test_a_long_function_is_seen(lines, found):
    text = "async def f():\n" + "    pass\n" * (lines - 1)
    assert len(long_functions(ast.parse(text), "x.py")) == found
