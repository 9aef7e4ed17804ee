"""The kinds of requests in the soak test, and their shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WEIGHTS: Final[Mapping[str, int]] = {
    "jwt": 38,
    "opaque": 22,
    "revocable": 6,
    "introspect jwt": 6,
    "introspect opaque": 9,
    "introspect revocable": 4,
    "no token": 4,
    "no scope": 3,
    "expired": 2,
    "bad signature": 2,
    "unknown key": 2,
    "junk": 2,
}
WITHOUT_SERVER: Final = frozenset({"jwt", "introspect jwt", "no token", "no scope", "expired"})
"""What is judged without the authorization server: 503 is never right for these."""
OF_KEYS: Final = frozenset({"bad signature", "unknown key"})
"""What may make the guard fetch the keys again, and so is 503 while they cannot be fetched and
until the next fetch is due.
"""
