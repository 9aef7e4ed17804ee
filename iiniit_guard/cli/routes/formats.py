"""The table of routes as text, JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import click

from iiniit_guard.adapting.alternatives import Alternatives
from iiniit_guard.adapting.protected_paths import ProtectedPaths
from iiniit_guard.cli.routes.route import State, Verdict
from iiniit_guard.core.model.policy import Policy

_COLUMNS: Final = ("METHODS", "PATH", "POLICY", "GUARDED BY", "DECLARED")
_STATES: Final[tuple[State, ...]] = ("guarded", "anonymous", "public", "refused", "unguarded")
_COLOURS: Final[dict[State, str]] = {"unguarded": "red", "public": "yellow", "anonymous": "yellow"}


def as_text(verdicts: Sequence[Verdict], allowed: frozenset[int]) -> str:
    """Return a table with a line of totals.

    Routes that are unguarded or fail are red on a terminal.

    Args:
        verdicts: One for each row.
        allowed: The positions of the unguarded routes that are intended.
    """
    rows = [_cells(verdict, place in allowed) for place, verdict in enumerate(verdicts)]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    lines = [click.style(_line(_COLUMNS, widths), bold=True)]
    for place, (verdict, cells) in enumerate(zip(verdicts, rows, strict=True)):
        colour = "red" if verdict.is_fault else _COLOURS.get(verdict.state)
        colour = None if place in allowed else colour
        line = _line(cells, widths)
        lines.append(line if colour is None else click.style(line, fg=colour))
    faults = [click.style(line, fg="red") for line in fault_lines(verdicts)]
    return "\n".join([*lines, "", *faults, *_after(faults), summary(verdicts, allowed)])


def as_markdown(verdicts: Sequence[Verdict], allowed: frozenset[int]) -> str:
    """Return the table in Markdown, for a review or a wiki."""
    rows = [_cells(verdict, place in allowed) for place, verdict in enumerate(verdicts)]
    lines = [_COLUMNS, tuple("---" for _ in _COLUMNS)]
    for verdict, (methods, path, policy, *rest) in zip(verdicts, rows, strict=True):
        is_strong = verdict.state == "unguarded" or verdict.is_fault
        strong = f"**{policy}**" if is_strong else policy
        lines.append((methods, f"`{path}`", strong, *rest))
    table = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    faults = [f"- {line}" for line in fault_lines(verdicts)]
    return "\n".join([*table, "", *faults, *_after(faults), summary(verdicts, allowed)])


def as_json(verdicts: Sequence[Verdict], allowed: frozenset[int], unused: Sequence[str]) -> str:
    """Return the routes as a JSON object."""
    document = {
        "routes": [_entry(verdict, place in allowed) for place, verdict in enumerate(verdicts)],
        "totals": _totals(verdicts, allowed),
        "unused_allow": list(unused),
    }
    return json.dumps(document, indent=2)


def summary(verdicts: Sequence[Verdict], allowed: frozenset[int]) -> str:
    """Return one line with the number of routes in each state."""
    totals = [f"{number} {name}" for name, number in _totals(verdicts, allowed).items() if number]
    routes = "1 route" if len(verdicts) == 1 else f"{len(verdicts)} routes"
    return f"{routes}: {', '.join(totals) or 'none'}"


def fault_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a line for each route that fails at every request, with the reason."""
    return [
        f"{_methods(verdict)} {verdict.route.path}: every request fails: {verdict.why}"
        for verdict in verdicts
        if verdict.is_fault
    ]


def alternatives_text(alternatives: Alternatives) -> str:
    """Return alternatives in a few words, such as `user:read and acr=gold, or user:admin`."""
    return ", or ".join(" and ".join(map(policy_text, one)) for one in alternatives)


def policy_text(policy: Policy) -> str:
    """Return a policy in a few words, such as `user:read acr=gold max_age=300`."""
    join = " | " if policy.match == "any" else " "
    words = [join.join(policy.scopes)] if policy.scopes else []
    words += [f"acr={','.join(policy.acr_values)}"] if policy.acr_values else []
    words += [] if policy.max_age is None else [f"max_age={policy.max_age}"]
    words += [demand.text for demand in policy.demands]
    words += ["(token optional)"] if policy.anonymous else []
    return " ".join(words) or "any token"


def _after(paragraph: list[str]) -> list[str]:
    """Return the empty line after a paragraph, if there is one."""
    return [""] if paragraph else []


def _methods(verdict: Verdict) -> str:
    route = verdict.route
    return ",".join(route.methods) or {"http": "*", "mount": "*"}.get(route.kind, "WebSocket")


def _cells(verdict: Verdict, allowed: bool) -> tuple[str, ...]:
    route = verdict.route
    guarded_by = ", ".join(verdict.guarded_by) or "-"
    declared = f"{route.declared or '?'} {route.handler}" if route.handler else "-"
    return (_methods(verdict), route.path, _policy_cell(verdict, allowed), guarded_by, declared)


def _policy_cell(verdict: Verdict, allowed: bool) -> str:
    if verdict.state == "unguarded":
        return f"{'allowed' if allowed else 'UNGUARDED'}: {verdict.why}"
    if verdict.state == "public":
        return f"public ({verdict.why})"
    if verdict.state == "refused":
        return "always fails" if verdict.is_fault else "always refused"
    return " and ".join(
        filter(None, [alternatives_text(verdict.alternatives), verdict.route.checks])
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()


def _totals(verdicts: Sequence[Verdict], allowed: frozenset[int]) -> dict[str, int]:
    states = [
        "allowed" if place in allowed else verdict.state for place, verdict in enumerate(verdicts)
    ]
    return {state: states.count(state) for state in (*_STATES, "allowed")}


def _entry(verdict: Verdict, allowed: bool) -> dict[str, Any]:
    route = verdict.route
    return {
        "kind": route.kind,
        "methods": list(route.methods),
        "path": route.path,
        "state": verdict.state,
        "allowed": allowed,
        "why": verdict.why or None,
        "alternatives": [list(map(_policy_entry, one)) for one in verdict.alternatives],
        "checks": route.checks or None,
        "fault": route.fault,
        "guarded_by": list(verdict.guarded_by),
        "middleware": [
            {
                "name": layer.name,
                "base": layer.base or "/",
                "enforce": layer.admission.enforce,
                "public": sorted({*layer.admission.public, *_stars(layer.admission.subtrees)}),
                "only": _only(layer.admission.only),
                "rules": layer.admission.rules is not None,
            }
            for layer in route.layers
        ],
        "handler": route.handler,
        "declared": route.declared or None,
    }


def _policy_entry(policy: Policy) -> dict[str, Any]:
    return {
        "scopes": list(policy.scopes),
        "match": policy.match,
        "acr_values": list(policy.acr_values),
        "max_age": policy.max_age,
        "demands": [demand.text for demand in policy.demands],
        "anonymous": policy.anonymous,
    }


def _only(only: ProtectedPaths | None) -> list[str] | None:
    return None if only is None else sorted({*only.exact, *_stars(only.subtrees)})


def _stars(subtrees: Sequence[str]) -> list[str]:
    return [f"{subtree}*" for subtree in subtrees]
