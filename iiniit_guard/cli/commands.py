"""The commands of `iiniit-guard`.

The module of a command is imported when that command runs, so that a short command does not wait
for the import of the web server.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

COMMANDS: Final[Mapping[str, str]] = {
    "completion": "iiniit_guard.cli.completion:completion",
    "dev-issuer": "iiniit_guard.cli.dev_issuer:dev_issuer",
    "doctor": "iiniit_guard.cli.doctor.command:doctor",
    "explain": "iiniit_guard.cli.explain.command:explain_command",
    "hash-secret": "iiniit_guard.cli.hash_secret:hash_secret",
    "routes": "iiniit_guard.cli.routes.command:list_routes",
    "serve": "iiniit_guard.cli.serve:serve",
}
"""Command name → `module:attribute`."""


class LazyCommands(click.Group):
    """A click group that imports the module of a command when click looks the command up."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or return None if no command has this name."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(import_module(module), name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="iiniit-guard")
@click.pass_context
def commands(ctx: click.Context) -> None:
    """Guard HTTP APIs with OAuth 2.0 access tokens.

    Output is coloured on a terminal only. NO_COLOR switches the colours off, FORCE_COLOR on.
    """
    # https://no-color.org: any value but the empty one
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    elif os.environ.get("FORCE_COLOR"):
        ctx.color = True
