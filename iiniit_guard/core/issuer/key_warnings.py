"""Warnings in the log about keys of an issuer that cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Final

from iiniit_guard.core.jose.jwk import ENCRYPTION, JwkSet, SkippedKey
from iiniit_guard.core.model.log_line import write_line

_NAMED: Final = 10
_LONGEST_KID: Final = 64


class KeyWarnings:
    """Log the unusable keys of one issuer, once for each change of its key set.

    Args:
        issuer: The issuer, for the log.
        admit: Called before each line; returns whether it may be logged.
    """

    def __init__(self, issuer: str, admit: Callable[[], bool] = lambda: True) -> None:
        self._issuer = issuer
        self._admit = admit
        self.last: Hashable = None
        """The content of the last key set; None if no key of that set was reported."""

    def report(self, keys: JwkSet) -> None:
        """Log the skipped keys of a set, unless the same set was reported last.

        A key for encryption is not reported if the set has usable keys too. The caller may omit the
        call if `last` is None and the set has no skipped keys.
        """
        faults = [key for key in keys.skipped if key.reason != ENCRYPTION or not keys.keys]
        usable = tuple((key.kid, key.algorithms, key.numbers) for key in keys.keys)
        content = (usable, keys.skipped) if faults else None
        if content == self.last:
            return
        self.last = content
        if faults and self._admit():
            named = ", ".join(map(_described, faults[:_NAMED]))
            more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
            line = "jwks: keys of %s cannot be used: %s%s"
            write_line(logging.WARNING, line, self._issuer, named, more)


def _described(key: SkippedKey) -> str:
    """Return the name of a key for the log. The key ID is escaped and cut: the issuer chose it."""
    if key.kid is None:
        return f"number {key.position + 1} ({key.reason})"
    cut = "..." if len(key.kid) > _LONGEST_KID else ""
    return f"kid {key.kid[:_LONGEST_KID]!a}{cut} ({key.reason})"
