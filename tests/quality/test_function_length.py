"""Functions have at most 45 lines, not counting their docstring."""

from __future__ import annotations

import ast

import pytest

from tests.quality.test_static_gates import TREES

pytestmark = pytest.mark.checkout

MAX_LINES = 45


def long_functions(tree: ast.AST, path: str) -> list[str]:
    """Return the functions with more than `MAX_LINES` lines, with their length."""
    return [
        f"{path}:{node.name}: {length} lines"
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := lines_of(node) - docstring_lines_of(node)) > MAX_LINES
    ]


def lines_of(node: ast.stmt) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def docstring_lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return lines_of(node.body[0]) if ast.get_docstring(node, clean=False) is not None else 0


def test_functions_are_short():
    assert [fault for path, tree in TREES.items() for fault in long_functions(tree, path)] == []


@pytest.mark.parametrize("docstring", ["", '    """One.\n\n    Two.\n    """\n'])
@pytest.mark.parametrize(("lines", "found"), [(45, 0), (46, 1)])
def test_a_long_function_is_seen(lines, found, docstring):
    text = "async def f():\n" + docstring + "    pass\n" * (lines - 1)
    assert len(long_functions(ast.parse(text), "x.py")) == found
