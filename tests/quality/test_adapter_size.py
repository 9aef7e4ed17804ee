"""An adapter stays small: what several of them need belongs to `adapting/`."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.checkout

PACKAGE: Final = Path("iiniit_guard")
LIMITS: Final = {
    "asgi.py": 150,
    "starlette.py": 150,
    "wsgi.py": 150,
    "flask/*.py": 150,
    "django/*.py": 220,
}
"""Maximum number of lines of code in each of these modules."""
_LAYOUT: Final = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)


def lines_of_code(source: str) -> int:
    """Return the number of lines without blank lines, comments and docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines.difference_update(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(lines)


@pytest.mark.parametrize(("pattern", "limit"), LIMITS.items())
def test_the_modules_of_an_adapter_are_short(pattern, limit):
    sizes = {str(path): lines_of_code(path.read_text()) for path in PACKAGE.glob(pattern)}
    assert sizes
    assert {path: size for path, size in sizes.items() if size > limit} == {}


def test_only_code_counts():
    assert lines_of_code('"""One.\n\nTwo.\n"""\n\n# three\nx = [\n    1,\n]  # four\n') == 3
