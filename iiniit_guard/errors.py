"""Errors of a programmer or an operator. A fault of a token is a `Problem`, not such an error."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class GuardError(Exception):
    """Base class of every exception of this package."""


class SettingsError(GuardError):
    """At least one setting is missing, unknown or invalid.

    All faults are collected before this is raised, so that they can be fixed together. The text of
    the exception has one line per fault.

    Attributes:
        faults: One sentence per fault, which begins with the name of the setting. No sentence
            contains a secret.
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return self.faults[0]
        return "\n  ".join([f"{len(self.faults)} faults:", *self.faults])


class MissingExtra(SettingsError, ModuleNotFoundError):
    """A module or a setting needs an extra that is not installed.

    This is an ImportError for code that imports an adapter, and a SettingsError for code that reads
    settings.
    """


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Raise `MissingExtra`, which names the extra, if an import in this block fails.

    Args:
        extra: For example `flask`.
        what: The module of this package, or the setting, that needs the extra.

    Raises:
        MissingExtra: Replaces the ModuleNotFoundError, which becomes its cause.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        # A missing module of this package is a bug; no extra provides it.
        if (missing.name or "").partition(".")[0] == __package__:
            raise
        error = MissingExtra([f"{what}: {missing}; pip install 'iiniit-guard[{extra}]'"])
        error.name = missing.name
        raise error from missing


class UsageError(GuardError):
    """A decorator, middleware or call is used in an unsafe way.

    Such a use could admit requests, so the guard refuses them.
    """
