"""A route as its framework knows it, and what the guard decides about requests to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, TypeAlias

from iiniit_guard.adapting.admission import Admission
from iiniit_guard.adapting.open_paths import meets_public_path, sample_of
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.model.request import Request

Kind: TypeAlias = Literal["http", "websocket", "mount"]
State: TypeAlias = Literal["guarded", "anonymous", "public", "refused", "unguarded"]
"""What a request without a credential meets.

`guarded`: a refusal. `anonymous`: the handler, because the policy says so. `public`: the handler,
because the application declares it public. `refused`: every request is refused, also one with a
token. `unguarded`: the handler, and nothing declares that.
"""


OPTIONAL_TOKEN: Final = Policy(anonymous=True)


class Layer(NamedTuple):
    """A middleware of the guard around a route.

    Attributes:
        base: The path below which the middleware guards.
        admission: Its settings.
        name: How the table calls it.
    """

    base: str
    admission: Admission
    name: str = "middleware"


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        kind: `mount` is an application or a handler whose own routes are unknown.
        methods: The HTTP methods, sorted; empty for a WebSocket, and for a mount, which receives
            every method.
        path: The path from the root of the application, with its parameters.
        handler: The module and the name of the handler.
        declared: The file and the line of the handler; empty if they are unknown.
        policies: The policies of decorators, dependencies and permissions. A request must satisfy
            all.
        is_public: Whether the handler is marked `@public`.
        is_closed: Whether a permission refuses every request.
        layers: The guard's middlewares around it, the outermost first.
        sources: Where `policies` come from, such as `decorator`.
    """

    kind: Kind
    methods: tuple[str, ...]
    path: str
    handler: str
    declared: str
    policies: tuple[Policy, ...] = ()
    is_public: bool = False
    is_closed: bool = False
    layers: tuple[Layer, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard decides about requests to a route, for some of its methods.

    Attributes:
        route: The route, with these methods.
        state: See `State`.
        policies: Every policy that a request must satisfy.
        guarded_by: The parts of the guard that decide.
        why: Why a route is public or unguarded.
    """

    route: Route
    state: State
    policies: tuple[Policy, ...]
    guarded_by: tuple[str, ...]
    why: str = ""


def verdicts_of(route: Route) -> list[Verdict]:
    """Return the verdicts of a route: one, or several if they differ by method."""
    found: list[Verdict] = []
    for method in route.methods or ("GET",):
        verdict = _verdict(route, method)
        for place, other in enumerate(found):
            if replace(other, route=route) == replace(verdict, route=route):
                methods = (*other.route.methods, *verdict.route.methods)
                found[place] = replace(other, route=replace(route, methods=methods))
                break
        else:
            found.append(verdict)
    return found


def _verdict(route: Route, method: str) -> Verdict:
    one = replace(route, methods=(method,) if route.methods else ())
    if route.is_public:
        return Verdict(one, "public", (), (), "@public")
    policies, guarded_by, reasons = [*route.policies], [*route.sources], list[str]()
    asked = [(layer, _asked(layer, route.path, method)) for layer in route.layers]
    for layer, answer in asked:
        if isinstance(answer, str):
            reasons.append(answer)
            continue
        guarded_by.append(layer.name)
        if isinstance(answer, Policy):
            policies.append(answer)
    # A policy of any token says nothing beside another one.
    demanding = any(not policy.anonymous for policy in policies)
    silent = (ANY_TOKEN, OPTIONAL_TOKEN) if demanding else ()
    shown = tuple(dict.fromkeys(each for each in policies if each not in silent))
    rest = (shown, tuple(dict.fromkeys(guarded_by)))
    if route.is_closed or any(isinstance(answer, Problem) for _, answer in asked):
        return Verdict(one, "refused", *rest)
    if demanding:
        return Verdict(one, "guarded", *rest)
    if policies:
        return Verdict(one, "anonymous", *rest)
    declared = [reason for reason in reasons if reason.startswith("public")]
    if declared:
        return Verdict(one, "public", (), (), declared[0])
    return Verdict(one, "unguarded", (), (), ", ".join(reasons) or "no middleware, no decorator")


def _asked(layer: Layer, path: str, method: str) -> Policy | Problem | str:
    """Return what a middleware requires of a request; a text if it lets the request pass."""
    admission = layer.admission
    inner = path.removeprefix(layer.base.rstrip("/"))
    inner = inner[inner.find("/") :] if "/" in inner else "/"  # without the host of a route
    sample = sample_of(inner)
    if admission.lists_as_public(sample) or meets_public_path(admission, inner):
        return "public="
    if admission.is_public(sample):
        return "outside only="
    if admission.rules is None and admission.enforce == "declared":
        return 'enforce="declared", no decorator'
    asked = admission.policy_for(Request(method, sample))
    return "public rule" if isinstance(asked, str) else asked
