"""The commands of `iiniit-guard`.

The module of a command is imported when that command runs, so that a short command does not wait
for the import of the web server.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

COMMANDS: Final[Mapping[str, str]] = {
    "hash-secret": "iiniit_guard.cli.hash_secret:hash_secret",
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
def commands() -> None:
    """Guard HTTP APIs with OAuth 2.0 access tokens."""
