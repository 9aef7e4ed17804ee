"""The guard's middleware in the list of an application of Starlette or FastAPI."""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.adapting.admission import Admission, AdmissionKeywords, make_admission

_SETTINGS: Final = frozenset(AdmissionKeywords.__annotations__)


def entries_of(app: Any, middleware: type) -> list[Any]:
    """Return the entries of a middleware, or of its subclasses, in the list of an application."""
    return [
        entry
        for entry in getattr(app, "user_middleware", ())
        if isinstance(entry.cls, type) and issubclass(entry.cls, middleware)
    ]


def admission_of(entry: Any) -> Admission:
    """Return the settings of an entry of the guard's middleware.

    Raises:
        SettingsError: A setting is invalid.
    """
    settings = {name: value for name, value in entry.kwargs.items() if name in _SETTINGS}
    return make_admission(settings.pop("public", ()), **settings)
