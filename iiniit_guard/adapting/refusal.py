"""The header fields of a refusal that replaces another response."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from iiniit_guard.core.decision import Answer

# They describe the content of the replaced response or frame its message (RFC 9110 §6.5, §8, §10.2.2; RFC 9111 §5; RFC 9112 §6).
_OF_THE_REPLACED: Final = frozenset(
    {
        *("accept-ranges", "age", "cache-control", "etag", "expires", "last-modified", "location", "refresh", "pragma"),
        *("retry-after", "trailer", "transfer-encoding", "www-authenticate", "proxy-authenticate", "authentication-info", "dpop-nonce"),
    }
)
# A list each: the refusal's members and those that other layers added are both meant.
_LISTS: Final = frozenset({"vary", "access-control-expose-headers"})


def replace_headers(refusal: Answer, replaced: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the header fields of `refusal`, followed by those that other layers added to the response that it replaces.

    CORS fields, request identifiers and cookies stay. What describes the replaced content, redirects, or belongs to the refusal goes.

    Args:
        refusal: What is sent.
        replaced: List of (name, value) of the response that the application started; names in any case.
    """
    own = {name.lower() for name, _ in refusal.headers}
    added = [(name, value, name.lower()) for name, value in replaced]
    kept = [
        (name, value)
        for name, value, folded in added
        if folded not in own and folded not in _OF_THE_REPLACED and folded not in _LISTS and not folded.startswith("content-")
    ]
    lists = {folded: [value for _, value, name in added if name == folded] for folded in _LISTS}
    fields = [
        (name, ", ".join(_members([value, *lists.pop(name.lower(), ())]))) for name, value in refusal.headers if name.lower() in _LISTS
    ]
    rest = [(folded, ", ".join(_members(values))) for folded, values in sorted(lists.items()) if values]
    return [*((name, value) for name, value in refusal.headers if name.lower() not in _LISTS), *fields, *rest, *kept]


def _members(values: Iterable[str]) -> list[str]:
    """Return the members of list fields once each, in order; names are compared without case."""
    members: dict[str, str] = {}
    for value in values:
        for member in value.split(","):
            if member.strip():
                members.setdefault(member.strip().lower(), member.strip())
    return list(members.values())
