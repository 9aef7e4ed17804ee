"""Helpers for rules: one-word answers, and rules whose scope is their path."""

from __future__ import annotations

from iiniit_guard.adapting.admission import PASS
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.rules import Rule, Rules

UUID = "123e4567-e89b-12d3-a456-426614174000"


def seen(answer) -> str:
    """Return an answer in one word: the reason, `pass`, or the scopes."""
    if isinstance(answer, Problem):
        return answer.reason.value
    if answer == PASS:
        return "pass"
    return ("optional " if answer.anonymous else "") + (" " if answer.match == "all" else "|").join(
        answer.scopes
    )


def scoped(*paths: str, method: str = "*") -> Rules:
    """Return rules in which each path requires itself as scope; a path with ! is public."""
    return Rules(
        [
            Rule(
                method,
                path.removeprefix("!"),
                public=path[0] == "!",
                scopes=() if path[0] == "!" else scope(path),
            )
            for path in paths
        ]
    )


def scope(path: str) -> str:
    return path.replace(" ", "")
