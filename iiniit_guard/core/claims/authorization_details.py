"""The form of the claim `authorization_details`.

Spec: RFC 9396 §2, §2.2, §9.
"""

from __future__ import annotations

from typing import Final

_LISTS: Final = ("locations", "actions", "datatypes", "privileges")


def are_details(value: object) -> bool:
    """Return whether a claim is an array of objects with a `type`.

    The common members must have the type that RFC 9396 §2.2 defines. Otherwise a handler that
    looks for "read" would find it in the string "read-nothing".
    """
    return isinstance(value, list) and all(map(_is_detail, value))


def _is_detail(item: object) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        return False
    if not isinstance(item.get("identifier", ""), str):
        return False
    return all(_is_list_of_texts(item[name]) for name in _LISTS if name in item)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
