"""The claim `status` of a token: where its entry in a Token Status List is.

Spec: draft-ietf-oauth-status-list-20 §6.1, §6.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.core.model.problem import Problem, malformed_claim

MALFORMED: Final[Problem] = malformed_claim("status", "status list")
"""The refusal of a token whose claim `status` is missing, malformed, or beyond its list."""
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
"""The characters of a URI without a fragment (RFC 3986 §2)."""


@dataclass(frozen=True, slots=True)
class StatusReference:
    """An entry of a status list.

    Attributes:
        uri: The URL of the status list; only its characters have been checked.
        index: The number of the entry, from 0.
    """

    uri: str
    index: int


def read_reference(claims: JsonMapping) -> StatusReference | Problem | None:
    """Return the reference in verified claims; None if they name no status list.

    Members that are not known are ignored: `status` may name another mechanism.
    """
    if "status" not in claims:
        return None
    status = claims["status"]
    if not isinstance(status, dict) or not status:  # §6.2: at least one mechanism
        return MALFORMED
    if "status_list" not in status:
        return None
    listed = status["status_list"]
    if not isinstance(listed, dict):
        return MALFORMED
    index, uri = listed.get("idx"), listed.get("uri")
    # `type`: True is an int, and 1.0 is not an index.
    if type(index) is not int or index < 0:
        return MALFORMED
    if not isinstance(uri, str) or _CHARACTERS.fullmatch(uri) is None:
        return MALFORMED
    return StatusReference(uri, index)
