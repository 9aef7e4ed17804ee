"""The options by which a command gets the settings of a guard."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from iiniit_guard.cli.loading import load_guard
from iiniit_guard.core.settings.guard_settings import GuardSettings, make_settings
from iiniit_guard.errors import SettingsError
from iiniit_guard.io.effects import Transport
from iiniit_guard.io.settings import PREFIX, settings_from_env, settings_from_file

F = TypeVar("F", bound=Callable[..., Any])


class Source(NamedTuple):
    """The settings of a guard.

    Attributes:
        name: Where they come from, for people.
        settings: The checked settings.
        transport: What the guard calls instead of the network; None for the network.
        wall: The clock of the guard; None for that of the machine.
    """

    name: str
    settings: GuardSettings
    transport: Transport | None = None
    wall: Callable[[], float] | None = None


def settings_option(command: F) -> F:
    """Add the option `--settings` to a command."""
    return click.option(
        "--settings",
        "place",
        metavar="FILE|MODULE:GUARD",
        help="A TOML file, or a Guard of a module, module:guard. Default: guard.toml if it exists, "
        f"otherwise the variables {PREFIX}*.",
    )(command)


def read_settings(place: str | None) -> Source:
    """Return the settings at a place.

    Raises:
        SettingsError: A setting is invalid.
        ClickException: The guard does not exist, or no settings were given.
    """
    if place is None:
        if not Path("guard.toml").exists():
            return _from_env()
        place = "guard.toml"
    if ":" in place and not Path(place).exists():
        engine = load_guard(place)._engine
        clock = engine.resource.clock.wall
        return Source(place, engine.resource.settings, engine._runner.transport, clock)
    return Source(place, make_settings(settings_from_file(place)))


def _from_env() -> Source:
    if not any(name.startswith(PREFIX) for name in os.environ):
        raise click.UsageError(
            "there are no settings: pass --settings guard.toml or --settings module:guard, or set "
            f"{PREFIX}ISSUER and {PREFIX}AUDIENCE"
        )
    return Source(f"the variables {PREFIX}*", make_settings(settings_from_env(os.environ)))


def faults_text(error: SettingsError) -> str:
    """Return the faults of settings, one a line."""
    return "\n".join(["the settings have faults:", *(f"  {fault}" for fault in error.faults)])
