"""Functions are at most 45 lines long."""

from __future__ import annotations

import ast

import pytest

from tests.quality.test_static_gates import TREES

pytestmark = pytest.mark.checkout

MAX_LINES = 45
# These parts of the package have no longer function.
FOLDERS = (
    "iiniit_guard/adapting/",
    "iiniit_guard/asgi.py",
    "iiniit_guard/cli/",
    "iiniit_guard/core/",
    "iiniit_guard/django/",
    "iiniit_guard/engine.py",
    "iiniit_guard/flask/",
    "iiniit_guard/guard.py",
    "iiniit_guard/io/",
    "iiniit_guard/observe/",
    "iiniit_guard/rules/",
    "iiniit_guard/starlette.py",
    "iiniit_guard/wsgi.py",
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
