"""The admission settings of a middleware, which are the same for every framework.

They define which requests pass without a token, and which policy the others must satisfy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias, TypedDict, cast

from iiniit_guard.adapting.preflight import is_preflight
from iiniit_guard.adapting.protected_paths import (
    ProtectedPaths,
    has_ambiguous_text,
    parse_only,
    parse_public,
)
from iiniit_guard.core.model.policy import (
    ANY_TOKEN,
    LONG_LIVED,
    LONG_LIVED_FAULT,
    LongLived,
    Policy,
)
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request, has_unclear_prefix
from iiniit_guard.engine import Engine
from iiniit_guard.errors import SettingsError, UsageError

Enforce = Literal["all", "declared"]
Preflights = Literal["auto", "pass", "guard"]

PASS: Final = "pass"
"""The request passes, and the guard does not check its credentials."""

Requirement: TypeAlias = Policy | Literal["pass"] | Problem


class Rules(Protocol):
    """The interface of the `rules` argument: a policy for a request, or the refusal if none fits.

    Rules may also have a method `preflight_policy_for(request)`. The middleware calls it for CORS
    preflights if `preflights` lets them pass. It returns the policy of the rule that names OPTIONS
    for this path, the refusal if the path is ambiguous, or None if no rule applies. If it returns
    None, the preflight passes.

    If the rules have no such method, the middleware calls `policy_for` for preflights. A refusal
    then applies unless its reason is `NO_RULE`; every other preflight passes.
    """

    def policy_for(self, request: Request) -> Requirement:
        """Return the policy of the rule for this request, `PASS`, or the refusal."""
        ...


class AdmissionKeywords(TypedDict, total=False):
    """The keyword arguments of every middleware.

    Attributes:
        public: Complete decoded paths that pass without a token. `/x/*` matches every path below
            `/x/`. Default: none.
        rules: Policies by method and path (`iiniit_guard.rules`). Requests that no rule matches are
            refused. Default: None.
        enforce: `all` (the default) requires a token for every request. `declared` requires one
            only in decorated handlers.
        optional_token: Whether requests without credentials pass. Invalid credentials are refused
            in any case. Default: False.
        preflights: Whether CORS preflights pass without a token. `auto` (the default) lets one pass
            only if code that runs no handler of the application answers it. `pass` lets every
            preflight pass, unless a rule names OPTIONS for the path; use it only if no handler of
            the application runs for OPTIONS. `guard` treats preflights like any request.
        only: The decoded paths that the guard protects, for an API beside a site: `/api/*` matches
            `/api` and every path below it. All other paths pass without a token, and their
            credentials are not checked. An ambiguous path does not pass. Default: every path.
        long_lived: What happens to an open WebSocket or streaming response when its token expires
            or is revoked. `end` (the default) ends it. `stop_delivering` keeps it open, and
            discards its messages. `off` does not check the token again. Decorators and rules may
            override this setting.
    """

    public: Iterable[str]
    rules: Rules | None
    enforce: Enforce
    optional_token: bool
    preflights: Preflights
    only: Iterable[str] | None
    long_lived: LongLived


@dataclass(frozen=True, slots=True)
class Admission:
    """The settings of one middleware.

    Attributes:
        public: Complete decoded paths that pass without a token.
        subtrees: Prefixes that end in `/`. Every path below them passes without a token.
        rules: Policies by method and path. None means that `policy` applies to every request.
        policy: The policy of every request if there are no rules.
        enforce: `all` refuses every request without a valid token. `declared` leaves refusals to
            the decorated handlers.
        preflights: `auto` lets a CORS preflight pass only if the framework answers it and no view
            of the application can run for it. `pass` lets every preflight pass unless a rule names
            OPTIONS for the path. `guard` treats preflights like any other request.
        only: The paths that the guard protects; None means every path.
        long_lived: What happens to a long-lived connection when its token is no longer valid.
    """

    public: frozenset[str] = frozenset()
    subtrees: tuple[str, ...] = ()
    rules: Rules | None = None
    policy: Policy = ANY_TOKEN
    enforce: Enforce = "all"
    preflights: Preflights = "auto"
    only: ProtectedPaths | None = None
    long_lived: LongLived = "end"
    wants_any_token: bool = field(init=False, repr=False, compare=False)
    """Whether any valid token suffices for every request that is not public.

    If so, the fast path reads only the Authorization field.
    """
    has_public_paths: bool = field(init=False, repr=False, compare=False)
    """Whether any path passes without a token."""
    hinted: list[bool] = field(default_factory=list, init=False, repr=False, compare=False)
    """Not empty after the warning about a refused preflight was logged."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wants_any_token", self.rules is None and self.enforce == "all")
        has_public = bool(self.public or self.subtrees or self.only is not None)
        object.__setattr__(self, "has_public_paths", has_public)

    def policy_for(self, request: Request, *, host_answers: bool = False) -> Requirement:
        """Return the policy that this request must satisfy.

        Args:
            request: The request that the middleware received.
            host_answers: Whether the framework answers CORS preflights itself, so that no view of
                the application can run for one.

        Returns:
            `PASS`, a policy, or the refusal of a request that no rule matches.
        """
        if self.is_open(request):
            return PASS
        if self._lets_preflights_pass(host_answers) and is_preflight(request):
            requirement = self._requirement_of_preflight(request)
            return PASS if requirement is None else requirement
        if self.rules is not None:
            return self.rules.policy_for(request)
        return PASS if self.enforce == "declared" else self.policy

    def _lets_preflights_pass(self, host_answers: bool) -> bool:
        return self.preflights == "pass" or (self.preflights == "auto" and host_answers)

    def passes_as_preflight(self, request: Request, *, host_answers: bool = False) -> bool:
        """Return whether a request passes only because it is a CORS preflight."""
        if (
            not self._lets_preflights_pass(host_answers)
            or request.method != "OPTIONS"
            or self.enforce == "declared"
            or self.policy.anonymous
        ):
            return False
        return (
            is_preflight(request)
            and not self.is_open(request)
            and self._requirement_of_preflight(request) is None
        )

    def _requirement_of_preflight(self, request: Request) -> Requirement | None:
        if self.rules is None:
            return None
        ask: Callable[[Request], Requirement | None] | None = getattr(
            self.rules, "preflight_policy_for", None
        )
        if ask is not None:
            return ask(request)
        requirement = self.rules.policy_for(request)
        return (
            requirement
            if isinstance(requirement, Problem) and requirement.reason is not Reason.NO_RULE
            else None
        )

    def is_open(self, request: Request) -> bool:
        """Return whether a request passes without a token by its path, in every framework."""
        return self.is_public(request.path) and not has_unclear_prefix(request.native)

    def is_public(self, path: str) -> bool:
        """Return whether `path` passes without a token: it is public, or not protected."""
        return self.lists_as_public(path) or (
            self.only is not None and not self.only.may_cover(path)
        )

    def lists_as_public(self, path: str) -> bool:
        """Return whether `public` contains `path`.

        Args:
            path: The decoded path, as the application routes it. It is compared exactly. An
                ambiguous path is not in any public subtree.
        """
        if path in self.public:
            return True
        return (
            bool(self.subtrees)
            and any(path.startswith(prefix) for prefix in self.subtrees)
            and not has_ambiguous_text(path)
        )


def engine_of(guard: object) -> Engine:
    """Return the engine of a guard.

    Raises:
        UsageError: `guard` is None or another kind of object.
    """
    engine = getattr(guard, "_engine", None)
    if not isinstance(engine, Engine):
        raise UsageError(
            "guard: must be a Guard; pass it after the application: GuardMiddleware(app, guard), "
            "IiniitGuard(app, guard)"
        )
    return engine


def make_admission(
    public: Iterable[str] = (),
    *,
    rules: Rules | None = None,
    enforce: Enforce = "all",
    optional_token: bool = False,
    preflights: Preflights = "auto",
    only: Iterable[str] | None = None,
    long_lived: LongLived = "end",
) -> Admission:
    """Check the arguments of a middleware and return an immutable `Admission`.

    Raises:
        SettingsError: An argument is invalid. The exception lists every fault.
    """
    exact, subtrees, faults = (set[str](), [], []) if public == () else parse_public(public)
    if not isinstance(cast("object", optional_token), bool):  # "false" is true to Python
        faults.insert(0, "optional_token: must be true or false")
    if enforce not in ("all", "declared"):
        faults.append('enforce: "all" or "declared"')
    if preflights not in ("auto", "pass", "guard"):
        faults.append('preflights: must be "auto", "pass" or "guard"')
    if long_lived not in LONG_LIVED:
        faults.append(f"long_lived: {LONG_LIVED_FAULT}")
    if rules is not None and not callable(getattr(rules, "policy_for", None)):
        faults.append("rules: must be Rules([Rule(...), ...]), or another object with policy_for()")
    if rules is not None and enforce == "declared":
        faults.append('rules: cannot be combined with enforce="declared"; remove one of the two')
    protected, more = (None, []) if only is None else _protected(only, rules, enforce)
    faults += more
    if faults:
        raise SettingsError(faults)
    return Admission(
        frozenset(exact),
        tuple(subtrees),
        rules,
        Policy(anonymous=True) if optional_token else ANY_TOKEN,
        enforce,
        preflights,
        protected,
        long_lived,
    )


def _protected(
    only: Iterable[str], rules: Rules | None, enforce: Enforce
) -> tuple[ProtectedPaths, list[str]]:
    """Return the paths in `only`, and the faults of `only`, also those beside other arguments."""
    protected, faults = parse_only(only)
    if not faults:
        faults = [
            f"only: the rule for {path!r} is outside, so it would never apply; add its path to "
            "only, or remove the rule"
            for path in protected.omitted(rules)
        ]
    if enforce == "declared":
        faults.append(
            'only: with enforce="declared" the decorators alone decide; remove one of the two'
        )
    return protected, faults
