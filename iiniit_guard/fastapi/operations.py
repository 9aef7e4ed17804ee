"""The operations of a FastAPI application, each with the policies that the guard applies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from iiniit_guard.adapting.decorators import policies_of
from iiniit_guard.adapting.handlers import methods_of_class
from iiniit_guard.adapting.open_paths import admits
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.fastapi.annotations import check_alternatives, check_annotations
from iiniit_guard.fastapi.requirements import guarding_dependencies
from iiniit_guard.fastapi.routes import Found, Kind, all_routes


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, and what a request needs to run it.

    Attributes:
        kind: `mount` is an application of another framework, such as static files. Its own routes
            are unknown.
        methods: The HTTP methods, sorted. Empty for a WebSocket, and for a mount, which receives
            every method.
        path: The path from the root of the application, with its parameters in braces.
        handler: The module and the name of the handler.
        policies: The policies of its dependencies and decorators. A request must satisfy all.
        schemes: The names of the security schemes of the guard that it depends on.
        admitted: Whether the middleware lets at least one request to this path pass without a
            token. Rules are evaluated with `0` in place of each parameter.
        documented: Whether the operation is in the OpenAPI document of its application.
    """

    kind: Kind
    methods: tuple[str, ...]
    path: str
    handler: str
    policies: tuple[Policy, ...]
    schemes: tuple[str, ...]
    admitted: bool
    documented: bool

    @property
    def is_open(self) -> bool:
        """Whether a request without a token reaches the handler."""
        return self.admitted and all(policy.anonymous for policy in self.policies)

    @property
    def is_guarded(self) -> bool:
        """Whether the guard decides about every request to the handler."""
        return not self.admitted or bool(self.policies)


def operations(app: Any) -> list[Operation]:
    """Return every operation of an application, in the order of its routes.

    Included routers and mounted applications are part of the list, and so are the docs pages.

    Args:
        app: A `FastAPI` application, or the `GuardMiddleware` around one.

    Raises:
        UsageError: FastAPI could not resolve an annotation of a handler or dependency, or a scheme
            with `match="any"` gets the scopes of several `Security(...)`.
    """
    check_annotations(app)
    check_alternatives(app)
    return [operation for found in all_routes(app) for operation in _operations(found)]


def _operations(found: Found) -> Iterator[Operation]:
    whole = _operation(found)
    if not isinstance(found.handler, type) or found.kind != "http":
        yield whole
        return
    # An `HTTPEndpoint`, whose methods may have decorators of their own.
    for method, _, policies in methods_of_class(found.handler):
        yield replace(whole, methods=(method,), policies=(*whole.policies, *policies))


def _operation(found: Found) -> Operation:
    kind, path, route, handler, around = found
    methods = tuple(sorted(getattr(route, "methods", None) or ()))
    guarding = list(guarding_dependencies(getattr(route, "dependant", None)))
    return Operation(
        kind,
        methods,
        path,
        found.name,
        (*(policy for policy, _ in guarding), *policies_of(handler)),
        tuple(dict.fromkeys(scheme for _, scheme in guarding if scheme is not None)),
        all(admits(admission, path[len(base) :], methods) for base, admission in around),
        kind == "http" and bool(getattr(route, "include_in_schema", False)),
    )
