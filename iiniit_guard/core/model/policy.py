"""What a handler requires of a token: scopes, and the age and strength of the authentication."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias, get_args

from iiniit_guard.core.model.access_token import AccessToken, Principal, is_time
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.errors import UsageError

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
# An authentication time in the future (for example milliseconds instead of seconds) is refused. The
# leeway is the same as for `iat`.
_CLOCK_LEEWAY_SECONDS: Final = 30
# RFC 9470 §3 sends acr_values in a quoted-string, separated by spaces. So a value may have the same
# characters as a scope.
_ACR_VALUE: Final = SCOPE_TOKEN

LongLived: TypeAlias = Literal["end", "stop_delivering", "off"]
"""What happens to an open WebSocket or streaming response when its token is no longer valid.

`end` ends it. `stop_delivering` keeps it open and delivers no further message. `off` does not check
the token again.
"""
LONG_LIVED: Final = frozenset(get_args(LongLived))
LONG_LIVED_FAULT: Final = 'must be "end", "stop_delivering" or "off"'


class Demand(Protocol):
    """A requirement of a policy, besides scopes and authentication. Equal demands compare equal."""

    @property
    def text(self) -> str:
        """The demand in a few words, for tables and documents."""
        ...

    def problem_of(self, token: AccessToken | Principal, /) -> Problem | None:
        """Return why a verified token does not satisfy the demand; None if it does."""
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """The requirements of one handler or rule. Compiled once, compared on every request.

    Attributes:
        scopes: Required scopes, in the order in which a challenge names them.
        match: Whether the token needs all of the scopes or any one of them.
        acr_values: Acceptable authentication context classes, best first; empty means any (RFC
            9470).
        max_age: Seconds that may have passed since the subject's authentication; None means any
            (RFC 9470).
        anonymous: Whether a request without any credential passes. An invalid credential never
            does.
        demands: Further requirements, all of them (`iiniit_guard.core.model.demands`).
        long_lived: What happens to a long-lived connection when its token is no longer valid; None
            means the setting of the middleware.
    """

    scopes: tuple[str, ...] = ()
    match: Literal["all", "any"] = "all"
    acr_values: tuple[str, ...] = ()
    max_age: int | None = None
    anonymous: bool = False
    demands: tuple[Demand, ...] = ()
    long_lived: LongLived | None = None
    required: frozenset[str] = field(init=False, repr=False, compare=False)
    plain: bool = field(init=False, repr=False, compare=False)
    lasts: bool = field(init=False, repr=False, compare=False)
    """Whether a long-lived connection needs this policy again, after its handler has started."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "required", frozenset(self.scopes))
        more = self.acr_values or self.max_age is not None or self.demands
        object.__setattr__(self, "plain", self.match == "all" and not more)
        object.__setattr__(self, "lasts", bool(more) or self.long_lived is not None)

    def check(self, token: AccessToken | Principal, wall: Callable[[], float]) -> Problem | None:
        """Return why a verified token does not satisfy this policy; None if it does.

        Args:
            token: Verified. A `Principal` has no authentication time, so it never satisfies
                `acr_values` or `max_age`.
            wall: The wall clock, in seconds since the epoch; it is read only if the policy has a
                `max_age`.

        Spec: RFC 6750 §3.1 (`insufficient_scope`), RFC 9470 §3.
        """
        if self.plain and self.required <= token.scopes:
            return None
        if self.acr_values or self.max_age is not None:
            claims = token.claims if isinstance(token, AccessToken) else {}
            # Check authentication before scopes: a client that lacks both can obtain both with one
            # new authorization request.
            if self.acr_values and claims.get("acr") not in self.acr_values:
                return PROBLEMS[Reason.INSUFFICIENT_AUTHENTICATION]
            if self.max_age is not None:
                at = claims.get("auth_time")
                if not is_time(at) or not -_CLOCK_LEEWAY_SECONDS <= wall() - at <= self.max_age:
                    return PROBLEMS[Reason.INSUFFICIENT_AUTHENTICATION]
        held = token.scopes
        enough = (
            self.required <= held
            if self.match == "all" or not self.scopes
            else not self.required.isdisjoint(held)
        )
        if not enough:
            return PROBLEMS[Reason.MISSING_SCOPE]
        for demand in self.demands:
            problem = demand.problem_of(token)
            if problem is not None:
                return problem
        return None

    @property
    def challenge_scope(self) -> str:
        """The `scope` of a challenge: what a client must request to satisfy this policy."""
        return " ".join(self.scopes if self.match == "all" else self.scopes[:1])


ANY_TOKEN: Final = Policy()
"""Any valid token."""


def make_policy(
    scopes: Iterable[str] = (),
    *,
    match: Literal["all", "any"] = "all",
    acr_values: str | Iterable[str] = (),
    max_age: int | None = None,
    anonymous: bool = False,
    demands: tuple[Demand, ...] = (),
    long_lived: LongLived | None = None,
) -> Policy:
    """Check the arguments of a developer and return a frozen policy.

    Raises:
        UsageError: A scope or an `acr` value is not one word of RFC 6749 §3.3, `max_age` is not a
            whole number from 0 on, or `long_lived` is unknown.
    """
    if isinstance(scopes, str):  # each letter would become a required scope
        raise UsageError("scopes must be a list, not one string")
    wanted = tuple(dict.fromkeys(scopes))
    acr = tuple(acr_values.split(" ")) if isinstance(acr_values, str) else tuple(acr_values)
    for scope in wanted:
        if not isinstance(scope, str) or not SCOPE_TOKEN.fullmatch(scope):
            raise UsageError(
                f"invalid scope {scope!r}: use printable ASCII without spaces, quotes and "
                "backslashes"
            )
    for value in acr:
        if not isinstance(value, str) or not _ACR_VALUE.fullmatch(value):
            raise UsageError(
                f"invalid acr value {value!r}: use printable ASCII without spaces, quotes and "
                "backslashes"
            )
    if max_age is not None and (type(max_age) is not int or max_age < 0):
        raise UsageError("max_age must be a whole number of seconds, 0 or more")
    if long_lived is not None and long_lived not in LONG_LIVED:
        raise UsageError(f"long_lived: {LONG_LIVED_FAULT}")
    return Policy(wanted, match, acr, max_age, anonymous, demands, long_lived)


def scheme_policy(
    scopes: Iterable[str] = (),
    *,
    match: Literal["all", "any"],
    acr_values: str | Iterable[str],
    max_age: int | None,
    optional: bool,
    demands: tuple[Demand, ...] = (),
    long_lived: LongLived | None = None,
) -> Policy:
    """Return the policy of a security scheme that an application creates, as in `make_policy`.

    Raises:
        UsageError: An argument is invalid.
    """
    if match not in ("all", "any"):
        raise UsageError('match: must be "all" or "any"')
    if type(optional) is not bool:  # "false" is true to Python
        raise UsageError("optional: must be True or False")
    return make_policy(
        scopes,
        match=match,
        acr_values=acr_values,
        max_age=max_age,
        anonymous=optional,
        demands=demands,
        long_lived=long_lived,
    )


def scope_policy(
    scopes: tuple[str, ...],
    match: Literal["all", "any"],
    acr_values: str | Iterable[str],
    max_age: int | None,
    long_lived: LongLived | None = None,
) -> Policy:
    """Return the policy of `require_scope` and `require_any_scope`, the same in every framework.

    Raises:
        UsageError: No scope was named (a bare `@require_scope` passes the function), or
            `make_policy` raises.
    """
    if not scopes:
        raise UsageError(
            "require_scope() needs at least one scope; for any valid token use require_token()"
        )
    if callable(scopes[0]):
        raise UsageError('require_scope: called without scopes; write @require_scope("user:read")')
    return make_policy(
        scopes, match=match, acr_values=acr_values, max_age=max_age, long_lived=long_lived
    )
