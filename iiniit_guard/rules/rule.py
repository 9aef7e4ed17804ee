"""A rule as written, and the verdict that it is compiled to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from iiniit_guard.core.model.demands import Details, Selection, demands_of
from iiniit_guard.core.model.policy import LongLived, Policy, make_policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.errors import UsageError
from iiniit_guard.rules.mcp_headers import Headers
from iiniit_guard.rules.method import METHOD

Members: TypeAlias = Mapping[str, Any]
"""The members of a table of rules or of an OpenAPI document."""
Requirement: TypeAlias = Policy | Literal["pass"] | Problem
"""What a request must satisfy, or why it is refused.

`"pass"` means that the guard does not check the credentials.
"""

ANY_METHOD: Final = "*"
# The strings "false" and "no" are true in Python.
_FLAGS: Final = ("public", "optional_token", "allow_encoded_slash")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the rules. `Rules` checks it.

    Attributes:
        methods: One method or several; `*` is every method that no other rule of the same path
            names. GET covers HEAD.
        path: Decoded and case-sensitive, in Werkzeug's syntax: `/v1/users/<int:id>`,
            `/files/<path:name>`.
        scopes: All of them are required. Without any scope, any valid token is accepted.
        any_scope: One of them is required.
        public: Credentials are not checked. The path must then match exactly, including its
            trailing slash.
        optional_token: A request without any credential passes; one with an invalid credential does
            not.
        acr_values: Acceptable authentication context classes (RFC 9470).
        max_age: Seconds since the subject's authentication (RFC 9470).
        require_actor: The token must name an actor (RFC 8693): True for any, its subjects,
            or a mapping with `subjects`, `profile` and `issuer`.
        forbid_actor: The token must not name an actor: True for any, or subjects, client
            identifiers and profiles, for example `ai_agent`.
        authorization_details: The token must have an authorization detail of each of these types
            (RFC 9396); a mapping names a predicate of one detail for each type, or None.
        long_lived: What happens to a WebSocket or streaming response when its token is no longer
            valid: `end`, `stop_delivering` or `off`; None means the setting of the middleware.
        allow_encoded_slash: `%2f` in the path is not refused. Set it only if every application
            behind the guard reads the path as this rule does.
        mcp_method: The JSON-RPC method of an MCP message, `tools/call`. The rule then decides only
            about such messages. `Rules` accepts it only with `mcp_headers="compared"`.
        mcp_name: The name of the tool or prompt, or the URI of the resource, that the message uses.
            A `*` at the end matches any rest.
        label: The name of this rule in faults; None for its methods and path.
    """

    methods: str | Iterable[str]
    path: str
    scopes: str | Iterable[str] = ()
    any_scope: str | Iterable[str] = ()
    public: bool = False
    optional_token: bool = False
    acr_values: str | Iterable[str] = ()
    max_age: int | None = None
    require_actor: Selection | Mapping[str, Any] = False
    forbid_actor: Selection = False
    authorization_details: Details | None = None
    allow_encoded_slash: bool = False
    mcp_method: str | None = None
    mcp_name: str | None = None
    long_lived: LongLived | None = None
    label: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        # Copy the values, so that later changes to the caller's lists, or an exhausted iterator,
        # cannot change what was checked.
        for name in ("methods", "scopes", "any_scope", "acr_values"):
            value = getattr(self, name)
            # An empty string (from a variable that is not set) is one invalid scope, not a rule
            # without scopes.
            split = isinstance(value, str) and (value or name != "methods")
            object.__setattr__(self, name, tuple(value.split(" ")) if split else tuple(value))
        for name in ("require_actor", "forbid_actor", "authorization_details"):
            value = getattr(self, name)
            if isinstance(value, Mapping):
                object.__setattr__(self, name, dict(value))
            elif isinstance(value, Iterable) and not isinstance(value, str):
                object.__setattr__(self, name, tuple(value))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The compiled form of a rule.

    Attributes:
        answer: For the caller.
        demand: Equal for answers that allow the same requests. Policies may differ in the order of
            their scopes.
        allow_encoded_slash: As in the rule.
        by_headers: Returns the answer by the header fields of a request, instead of `answer`. None
            if they do not matter.
        opens_some: Whether an answer of `by_headers` requires no credentials.
    """

    answer: Requirement = field(compare=False)
    demand: object
    allow_encoded_slash: bool
    by_headers: Callable[[Headers], Requirement] | None = field(default=None, compare=False)
    opens_some: bool = field(default=False, compare=False)

    def answer_for(self, headers: Headers) -> Requirement:
        """Return what a request with these header fields, a list of (name, value), must satisfy."""
        return self.answer if self.by_headers is None else self.by_headers(headers)

    @property
    def is_open(self) -> bool:
        """Whether a request without credentials passes."""
        return (
            self.opens_some
            or self.answer == "pass"
            or (isinstance(self.answer, Policy) and self.answer.anonymous)
        )


def label_of(rule: Rule, number: int) -> str:
    """Return the name of a rule in faults."""
    if rule.label:
        return rule.label
    return label_from(number, rule.methods, rule.path, (rule.mcp_method, rule.mcp_name))


def label_from(
    number: int, methods: Iterable[object], path: object, message: Iterable[object]
) -> str:
    """Return the name of a rule in faults, from its parts. A part of `message` may be None."""
    parts = [",".join(map(str, methods)), path, *(part for part in message if part is not None)]
    return f"rules[{number}] ({' '.join(map(str, parts))})"


def methods_of(rule: Rule, faults: list[str]) -> list[str]:
    """Return a rule's methods in upper case. Faults are appended to `faults`."""
    methods = [method.upper() if isinstance(method, str) else "" for method in rule.methods]
    if not methods:
        faults.append('methods: must contain at least one method; "*" is every method')
    faults.extend(
        "methods: a method is a word like GET, or *"
        for method in methods
        if method != ANY_METHOD and not METHOD.fullmatch(method)
    )
    return methods


def verdict_of(rule: Rule, faults: list[str]) -> Verdict | None:
    """Return the verdict of a rule; None if it has no usable policy. Append faults to `faults`."""
    faults.extend(
        f"{name}: must be true or false"
        for name in _FLAGS
        if not isinstance(getattr(rule, name), bool)
    )
    acts = rule.require_actor is not False or rule.forbid_actor is not False
    wants = acts or rule.authorization_details is not None or rule.max_age is not None
    wants = wants or bool(rule.scopes or rule.any_scope or rule.acr_values)
    if rule.scopes and rule.any_scope:
        faults.append("scopes: scopes and any_scope exclude each other; set only one of them")
    if rule.public and (wants or rule.optional_token):
        faults.append(
            "public: a public path cannot require anything; leave out scopes, acr_values, max_age, "
            "the actors, authorization_details and optional_token"
        )
    try:
        policy = make_policy(
            rule.scopes or rule.any_scope,
            match="any" if rule.any_scope else "all",
            acr_values=rule.acr_values,
            max_age=rule.max_age,
            anonymous=rule.optional_token,
            demands=demands_of(rule.require_actor, rule.forbid_actor, rule.authorization_details),
            long_lived=rule.long_lived,
        )
    except UsageError as fault:
        faults.append(str(fault))
        return None
    if rule.public:
        return Verdict("pass", "pass", rule.allow_encoded_slash)
    demand = (
        policy.required,
        policy.match if len(policy.scopes) > 1 else "all",
        policy.acr_values,
        policy.max_age,
        policy.anonymous,
        policy.demands,
        policy.long_lived,
    )
    return Verdict(policy, demand, rule.allow_encoded_slash)
