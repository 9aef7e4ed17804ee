"""Checks of claims that most issuers do not require."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from iiniit_guard.core.claims.confirmation import is_confirmable
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, malformed_claim

_FOREIGN_SUBJECT: Final = PROBLEMS[Reason.REFUSED_BY_VALIDATOR].about(check="claims")
_LACKS_CLAIM: Final = PROBLEMS[Reason.REFUSED_BY_VALIDATOR].about(check="required claims")


@dataclass(frozen=True, slots=True)
class FurtherChecks:
    """What an issuer's tokens must contain, besides the claims that every token must contain.

    Attributes:
        required: Claim → accepted values. The claim must equal one of them, or be a list that
            contains one.
        subject_prefix: `sub` must begin with it; empty means any subject.
        texts: Claims that must be non-empty strings.
        issued_at: Whether a JWT must have `iat`.
        bindings: The token must be bound by one of these members of `cnf`; empty means that it need
            not be bound.
    """

    required: Mapping[str, tuple[Any, ...]]
    subject_prefix: str = ""
    texts: tuple[str, ...] = ()
    issued_at: bool = False
    bindings: frozenset[str] = frozenset()

    @property
    def are_empty(self) -> bool:
        """Whether every token without `cnf` passes."""
        return not (self.required or self.subject_prefix or self.texts or self.bindings)

    def problem_of(self, claims: JsonObject) -> Problem | None:
        """Return why a token with these claims is refused, or None."""
        malformed = self._unfit_text(claims) if self.texts else None
        if malformed is not None:
            return malformed_claim(malformed)
        if self.subject_prefix and not str(claims.get("sub", "")).startswith(self.subject_prefix):
            return _FOREIGN_SUBJECT
        if self.required and not self._has_required(claims):
            return _LACKS_CLAIM
        if "cnf" in claims and not is_confirmable(claims["cnf"]):
            return PROBLEMS[Reason.UNSUPPORTED_CONFIRMATION]
        if self.bindings and self.bindings.isdisjoint(claims.get("cnf", ())):
            return PROBLEMS[Reason.UNBOUND_TOKEN]
        return None

    def _unfit_text(self, claims: JsonObject) -> str | None:
        """Return a claim that the profile requires and that is missing or has another type."""
        for name in self.texts:
            if not isinstance(claims.get(name), str) or not claims[name]:
                return name
        return "iat" if self.issued_at and "iat" not in claims else None

    def _has_required(self, claims: JsonObject) -> bool:
        return all(
            name in claims and any(_holds(claims[name], value) for value in wanted)
            for name, wanted in self.required.items()
        )


def _holds(claim: object, value: object) -> bool:
    """Return whether a claim is `value`, or a list that contains it. True does not equal 1."""
    return any(
        type(item) is type(value) and item == value
        for item in (claim if isinstance(claim, list) else [claim])
    )
