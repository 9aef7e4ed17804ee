"""Run commands of `iiniit-guard` in this process, as a terminal would show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from iiniit_guard.cli.commands import commands

HERE = Path(__file__).parent
APPS = HERE / "apps"


def run(*arguments: str, text: str = "", **settings: Any) -> Result:
    """Return the result of a command, whose standard input is `text`."""
    return CliRunner().invoke(
        commands, list(arguments), input=text, prog_name="iiniit-guard", **settings
    )
