"""Verifying a JWT access token locally: header, key, signature, claims, in this order.

Spec: RFC 7515 §5.2, RFC 8725 §3, RFC 9068 §4.
"""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.cache.tokens import CacheEntry, KeyValidity
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.jose.jws import JoseHeader, Jws, remember_header, verify_signature
from iiniit_guard.core.jose.verification_key import VerificationKey
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature

LONGEST_SECONDS: Final = 300.0
"""How long a verified JWT is remembered at most; then its signature is checked again."""

_SPREAD_FROM: Final = 0.8


def verify_jwt(jws: Jws, server: AuthorizationServer, tried: JwkSet | None = None) -> Flow[CacheEntry | Problem | Unreachable]:
    """Verify a token that claims to come from `server`.

    Args:
        jws: Parsed; its `iss` is the server's.
        server: Whose keys may have signed it.
        tried: The set of which `Usual` tried every key in vain: a bad token costs one look at its signature.

    Returns:
        The token with what it rests on and how long, for whoever keeps it.
    """
    problem = check_header(jws.header, server)
    if problem is not None:
        return before_signature(problem, hidden=server.is_found)
    key = yield from _find_key(jws, server, tried)
    if isinstance(key, Problem):
        return before_signature(key, hidden=server.is_found)
    if isinstance(key, Unreachable):
        return key
    remember_header(jws)
    return rest_on(server.keys.validity_of(key), jws.header, jws.claims, server, *server.clock.now())


def check_header(header: JoseHeader, server: AuthorizationServer) -> Problem | None:
    """Tell why no token of this server may have such a header, or None."""
    if header.alg not in server.algorithms:
        return PROBLEMS[Reason.UNSUPPORTED_ALGORITHM]
    if header.typ not in server.types:  # RFC 9068 §4, RFC 8725 §3.11
        return PROBLEMS[Reason.WRONG_TYPE]
    return None


def rest_on(
    validity: KeyValidity, header: JoseHeader, claims: dict[str, Any], server: AuthorizationServer, wall: float, monotonic: float
) -> CacheEntry | Problem:
    """Check the claims, now that the key that `validity` stands for is known to have signed them."""
    server.proven = True
    checks = server.checks
    outcome = checks.check(claims, wall, introspected=False, typ=header.typ)
    if isinstance(outcome, Problem):
        return outcome
    # Whole seconds, which all tokens of one second share.
    longest, expires = wall // 1 + LONGEST_SECONDS, claims["exp"] + checks.expiry_leeway_seconds
    ends = expires if expires < longest else longest  # noqa: FURB136 - min() takes twice the time
    keys_end, keys_end_monotonic = server.keys.good_until(wall, monotonic)
    ends_monotonic = monotonic // 1 + LONGEST_SECONDS
    if keys_end < ends:  # The fraction of the second spreads the ends: tokens of one set must not all be verified again at once.
        ends = min(keys_end, (wall + (keys_end - wall) * (_SPREAD_FROM + (1 - _SPREAD_FROM) * (wall % 1))) // 1 + 1)
    if keys_end_monotonic < ends_monotonic:
        ends_monotonic = keys_end_monotonic
    return CacheEntry(outcome, server.begins(claims), ends, ends_monotonic, validity)


def _find_key(jws: Jws, server: AuthorizationServer, tried: JwkSet | None) -> Flow[VerificationKey | Problem | Unreachable]:
    """Find the key that made the signature, fetching the set once more where it may have been replaced."""
    source = server.keys
    before = source.value
    keys = yield from source.obtain()
    if isinstance(keys, Unreachable):
        return keys
    found = problem_of(keys.find(jws.header.kid, jws.header.alg)) if keys is tried else _try_keys(jws, keys)
    if isinstance(found, VerificationKey):
        return found
    if is_final(found, jws.header, keys, server):
        return found
    if keys is not before:
        source.count_as_forced()  # this very request fetched the set
        return found
    newer = yield from source.refresh_for(keys)
    if newer is None:
        return found
    return newer if isinstance(newer, Unreachable) else _try_keys(jws, newer)


def is_final(problem: Problem, header: JoseHeader, tried: JwkSet, server: AuthorizationServer) -> bool:
    """Tell whether a newer key set could not mend `problem`: the key is known, and there is no reason to think that it was replaced."""
    # Another request may have fetched a newer set meanwhile; then that one is young, and this one was not.
    return problem.reason is Reason.BAD_SIGNATURE and header.kid is not None and server.keys.is_young and server.keys.value is tried


def _try_keys(jws: Jws, keys: JwkSet) -> VerificationKey | Problem:
    candidates = keys.find(jws.header.kid, jws.header.alg)
    for key in candidates:
        if verify_signature(jws, key):
            return key
    return problem_of(candidates)


def problem_of(candidates: tuple[object, ...]) -> Problem:
    """Say what is wrong with a token that none of `candidates` signed."""
    return PROBLEMS[Reason.BAD_SIGNATURE if candidates else Reason.UNKNOWN_KEY]
