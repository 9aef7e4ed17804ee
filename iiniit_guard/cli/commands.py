"""The commands, each loaded when it is first wanted: `explain` must not wait for a web server's modules."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

import click

COMMANDS: Final[Mapping[str, str]] = {
    "hash-secret": "iiniit_guard.cli.hash_secret:hash_secret",
    "serve": "iiniit_guard.cli.serve:serve",
}
"""Name → module and attribute."""


class LazyCommands(click.Group):
    """A group that imports the module of a command when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command; None where there is none of this name."""
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
