"""The parts of a Flask application that a guard protects: the whole application, or blueprints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiniit_guard.adapting.admission import Admission
from iiniit_guard.engine import Engine

if TYPE_CHECKING:
    from flask import Flask

GUARDED_PARTS: Final = "iiniit_guard.guarded_parts"
"""The key of `app.extensions` under which the parts of an application are stored."""


@dataclass(frozen=True, slots=True)
class Part:
    """A guarded part.

    Attributes:
        engine: Checks credentials.
        admission: Decides which requests need a token.
        blueprint: The full name under which the blueprint is registered; None means the whole
            application.
    """

    engine: Engine
    admission: Admission
    blueprint: str | None = None


class Parts:
    """The guarded parts of one application.

    Args:
        first: The first part, whose engine serves decorated views outside every part.
    """

    def __init__(self, first: Part) -> None:
        self.first = first
        self.whole: Part | None = first if first.blueprint is None else None
        self._all: list[Part] = []
        self._known: dict[str, Part | None] = {}
        self.add(first)

    def add(self, part: Part) -> None:
        """Add a part. The innermost of nested blueprints guards a view."""
        self._all = sorted([*self._all, part], key=_depth)
        self._known.clear()

    def of(self, endpoint: str | None) -> Part | None:
        """Return the part of an endpoint; None if it is in no part, or if no route matches."""
        if self.whole is not None or endpoint is None:
            return self.whole
        if endpoint not in self._known:
            self._known[endpoint] = self._find(endpoint)
        return self._known[endpoint]

    def with_metadata(self, path: str) -> Part | None:
        """Return the part whose resource has its metadata at `path`, or None."""
        return next((part for part in self._all if part.engine.metadata_path == path), None)

    def _find(self, endpoint: str) -> Part | None:
        inside = [part for part in self._all if endpoint.startswith(f"{part.blueprint}.")]
        return inside[-1] if inside else None


def parts_of(app: Flask) -> Parts | None:
    """Return the guarded parts of an application; None if no extension guards it."""
    parts: Parts | None = app.extensions.get(GUARDED_PARTS)
    return parts


def _depth(part: Part) -> int:
    return len(part.blueprint or "")
