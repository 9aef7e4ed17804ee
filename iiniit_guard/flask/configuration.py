"""The keys `IINIIT_GUARD_…` in the configuration of a Flask application."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from iiniit_guard.adapting.configuration import OF_THE_MIDDLEWARE
from iiniit_guard.adapting.types import Keywords
from iiniit_guard.errors import SettingsError
from iiniit_guard.io.settings import PREFIX, settings_from_env

_NO_SETTINGS: Final = ("guard", "clock", "transport")
_PATHS: Final = frozenset({"public", "only"})


def settings_from_config(config: Mapping[str, Any]) -> Keywords:
    """Return the settings of the guard and of the extension in the configuration.

    A string is parsed like an environment variable, and an empty one counts as unset. Any other
    value is that of the keyword; None counts as unset.

    Args:
        config: The configuration. Keys without the prefix `IINIIT_GUARD_` are ignored.

    Raises:
        SettingsError: A string cannot be parsed, or a setting is unknown; `faults` names every
            fault.
    """
    texts: dict[str, str] = {}
    values: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    faults: list[str] = []
    for key, written in config.items():
        if not key.startswith(PREFIX) or written is None:
            continue
        name = key[len(PREFIX) :].lower()
        value = os.fspath(written) if isinstance(written, os.PathLike) else written
        if name in OF_THE_MIDDLEWARE:
            if value != "":
                ours[name] = _parse(name, value, faults)
        elif isinstance(value, str):
            texts[key] = value
        else:
            values[name] = value
    settings: dict[str, Any] = {name: values.pop(name) for name in _NO_SETTINGS if name in values}
    try:
        settings |= settings_from_env(texts, values)
    except SettingsError as fault:
        faults += fault.faults
    if faults:
        raise SettingsError(faults)
    return {**settings, **ours}


def _parse(name: str, value: object, faults: list[str]) -> object:
    """Return the value of a setting of the extension, parsed if it is a string."""
    if not isinstance(value, str):
        return value
    if name in _PATHS:
        return value.split()
    if name == "optional_token":
        if value.lower() not in ("true", "false"):
            faults.append(f"{name}: must be true or false")
        return value.lower() == "true"
    return value
