"""Tests and files that the documents name exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "explanation").rglob("*.md"))
RFC_PAGES = sorted((ROOT / "docs" / "explanation" / "rfc").glob("*.md"))
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`((?:tests|iiniit_guard|examples)/[\w/]+\.\w+)`")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def rows(page: Path) -> list[list[str]]:
    """Return the rows of all tables, without their headers."""
    lines = page.read_text(encoding="utf-8").splitlines()
    found = [
        line
        for number, line in enumerate(lines)
        if line.startswith("| ") and lines[number + 1 : number + 2] != ["|---|"]
    ]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found]


@each_page
def test_every_test_that_is_named_exists(page):
    named = TEST.findall(page.read_text(encoding="utf-8"))
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or name not in functions_of(path)
    ]

    assert missing == []


@each_page
def test_every_file_that_is_named_exists(page):
    assert [
        path
        for path in FILE.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / path).exists()
    ] == []


def test_every_promise_names_its_test():
    text = (ROOT / "docs" / "explanation" / "security.md").read_text(encoding="utf-8")
    promises = text.partition("## What is promised")[2].partition("## The means")[0]
    bare = [
        line
        for line in promises.splitlines()
        if line.startswith("| ") and line != "| promise | held by |" and not TEST.search(line)
    ]

    assert bare == []
    assert len(TEST.findall(promises)) > 40


@pytest.mark.parametrize("page", RFC_PAGES, ids=lambda page: page.stem)
def test_every_clause_names_its_test(page):
    clauses = rows(page)[1:]

    assert len(clauses) > 2
    for clause, _, where, held in clauses:
        assert TEST.search(held) or (where, held) == ("—", "—") or held == "`tests/—`", clause


def test_every_rfc_has_its_page():
    numbers = [
        "6749",
        "6750",
        "7515",
        "7517",
        "7518",
        "7519",
        "7523",
        "7662",
        "8414",
        "8705",
        "8725",
        "9068",
        "9110-11",
    ]
    further = ["3986", "6455", "7239", "7638", "7800", "8037", "8259", "9111"]
    wanted = [*numbers, *further, "8693", "9396", "9440", "9457", "9470", "9700", "9701", "9728"]

    assert {page.stem for page in RFC_PAGES} >= {f"rfc{number}" for number in wanted}
