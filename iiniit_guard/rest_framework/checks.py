"""System checks of the views that use the permission classes of the guard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as Warned

from iiniit_guard.rest_framework.authentication import GuardAuthentication
from iiniit_guard.rest_framework.operations import operations_of


def check_view(view: Any) -> Iterable[CheckMessage]:
    """Return the faults of a view of Django REST framework.

    Args:
        view: A callback of the URL configuration.
    """
    operations = operations_of(view)
    faults = dict.fromkeys(each.fault for each in operations if each.fault is not None)
    for fault in faults:
        methods = ", ".join(each.method for each in operations if each.fault == fault)
        hint = f"Every request to it fails: {methods}."
        yield Error(fault, hint=hint, obj=view.cls, id="iiniit_guard.E004")
    unknown = _unknown_names(view) if operations and not faults else []
    if unknown:
        yield Warned(
            f"required_scopes: {view.cls.__name__} has no action or method of these names: "
            f"{', '.join(unknown)}.",
            hint="Requests that required_scopes does not name are refused.",
            obj=view.cls,
            id="iiniit_guard.W007",
        )


def is_guarded(view: Any) -> bool:
    """Return whether a view has the authentication class or a permission class of the guard."""
    operations = operations_of(view)
    return any(each.declared for each in operations) or any(
        isinstance(each, type) and issubclass(each, GuardAuthentication)
        for each in (view.cls.authentication_classes if operations else ())
    )


def _unknown_names(view: Any) -> list[str]:
    """Return the keys of `required_scopes` that are neither a method nor an action of a view."""
    required = getattr(view.cls, "required_scopes", None)
    if not isinstance(required, Mapping):
        return []
    return [str(name) for name in required if not _is_known(view, str(name))]


def _is_known(view: Any, name: str) -> bool:
    if name.lower() in view.cls.http_method_names:
        return name.isupper()
    # An action of a viewset is one of its methods, or the response to OPTIONS.
    return hasattr(view, "actions") and (name == "metadata" or hasattr(view.cls, name))
