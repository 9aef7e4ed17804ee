"""Constructs that are forbidden in the package; ruff's security rules are enabled for it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import iiniit_guard

pytestmark = pytest.mark.checkout

HERE = Path(__file__).resolve().parent
PACKAGE = Path(iiniit_guard.__file__).parent
ROOT = PACKAGE.parent
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

# Each catches everything, and none ends in a grant: it raises again, hands the error on, refuses,
# or decides nothing at all.
BROAD = {
    "iiniit_guard/core/http/error_body.py:content_of": "returns",  # the body of a refusal
    "iiniit_guard/core/issuer/introspection_call.py:_read_answer": "returns",  # an outage
    "iiniit_guard/io/bounded_calls.py:_settled": "returns",  # an outage
    "iiniit_guard/io/bounded_calls.py:call_async": "returns",  # an outage
    # the recorded refusal, or raises on
    "iiniit_guard/django/middleware.py:__call__": "returns",
    "iiniit_guard/django/middleware.py:_finish_async": "returns",
    # a listing of permissions, which decides about no request
    "iiniit_guard/rest_framework/operations.py:permissions_of": "returns",
    "iiniit_guard/adapting/wsgi_response.py:_begin": "raises",
    "iiniit_guard/adapting/wsgi_response.py:_pass_on": "raises",
    "iiniit_guard/adapting/wsgi_response.py:respond": "returns",  # raises, or returns the refusal
    # the application's failure after a refusal, which is sent
    "iiniit_guard/asgi.py:__call__": "refuses",
    "iiniit_guard/adapting/token_watch.py:begin": "ends",  # the connection whose check raises
    "iiniit_guard/adapting/token_watch.py:finish_async": "ends",
    "iiniit_guard/adapting/token_watch.py:permits": "ends",
    # a broken listener must neither admit nor refuse anyone
    "iiniit_guard/events.py:_emit": "logs",
    "iiniit_guard/events.py:begin": "logs",
    "iiniit_guard/io/observed_call.py:__enter__": "logs",
    "iiniit_guard/io/observed_call.py:__exit__": "logs",
    "iiniit_guard/io/daemon_threads.py:__call__": "hands on",
    "iiniit_guard/io/exchange.py:raised_as": "raises",
    "iiniit_guard/io/http_loops.py:open_tunnel": "raises",
    "iiniit_guard/io/http_loops.py:start_tls": "raises",
    "iiniit_guard/io/http_threads.py:open_tunnel": "raises",
    "iiniit_guard/io/http_threads.py:start_tls": "raises",
    "iiniit_guard/io/effects.py:_run_later": "logs",
    "iiniit_guard/io/event_loops.py:_run_later": "logs",
    "iiniit_guard/io/store.py:perform": "misses",
    "iiniit_guard/io/store.py:perform_async": "misses",
    "iiniit_guard/sidecar/sidecar.py:_keep_watch": "logs",
    "iiniit_guard/adapting/wrappers.py:guarded": "hands on",  # it throws into the guarded one
}
LONGEST = 300  # lines of a file of tests or examples
LONGEST_OF_PACKAGE = 300
WIDEST = 100  # columns; ruff does not count the pragma at the end of a line
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml"}
# It unpacks only bytes that it packed itself, in this process; none ever comes from outside.
MAY_MARSHAL = "iiniit_guard/core/cache/entry.py"
LOG_METHODS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
NEVER_LOGGED = {
    "authorization",
    "assertion",
    "body",
    "claims",
    "client_secret",
    "cookie",
    "credential",
    "credentials",
    "header",
    "headers",
    "jws",
    "password",
    "payload",
    "query",
    "secret",
    "signature",
    "subject",
    "token",
}


def places(tree: ast.AST, path: str) -> Iterator[tuple[str, ast.AST]]:
    """Return every node with `path:function`, the innermost function that contains it."""

    def walk(node: ast.AST, place: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            inner = (
                f"{path}:{child.name}"
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
                else place
            )
            yield inner, child
            yield from walk(child, inner)

    return walk(tree, path)


def name_of(node: ast.AST) -> str:
    return (
        node.attr
        if isinstance(node, ast.Attribute)
        else node.id
        if isinstance(node, ast.Name)
        else ""
    )


def faults(tree: ast.AST, path: str) -> list[str]:
    """Return the forbidden constructs."""
    found = []
    for place, node in places(tree, path):
        if isinstance(node, ast.Assert):
            found.append(f"{place}: assert, which python -O leaves out")
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            allowed = {"marshal"} if path == MAY_MARSHAL else set()
            found += [
                f"{place}: {name}"
                for name in names
                if name.partition(".")[0] in FORBIDDEN_MODULES - allowed
            ]
        elif isinstance(node, ast.Call):
            # re.compile is harmless, so only the bare names count.
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                found.append(f"{place}: {node.func.id}()")
            if (
                isinstance(node.func, ast.Attribute)
                and node.func.attr in LOG_METHODS
                and "log" in name_of(node.func.value)
            ):
                found += [f"{place}: logs {name}" for name in logged(node)]
        elif isinstance(node, ast.ExceptHandler) and is_broad(node) and place not in BROAD:
            found.append(f"{place}: catches everything")
    return found


def logged(call: ast.Call) -> set[str]:
    """Return the values that are logged and must not be."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    names = {name_of(node).lower() for argument in arguments for node in ast.walk(argument)}
    tracebacks = (
        {"a traceback"}
        if any(keyword.arg == "exc_info" for keyword in call.keywords)
        or name_of(call.func) == "exception"
        else set()
    )
    return {name for name in names if name.lstrip("_") in NEVER_LOGGED} | tracebacks


def is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(name_of(kind) in {"Exception", "BaseException"} for kind in kinds)


def ending(handler: ast.ExceptHandler) -> str:
    """Return how a handler ends."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise):
        return "raises"
    calls = {name_of(node.func) for node in ast.walk(handler) if isinstance(node, ast.Call)}
    if calls == {"_fail"}:
        return "ends"
    if isinstance(last, ast.Return):
        return "misses" if calls <= {"_failed"} else "returns"
    if calls == {"finish"}:
        return "refuses"
    if calls & {"set_exception", "athrow", "throw"}:
        return "hands on"
    return "logs" if calls <= {"error", "type", "log_failure", "_log_failure"} else "goes on"


def longer_than(most: int, *places: Path) -> dict[str, int]:
    """Return the Python files with more than `most` lines."""
    lengths = {
        str(path): len(path.read_text(encoding="utf-8").splitlines())
        for place in places
        for path in place.rglob("*.py")
    }
    return {path: length for path, length in lengths.items() if length > most}


def wider_than(most: int, *places: Path) -> list[str]:
    """Return the lines with more than `most` columns, a pragma at the end included."""
    return [
        f"{path}:{number}"
        for place in places
        for path in sorted(place.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > most
    ]


def test_no_python_file_has_more_than_300_lines():
    assert longer_than(LONGEST_OF_PACKAGE, PACKAGE) == {}
    assert longer_than(LONGEST, ROOT / "tests", ROOT / "examples") == {}


def test_no_line_of_tests_and_examples_has_more_than_100_columns():
    assert wider_than(WIDEST, ROOT / "tests", ROOT / "examples") == []


def test_a_column_too_many_is_seen(tmp_path):
    (tmp_path / "wide.py").write_text(f"{'x' * 100}\n{'x' * 93}  # noqa\n")

    assert wider_than(100, tmp_path) == [f"{tmp_path / 'wide.py'}:2"]


def test_a_line_too_many_is_seen(tmp_path):
    (tmp_path / "below").mkdir()
    for name, length in (("short.py", 300), ("below/long.py", 301), ("long.txt", 301)):
        (tmp_path / name).write_text("pass\n" * length)

    assert longer_than(300, tmp_path) == {str(tmp_path / "below" / "long.py"): 301}


@pytest.mark.parametrize("path", TREES)
def test_nothing_forbidden_stands_in(path):
    assert faults(TREES[path], path) == []


def test_every_broad_handler_is_listed_and_ends_as_it_says():
    seen = {
        place: ending(node)
        for path, tree in TREES.items()
        for place, node in places(tree, path)
        if isinstance(node, ast.ExceptHandler) and is_broad(node)
    }

    assert seen == BROAD


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    assert True",
        "import pickle",
        "from marshal import loads",
        "eval('1')",
        "exec('1')",
        "_log.info('refused %s', token)",
        "_log.info(f'refused {request.headers}')",
        "logger.warning('x', extra={'s': self._secret})",
        "_log.exception('failed')",
        "_log.error('failed', exc_info=True)",
        "try:\n    f()\nexcept Exception:\n    g()",
        "try:\n    f()\nexcept (OSError, BaseException):\n    g()",
        "try:\n    f()\nexcept:\n    g()",
    ],
)
def test_the_gate_bites(text):
    assert len(faults(ast.parse(text), "x.py")) == 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("def f() -> None:\n    assert f\n", "S101"),
        ("exec('x')\n", "S102"),
        ("import pickle\n\npickle.loads(b'')\n", "S301"),
        ("import hashlib\n\nhashlib.md5(b'')\n", "S324"),
        ("eval('x')\n", "S307"),
        ("import random\n\nx = random.random()\n", "S311"),
        ("import ssl\n\nssl._create_unverified_context()\n", "S323"),
        ("def f() -> None:\n    try:\n        f()\n    except Exception:\n        pass\n", "S110"),
        ("def f() -> None:\n    try:\n        f()\n    except Exception:\n        f()\n", "BLE001"),
        ("import time\n\nx = time.time()\n", "TID251"),
        ("import jwt\n\nx = jwt.decode('x')\n", "TID251"),
    ],
    ids=lambda value: value if value[0].isupper() else "",
)
def test_the_rules_of_ruff_bite(text, rule):
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--output-format=json",
        "--stdin-filename",
        str(PACKAGE / "core" / "probe.py"),
        "-",
    ]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert rule in {found["code"] for found in json.loads(done.stdout)}
