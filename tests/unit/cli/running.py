"""Run commands of `iiniit-guard` in this process, as a terminal would show them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from iiniit_guard.cli.commands import commands
from iiniit_guard.cli.routes.route import Route, verdicts_of

HERE = Path(__file__).parent
APPS = HERE / "apps"


def states(routes: Iterable[Route]) -> list[tuple[str, str, str]]:
    """Return the methods, the path and the state of each route."""
    return [
        (",".join(verdict.route.methods), verdict.route.path, verdict.state)
        for route in routes
        for verdict in verdicts_of(route)
    ]


def cells_of(table: str) -> list[list[str]]:
    """Return the cells of each line of a table."""
    rows = [line.split("  ") for line in table.splitlines()]
    return [[cell.strip() for cell in row if cell.strip()] for row in rows]


def run(*arguments: str, text: str = "", **settings: Any) -> Result:
    """Return the result of a command, whose standard input is `text`."""
    return CliRunner().invoke(
        commands, list(arguments), input=text, prog_name="iiniit-guard", **settings
    )
