"""Verifying a JWT access token locally: header, key, signature, claims, in this order.

Spec: RFC 7515 §5.2, RFC 8725 §3, RFC 9068 §4.
"""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.authorization_server import AuthorizationServer
from iiniit_guard.core.cache import Remembered
from iiniit_guard.core.clock import Moment
from iiniit_guard.core.flow import Flow, Unreachable
from iiniit_guard.core.jose import Jws, remember_header, verify_signature
from iiniit_guard.core.jwk import JwkSet
from iiniit_guard.core.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.verification_key import VerificationKey

LONGEST_SECONDS: Final = 300.0
"""How long a verified JWT is remembered at most; then its signature is checked again."""


def verify_jwt_at_once(jws: Jws, server: AuthorizationServer) -> Remembered | Problem | JwkSet | None:
    """Do what `verify_jwt` does where the keys at hand suffice, which is the usual case.

    Returns:
        None where `verify_jwt` must be asked; a key set where it must be, and no key of that set made the signature.
    """
    now, header = server.clock.now(), jws.header
    keys = server.keys.current_at(now)
    if keys is None or header.alg not in server.algorithms or header.typ not in server.types:
        return None
    candidates = keys.find(header.kid, header.alg)
    for key in candidates:
        if verify_signature(jws, key):
            return _rest_on(key, jws, server, now)
    problem = _problem_of(candidates)
    return problem if _is_final(problem, jws, server) else keys


def verify_jwt(jws: Jws, server: AuthorizationServer, tried: JwkSet | None = None) -> Flow[Remembered | Problem | Unreachable]:
    """Verify a token that claims to come from `server`.

    Args:
        jws: Parsed; its `iss` is the server's.
        server: Whose keys may have signed it.
        tried: The set of which `verify_jwt_at_once` tried every key in vain: a bad token costs one look at its signature.

    Returns:
        The token with what it rests on and how long, for whoever keeps it.
    """
    problem = _check_header(jws, server)
    if problem is not None:
        return problem
    key = yield from _find_key(jws, server, tried)
    if not isinstance(key, VerificationKey):
        return key
    remember_header(jws)
    return _rest_on(key, jws, server, server.clock.now())


def _check_header(jws: Jws, server: AuthorizationServer) -> Problem | None:
    if jws.header.alg not in server.algorithms:
        return PROBLEMS[Reason.UNSUPPORTED_ALGORITHM]
    if jws.header.typ not in server.types:  # RFC 9068 §4, RFC 8725 §3.11
        return PROBLEMS[Reason.WRONG_TYPE]
    return None


def _rest_on(key: VerificationKey, jws: Jws, server: AuthorizationServer, now: Moment) -> Remembered | Problem:
    """Check the claims, now that `key` is known to have signed them."""
    server.proven = True
    outcome = server.checks.check(jws.claims, now.wall, introspected=False)
    if isinstance(outcome, Problem):
        return outcome
    # Whole seconds, which all tokens of one second share.
    longest, expires = now.wall // 1 + LONGEST_SECONDS, jws.claims["exp"] + server.checks.expiry_leeway_seconds
    ends = min(longest, expires)
    return Remembered(outcome, server.begins(outcome), ends, now.monotonic // 1 + LONGEST_SECONDS, server.keys.voucher_of(key))


def _find_key(jws: Jws, server: AuthorizationServer, tried: JwkSet | None) -> Flow[VerificationKey | Problem | Unreachable]:
    """Find the key that made the signature, fetching the set once more where it may have been replaced."""
    source = server.keys
    before = source.value
    keys = yield from source.obtain()
    if isinstance(keys, Unreachable):
        return keys
    found = _problem_of(keys.find(jws.header.kid, jws.header.alg)) if keys is tried else _try_keys(jws, keys)
    if isinstance(found, VerificationKey):
        return found
    if _is_final(found, jws, server):
        return found
    if keys is not before:
        source.count_as_forced()  # this very request fetched the set
        return found
    newer = yield from source.refresh_for(keys)
    if newer is None:
        return found
    return newer if isinstance(newer, Unreachable) else _try_keys(jws, newer)


def _is_final(problem: Problem, jws: Jws, server: AuthorizationServer) -> bool:
    """Tell whether a newer key set could not mend `problem`: the key is known, and there is no reason to think that it was replaced."""
    return problem.reason is Reason.BAD_SIGNATURE and jws.header.kid is not None and server.keys.is_young


def _try_keys(jws: Jws, keys: JwkSet) -> VerificationKey | Problem:
    candidates = keys.find(jws.header.kid, jws.header.alg)
    for key in candidates:
        if verify_signature(jws, key):
            return key
    return _problem_of(candidates)


def _problem_of(candidates: tuple[VerificationKey, ...]) -> Problem:
    return PROBLEMS[Reason.BAD_SIGNATURE if candidates else Reason.UNKNOWN_KEY]
