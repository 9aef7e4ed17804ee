"""What a programmer or an operator did wrong; never what a token did wrong (that is a `Problem`)."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class GuardError(Exception):
    """The base of every exception of this package."""


class SettingsError(GuardError):
    """One or more settings are missing, unknown or unusable.

    All faults are found before this is raised, so that one look mends them all. As a text it has one line for each.

    Attributes:
        faults: One sentence per fault, each beginning with the setting's name. No sentence holds a secret.
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return self.faults[0]
        return "\n  ".join([f"{len(self.faults)} faults:", *self.faults])


class MissingExtra(SettingsError, ModuleNotFoundError):
    """Something is used that an extra brings, and the extra is not installed.

    It is an ImportError for whoever imports an adapter, and a SettingsError for whoever reads settings that want it.
    """


@contextmanager
def needs_extra(extra: str, what: str) -> Iterator[None]:
    """Say what to install where an import in this block fails.

    Args:
        extra: Such as `flask`.
        what: The module of ours or the setting that needs it.

    Raises:
        MissingExtra: In place of Python's own error, which is its cause.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == __package__:  # a part of ours that is not there is in no extra
            raise
        error = MissingExtra([f"{what}: {missing}; pip install 'iiniit-guard[{extra}]'"])
        error.name = missing.name
        raise error from missing


class UsageError(GuardError):
    """A decorator, a middleware or a call is used in a way that could let requests through; they are refused instead."""
