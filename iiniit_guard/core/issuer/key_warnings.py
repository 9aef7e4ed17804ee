"""Warnings in the log about keys of an issuer that cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import Final

from iiniit_guard.core.jose.jwk import ENCRYPTION, JwkSet, SkippedKey

_NAMED: Final = 10
_LONGEST_KID: Final = 64

_log: Final = logging.getLogger("iiniit_guard")


class KeyWarnings:
    """Log the unusable keys of one issuer, once for each change of its key set.

    Args:
        issuer: The issuer, for the log.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
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
        if faults:
            named = ", ".join(map(_described, faults[:_NAMED]))
            more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
            _log.warning("jwks: keys of %s cannot be used: %s%s", self._issuer, named, more)


def _described(key: SkippedKey) -> str:
    """Return the name of a key for the log. The key ID is escaped and cut: the issuer chose it."""
    if key.kid is None:
        return f"number {key.position + 1} ({key.reason})"
    cut = "..." if len(key.kid) > _LONGEST_KID else ""
    return f"kid {key.kid[:_LONGEST_KID]!a}{cut} ({key.reason})"
