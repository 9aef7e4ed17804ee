"""What a programmer or an operator did wrong; never what a token did wrong (that is a `Problem`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class GuardError(Exception):
    """The base of every exception of this package."""


class SettingsError(GuardError):
    """One or more settings are missing, unknown or unusable.

    All faults are found before this is raised, so that one look mends them all.

    Attributes:
        faults: One sentence per fault, each beginning with the setting's name. No sentence holds a secret.
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults: tuple[str, ...] = tuple(faults)
        super().__init__("; ".join(self.faults))


class UsageError(GuardError):
    """A decorator, a middleware or a call is used in a way that could let requests through; they are refused instead."""
