"""A route as its framework knows it, and what the guard decides about requests to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple, TypeAlias

from iiniit_guard.adapting.admission import Admission
from iiniit_guard.adapting.alternatives import ALWAYS, Alternatives, both, without_stricter
from iiniit_guard.adapting.open_paths import meets_public_path, sample_of
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.model.request import Request

Kind: TypeAlias = Literal["http", "websocket", "mount", "message"]
State: TypeAlias = Literal["guarded", "anonymous", "public", "refused", "unguarded"]
"""What a request without a credential meets.

`guarded`: a refusal. `anonymous`: the handler, because the policy says so. `public`: the handler,
because the application declares it public. `refused`: every request is refused, also one with a
token. `unguarded`: the handler, and nothing declares that.
"""


OPTIONAL_TOKEN: Final = Policy(anonymous=True)
_DECLARED_ONLY: Final = 'enforce="declared"'


class Layer(NamedTuple):
    """A middleware of the guard around a route.

    Attributes:
        base: The path below which the middleware guards.
        admission: Its settings.
        name: Its name in the table.
    """

    base: str
    admission: Admission
    name: str = "middleware"


@dataclass(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        kind: `mount` is an application or a handler whose own routes are unknown. `message` is a
            message to an MCP server, and `methods` its JSON-RPC method.
        methods: The HTTP methods, sorted; empty for a WebSocket, and for a mount, which receives
            every method.
        path: The path from the root of the application, with its parameters.
        handler: The module and the name of the handler.
        declared: The file and the line of the handler; empty if they are unknown.
        alternatives: The policies of decorators, dependencies and permissions. A request must
            satisfy every policy of at least one element. Empty: every request is refused.
        is_public: Whether the handler is marked `@public`.
        layers: The guard's middlewares around it, the outermost first.
        sources: Where `alternatives` come from, such as `decorator`.
        is_open: Whether the handler may admit a request without a credential; None if
            `alternatives` decide that.
        checks: What else must admit a request, if `alternatives` do not say it: permissions and
            callbacks of other packages, as they were written.
        fault: Why every request fails; None if it does not.
    """

    kind: Kind
    methods: tuple[str, ...]
    path: str
    handler: str
    declared: str
    alternatives: Alternatives = ALWAYS
    is_public: bool = False
    layers: tuple[Layer, ...] = ()
    sources: tuple[str, ...] = ()
    is_open: bool | None = None
    checks: str = ""
    fault: str | None = None

    def requiring(self, policies: tuple[Policy, ...], source: str) -> Route:
        """Return the route with further policies, all of which a request must satisfy."""
        if not policies:
            return self
        alternatives = both(self.alternatives, (policies,))
        return replace(self, alternatives=alternatives, sources=(*self.sources, source))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard decides about requests to a route, for some of its methods.

    Attributes:
        route: The route, with these methods.
        state: See `State`.
        alternatives: What a request must satisfy, with the policies of the middlewares.
        guarded_by: The parts that decide.
        why: Why a route is public or unguarded, or why every request fails.
    """

    route: Route
    state: State
    alternatives: Alternatives
    guarded_by: tuple[str, ...]
    why: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether every request fails, because the handler is not used correctly."""
        return self.route.fault is not None


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
    # The middlewares do not check the credentials of requests to a public handler.
    layers = () if route.is_public else route.layers
    asked = [(layer, _asked(layer, route.path, method)) for layer in layers]
    policies = tuple(answer for _, answer in asked if isinstance(answer, Policy))
    reasons = [answer for _, answer in asked if isinstance(answer, str)]
    guarding = (layer.name for layer, answer in asked if not isinstance(answer, str))
    guarded_by = tuple(dict.fromkeys([*route.sources, *guarding]))
    alternatives = _shown(both(route.alternatives, (policies,)))
    if route.fault is not None:
        return Verdict(one, "refused", (), guarded_by, route.fault)
    if not route.alternatives or any(isinstance(answer, Problem) for _, answer in asked):
        return Verdict(one, "refused", (), guarded_by)
    if _demands(policies) or _demands_always(route):
        return Verdict(one, "guarded", alternatives, guarded_by)
    if any(each and not _demands(each) for each in (policies, *route.alternatives)):
        return Verdict(one, "anonymous", alternatives, guarded_by)
    if route.is_public:
        return Verdict(one, "public", ALWAYS, (), "@public")
    declared = [reason for reason in reasons if reason.startswith("public")]
    if declared:
        return Verdict(one, "public", ALWAYS, (), declared[0])
    return Verdict(one, "unguarded", ALWAYS, (), _why_unguarded(route, reasons))


def _demands(policies: tuple[Policy, ...]) -> bool:
    return any(not policy.anonymous for policy in policies)


def _demands_always(route: Route) -> bool:
    """Return whether a handler admits no request without a credential."""
    return all(map(_demands, route.alternatives)) if route.is_open is None else not route.is_open


def _why_unguarded(route: Route, reasons: list[str]) -> str:
    """Return the reasons in words: what lets requests pass, and what the handler requires."""
    words = [*reasons] or ["no middleware"]
    if route.checks:
        words.append(route.checks)
    elif not reasons or _DECLARED_ONLY in reasons:
        words.append("no decorator")
    return ", ".join(words)


def _shown(alternatives: Alternatives) -> Alternatives:
    """Return the alternatives without policies that are redundant next to others."""
    return tuple(map(_telling, without_stricter(alternatives)))


def _telling(policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
    others = any(not policy.anonymous and policy != ANY_TOKEN for policy in policies)
    silent = (OPTIONAL_TOKEN, ANY_TOKEN) if others else (OPTIONAL_TOKEN,)
    return tuple(policy for policy in policies if policy not in silent) or policies


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
        return _DECLARED_ONLY
    asked = admission.policy_for(Request(method, sample))
    return "public rule" if isinstance(asked, str) else asked
