"""What the checks of `ClaimChecks` received and expected, in words. Nothing here decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from iiniit_guard.cli.explain.words import clock_text, shown, time_text
from iiniit_guard.core.claims.token_kind import OTHER_KINDS
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.model.diagnosis import Check, listed
from iiniit_guard.reporting import escaped

Words: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token or of an introspection response, for the checks of `ClaimChecks`."""

    claims: Mapping[str, Any] = field(repr=False)
    server: AuthorizationServer
    now: float
    is_response: bool

    def shown(self, name: str) -> str:
        """Return the value of a claim, in words."""
        return shown(self.claims, name)


def _iss(about: Claims) -> Words:
    may_lack = " (may be absent)" if about.is_response or about.server.is_unnamed else ""
    return about.shown("iss"), f"{about.server.issuer}{may_lack}"


def _kind(about: Claims) -> Words:
    names = [name for name in _KINDS if name in about.claims]
    return listed(names) or "no mark", "no mark of an ID token, refresh token or other token"


def _exp(about: Claims) -> Words:
    leeway = about.server.checks.expiry_leeway_seconds
    return time_text(
        about.claims.get("exp"), about.now
    ), f"later than now ({clock_text(about.now)}), {leeway:g} s leeway"


def _nbf(about: Claims) -> Words:
    return time_text(about.claims.get("nbf"), about.now), _not_future(about.server)


def _iat(about: Claims) -> Words:
    return time_text(about.claims.get("iat"), about.now), _not_future(about.server)


def _audience(about: Claims) -> Words:
    name = about.server.checks.audience_claim
    only = " and no other" if about.server.checks.exclusive else ""
    expected = f"{name}: one of {listed(sorted(about.server.checks.audiences))}{only}"
    return about.shown(name), expected


def _claims(about: Claims) -> Words:
    names = ("sub", "client_id", "azp", "jti")
    pairs = [f"{name}={about.shown(name)}" for name in names if name in about.claims]
    checks = about.server.checks
    needed = ["sub", "client_id", "iat", "jti"] if checks.strict and not about.is_response else []
    needed += [*checks.further.texts, *(["iat"] if checks.further.issued_at else [])]
    required = f"; required: {listed(needed)}" if needed else ""
    prefix = (
        f"; sub begins with {checks.further.subject_prefix}"
        if checks.further.subject_prefix
        else ""
    )
    expected = f"sub, client_id, azp, jti: strings{required}{prefix}"
    return " ".join(pairs) or "(none of them)", expected


def _required(about: Claims) -> Words:
    required = about.server.checks.further.required
    pairs = [f"{name}={about.shown(name)}" for name in required]
    wanted = [f"{name} one of {listed(map(str, values))}" for name, values in required.items()]
    return " ".join(pairs) or "-", listed(wanted) or "nothing (require_claim)"


def _confirmation(about: Claims) -> Words:
    bound = about.claims.get("cnf")
    names = listed(bound) if isinstance(bound, dict) else ""
    received = f"cnf: {escaped(names)}" if "cnf" in about.claims else "no cnf"
    wanted = " or ".join(sorted(about.server.checks.further.bindings))
    if wanted:
        return received, f"a token bound by {wanted}, and a proof that the request carries"
    return received, "a token without cnf, or a proof that the request carries"


def _scope_claim(about: Claims) -> Words:
    name = "scp" if "scp" in about.claims and "scope" not in about.claims else "scope"
    return about.shown(name), "well-formed scopes, or none"


def _details(about: Claims) -> Words:
    received = "present" if "authorization_details" in about.claims else "(absent)"
    return received, "an array of objects with a type, or none (RFC 9396)"


def _act(about: Claims) -> Words:
    received = "present" if "act" in about.claims else "(absent)"
    return received, "objects with sub or client_id, or none (RFC 8693)"


_KINDS: Final = (*OTHER_KINDS, "at_hash", "c_hash", "s_hash", "nonce", "token_use", "typ")
OF_CLAIMS: Final[Mapping[Check, Callable[[Claims], Words]]] = {
    "iss": _iss,
    "kind": _kind,
    "exp": _exp,
    "nbf": _nbf,
    "iat": _iat,
    "audience": _audience,
    "claims": _claims,
    "required claims": _required,
    "confirmation": _confirmation,
    "scope claim": _scope_claim,
    "authorization_details": _details,
    "act": _act,
}


def _not_future(server: AuthorizationServer) -> str:
    return f"at most {server.checks.clock_leeway_seconds:g} s in the future, or none"
