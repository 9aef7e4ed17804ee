"""The demands of a policy, besides scopes: the actor and the authorization details of a token.

Spec: RFC 8693 §4.1, RFC 9396.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any, Final, TypeAlias

from iiniit_guard.core.model.access_token import AccessToken, AuthorizationDetail, Principal
from iiniit_guard.core.model.actor import Actor, profile_words
from iiniit_guard.core.model.policy import Demand
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.errors import UsageError

Selection: TypeAlias = bool | str | Iterable[str]
"""True for all, or names."""

Predicate: TypeAlias = Callable[[AuthorizationDetail], object]
"""Returns True if an authorization detail allows the request. Any other result does not."""

Details: TypeAlias = str | Iterable[str] | Mapping[str, Predicate | None]
"""Types of authorization details, with or without predicates."""

_ARGUMENTS: Final = frozenset({"subjects", "profile", "issuer"})
_PROFILES: Final = ("sub_profile", "client_profile")


@dataclass(frozen=True, slots=True)
class ActorRequired:
    """Demands that a party acts for the subject of the token.

    Only the current actor counts: RFC 8693 §4.1 excludes prior actors from access decisions.

    Attributes:
        subjects: One of them must be the `sub` of the actor; empty means any actor.
        profiles: One of them must be a word of its `sub_profile`; empty means any.
        issuer: The issuer of `subjects`; None means the issuer of the token.
    """

    subjects: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    issuer: str | None = None

    def problem_of(self, token: AccessToken | Principal) -> Problem | None:
        """Return the refusal of a token whose current actor does not fit; None if it fits."""
        fits = isinstance(token, AccessToken) and any(
            self._fits(actor, token.issuer) for actor in token.actors[:1]
        )
        return None if fits else PROBLEMS[Reason.ACTOR_REQUIRED]

    @property
    def text(self) -> str:
        """The demand in a few words, such as `actor=billing`."""
        words = [f"actor={','.join(sorted(self.subjects))}"] if self.subjects else ["actor"]
        words += [f"actor_profile={','.join(sorted(self.profiles))}"] if self.profiles else []
        words += [] if self.issuer is None else [f"actor_issuer={self.issuer}"]
        return " ".join(words)

    def _fits(self, actor: Actor, own: str) -> bool:
        # A subject is unique only within its issuer.
        if (self.subjects or self.issuer) and (actor.issuer or own) != (self.issuer or own):
            return False
        if self.subjects and actor.subject not in self.subjects:
            return False
        return not self.profiles or not self.profiles.isdisjoint(actor.profiles)


@dataclass(frozen=True, slots=True)
class ActorForbidden:
    """Demands that no party, or none of the named ones, acts for the subject of the token.

    Attributes:
        names: Subjects, client identifiers and profiles of actors; empty means every actor. A
            profile also excludes a token whose own subject or client has it, because such a party
            acts without an `act` claim.
    """

    names: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The demand in a few words, such as `actor!=ai_agent`."""
        return f"actor!={','.join(sorted(self.names))}" if self.names else "no actor"

    def problem_of(self, token: AccessToken | Principal) -> Problem | None:
        """Return the refusal of a token with a forbidden actor; None if it has none."""
        if not isinstance(token, AccessToken):
            return None
        if not self.names:
            return PROBLEMS[Reason.ACTOR_FORBIDDEN] if token.actors else None
        profiles: set[str] = set()
        for name in _PROFILES:
            value = token.claims.get(name, "")
            if not isinstance(value, str):  # it may name a forbidden profile in another form
                return PROBLEMS[Reason.ACTOR_FORBIDDEN]
            profiles |= profile_words(value)
        known: set[str | None] = set()
        for actor in token.actors[:1]:
            known |= {actor.subject, actor.client_id}
            profiles |= actor.profiles
        named = not self.names.isdisjoint(known) or any(
            name.lower() in profiles for name in self.names
        )
        return PROBLEMS[Reason.ACTOR_FORBIDDEN] if named else None


@dataclass(frozen=True, slots=True)
class DetailRequired:
    """Demands an authorization detail of one type.

    Attributes:
        kind: The `type` of the detail.
        predicate: Called with each detail of this type, until it returns True for one; None means
            that the type suffices.
    """

    kind: str
    predicate: Predicate | None = field(default=None, hash=False)  # it may have no hash

    @property
    def text(self) -> str:
        """The demand in a few words, such as `detail=payment`."""
        return f"detail={self.kind}{'' if self.predicate is None else ' (predicate)'}"

    def problem_of(self, token: AccessToken | Principal) -> Problem | None:
        """Return the refusal of a token without such a detail; None if it has one."""
        details = token.details_of(self.kind) if isinstance(token, AccessToken) else ()
        # Only True grants, as for `validators`.
        if any(self.predicate is None or self.predicate(detail) is True for detail in details):
            return None
        return PROBLEMS[Reason.MISSING_AUTHORIZATION_DETAILS]


def actor_required(
    subjects: Iterable[str] = (), profile: str | Iterable[str] = (), issuer: str | None = None
) -> Demand:
    """Return the demand of `require_actor`.

    Raises:
        UsageError: An argument is not a non-empty string.
    """
    wanted = _words("require_actor", subjects)
    lower = frozenset(word.lower() for word in _words("require_actor", profile))
    if any(" " in word for word in lower):
        raise UsageError("require_actor: a profile is one word; pass several as a list")
    if issuer is not None:
        _words("require_actor", (issuer,))
    return ActorRequired(wanted, lower, issuer)


def actor_forbidden(names: Iterable[str] = ()) -> Demand:
    """Return the demand of `forbid_actor`.

    Raises:
        UsageError: A name is not a non-empty string.
    """
    return ActorForbidden(_words("forbid_actor", names))


def detail_required(kind: str, predicate: Predicate | None = None) -> Demand:
    """Return the demand of `require_authorization_details`.

    Raises:
        UsageError: The type is not a non-empty string, or the predicate is not a function that
            returns at once.
    """
    if not isinstance(kind, str) or not kind:
        raise UsageError("require_authorization_details: the type must be a non-empty string")
    if predicate is not None and (not callable(predicate) or iscoroutinefunction(predicate)):
        raise UsageError(
            "require_authorization_details: the predicate must be a plain function of one detail"
        )
    return DetailRequired(kind, predicate)


def demands_of(
    require_actor: Selection | Mapping[str, Any] = False,
    forbid_actor: Selection = False,
    authorization_details: Details | None = None,
) -> tuple[Demand, ...]:
    """Return the demands of keyword arguments, for hosts without decorators.

    Args:
        require_actor: True for any actor, subjects as for `actor_required`, or a mapping with its
            arguments: `subjects`, `profile`, `issuer`.
        forbid_actor: True for every actor, or names as for `actor_forbidden`.
        authorization_details: Types, all of which are required, or a mapping from each type to its
            predicate or None; None means no requirement.

    Raises:
        UsageError: An argument is invalid.
    """
    demands: list[Demand] = []
    if isinstance(require_actor, Mapping):
        if not require_actor or not require_actor.keys() <= _ARGUMENTS:
            raise UsageError("require_actor: a table may have subjects, profile and issuer")
        demands.append(actor_required(**require_actor))
    elif require_actor is not False:
        demands.append(actor_required(_selected("require_actor", require_actor)))
    if forbid_actor is not False:
        demands.append(actor_forbidden(_selected("forbid_actor", forbid_actor)))
    if authorization_details is not None:
        kinds = _words("authorization_details", authorization_details)
        if not kinds:
            raise UsageError("authorization_details: must name at least one type")
        named = authorization_details if isinstance(authorization_details, Mapping) else {}
        demands += [detail_required(kind, named.get(kind)) for kind in sorted(kinds)]
    return tuple(demands)


def _selected(name: str, value: Selection) -> frozenset[str]:
    if value is True:
        return frozenset()
    words: frozenset[str] = frozenset()
    if isinstance(value, Iterable) and not isinstance(value, Mapping):
        words = _words(name, value)
    if not words:  # a variable that is not set must not widen the rule
        raise UsageError(f"{name}: must be true, a string or a non-empty list of strings")
    return words


def _words(decorator: str, words: Iterable[str]) -> frozenset[str]:
    if not isinstance(words, Iterable):
        raise UsageError(f"{decorator}: each argument must be a non-empty string")
    found = (words,) if isinstance(words, str) else tuple(words)
    for word in found:
        if callable(word):
            raise UsageError(f"{decorator}: called without parentheses; write @{decorator}()")
        if not isinstance(word, str) or not word:
            raise UsageError(f"{decorator}: each argument must be a non-empty string")
    return frozenset(found)
