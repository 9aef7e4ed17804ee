"""What a dependency tree requires of a request."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.fastapi.scheme import GuardScheme

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant


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
