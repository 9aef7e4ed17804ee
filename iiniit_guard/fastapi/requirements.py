"""What a dependency tree requires of a request, and what the middleware requires for a path."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from iiniit_guard.adapting.admission import Admission, AdmissionKeywords, make_admission
from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.asgi import GuardMiddleware
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.fastapi.scheme import GuardScheme

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant

_SETTINGS: Final = frozenset(AdmissionKeywords.__annotations__)


def guarding_dependencies(dependant: Dependant | None) -> Iterator[tuple[Policy, str | None]]:
    """Return the policies of a dependency tree, in the order in which FastAPI runs them.

    Each comes with the name of its security scheme; None for a decorated function.
    """
    for sub in () if dependant is None else dependant.dependencies:
        yield from guarding_dependencies(sub)
        scheme = scheme_of(sub.call)
        if scheme is not None:
            scopes = dict.fromkeys(
                [*(sub.parent_oauth_scopes or ()), *(sub.own_oauth_scopes or ())]
            )
            yield scheme.policy_for(scopes), scheme.scheme_name
        for policy in policies_of(_function_of(_without_partial(sub.call))):
            yield policy, None


def scheme_of(call: Any) -> GuardScheme | None:
    """Return the security scheme of the guard that runs when FastAPI calls `call`, or None."""
    scheme = inspect.unwrap(_without_partial(call))
    return scheme if isinstance(scheme, GuardScheme) else None


def _without_partial(call: Any) -> Any:
    while isinstance(call, partial):
        call = call.func
    return call


def _function_of(call: Any) -> Any:
    """Return the function that runs when FastAPI calls `call`."""
    if isinstance(call, type):
        return vars(call).get("__init__")
    return call if inspect.isroutine(call) else type(call).__call__


def guard_entries(app: Any) -> list[Any]:
    """Return the entries of the guard's middleware in the middleware list of an application."""
    return [
        entry
        for entry in getattr(app, "user_middleware", ())
        if isinstance(entry.cls, type) and issubclass(entry.cls, GuardMiddleware)
    ]


def admission_of(entry: Any) -> Admission:
    """Return the settings of such an entry.

    Raises:
        SettingsError: A setting is invalid.
    """
    settings = {name: value for name, value in entry.kwargs.items() if name in _SETTINGS}
    return make_admission(settings.pop("public", ()), **settings)
