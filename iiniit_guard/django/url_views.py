"""The views of the URL configuration of a project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def views_of(patterns: Any, prefix: str = "/") -> Iterator[tuple[str, Any]]:
    """Return the path and the callback of each view, in the order of the patterns.

    Args:
        patterns: The patterns of a resolver.
        prefix: The path below which they are included.
    """
    for pattern in patterns:
        text = str(pattern.pattern)
        # `include` keeps the anchor of a regular expression in the middle of the path.
        path = prefix + (text.removeprefix("^") if prefix.endswith("/") else text)
        if hasattr(pattern, "url_patterns"):
            yield from views_of(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def class_of(view: Any) -> Any:
    """Return the class of a view of Django or Django REST framework; None for a function."""
    return getattr(view, "cls", getattr(view, "view_class", None))
