"""Local verification of a JWT access token: header, key, signature and claims, in this order.

Spec: RFC 7515 §5.2, RFC 8725 §3, RFC 9068 §4.
"""

from __future__ import annotations

from typing import Any, Final

from iiniit_guard.core.cache.tokens import CacheEntry, KeyValidity
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.jose.jws import JoseHeader, Jws
from iiniit_guard.core.model.diagnosis import listed
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature

LONGEST_SECONDS: Final = 300.0
"""How long a verified JWT is cached at most. After that its signature is verified again."""

_SPREAD_FROM: Final = 0.8


def verify_jwt(jws: Jws, server: AuthorizationServer) -> Flow[CacheEntry | Problem | Unreachable]:
    """Verify a token whose `iss` names `server`.

    The key set is fetched if it is missing, and fetched again if a newer set may help.

    Args:
        jws: The parsed token. Its `iss` is the issuer identifier of `server`.
        server: The authorization server whose keys may have signed the token.

    Returns:
        The cache entry of the token, with its validity and its expiry.
    """
    problem = check_header(jws.header, server)
    if problem is not None:
        return _refused(problem, server)
    source, now = server.keys, server.clock.now()
    keys, fetched = source.fresh_at(*now), False
    if keys is None:
        before = source.value
        obtained = yield from source.get()
        if isinstance(obtained, Unreachable):
            return obtained.about(issuer=server.issuer)
        keys, now, fetched = obtained, server.clock.now(), obtained is not before
    validity = _signer(jws, keys, server)
    if validity is None and not refetch_cannot_help(jws.header, keys, server):
        if fetched:
            # This request fetched the set, so another fetch would return the same keys.
            source.count_as_forced()
        else:
            newer = yield from source.refresh_for(keys)
            if isinstance(newer, Unreachable):
                return newer.about(issuer=server.issuer)
            if newer is not None:
                keys, now = newer, server.clock.now()
                validity = _signer(jws, keys, server)
    if validity is None:
        return _refused(signature_problem(keys.find(jws.header.kid, jws.header.alg)), server)
    return check_verified_claims(validity, jws.header, jws.claims, server, *now)


def _signer(jws: Jws, keys: JwkSet, server: AuthorizationServer) -> KeyValidity | None:
    """Return the validity of the key in `keys` that signed the token, or None if no key did."""
    signers = server.signers(jws.header, keys)
    for signer in signers:
        key, validity = signer
        # RFC 8725 §3.1: a key is used with one algorithm.
        if key.alg == jws.header.alg and key.verifies(jws.signing_input, jws.signature):
            if signer is not signers[0]:
                # The next token probably has the same signer. It is tried first.
                keys.try_first(jws.header.kid, key)
                signers = (signer, *(other for other in signers if other is not signer))
            server.remember_signers(jws.header, keys, signers)
            return validity
    return None


def check_header(header: JoseHeader, server: AuthorizationServer) -> Problem | None:
    """Return the problem with a header that no token of this server may have, or None."""
    if header.alg not in server.algorithms:
        problem = PROBLEMS[Reason.UNSUPPORTED_ALGORITHM]
        return problem.about(expected=listed(server.settings.algorithms))
    if header.typ not in server.types:  # RFC 9068 §4, RFC 8725 §3.11
        types = listed(sorted(typ or "(no typ)" for typ in server.types))
        return PROBLEMS[Reason.WRONG_TYPE].about(expected=types)
    return None


def _refused(problem: Problem, server: AuthorizationServer) -> Problem:
    return before_signature(problem, hidden=server.is_found).about(issuer=server.issuer)


def check_verified_claims(
    validity: KeyValidity,
    header: JoseHeader,
    claims: dict[str, Any],
    server: AuthorizationServer,
    wall: float,
    monotonic: float,
) -> CacheEntry | Problem:
    """Check the claims of a token that was signed by the key of `validity`."""
    server.confirmed = True
    checks = server.checks
    outcome = checks.check(claims, wall, introspected=False, typ=header.typ)
    if isinstance(outcome, Problem):
        return outcome.about(issuer=server.issuer)
    # Whole seconds: all tokens of one second share the number.
    longest, expires = wall // 1 + LONGEST_SECONDS, claims["exp"] + checks.expiry_leeway_seconds
    ends = expires if expires < longest else longest  # noqa: FURB136 - min() takes twice the time
    keys_end, keys_end_monotonic = server.keys.good_until(wall, monotonic)
    ends_monotonic = monotonic // 1 + LONGEST_SECONDS
    # Keep the fraction of the second: otherwise all tokens of one key set expire at the same moment
    # and are verified again together.
    if keys_end < ends:
        ends = min(
            keys_end,
            (wall + (keys_end - wall) * (_SPREAD_FROM + (1 - _SPREAD_FROM) * (wall % 1))) // 1 + 1,
        )
    if keys_end_monotonic < ends_monotonic:
        ends_monotonic = keys_end_monotonic
    return CacheEntry(outcome, server.begins(claims), ends, ends_monotonic, validity)


def refetch_cannot_help(header: JoseHeader, tried: JwkSet, server: AuthorizationServer) -> bool:
    """Return whether a newer key set cannot help.

    It cannot if the set has the key and was fetched recently, so nothing suggests a replaced key.
    """
    if header.kid is None or not tried.find(header.kid, header.alg):
        return False
    # Another request may have fetched a newer set meanwhile. That set is young; `tried` was not.
    return server.keys.is_young and server.keys.value is tried


def signature_problem(candidates: tuple[object, ...]) -> Problem:
    """Return the problem of a token that none of `candidates` signed."""
    return PROBLEMS[Reason.BAD_SIGNATURE if candidates else Reason.UNKNOWN_KEY]
