"""Verification of a JWT of one issuer, in this order: header, key, signature, claims.

Spec: RFC 7515 §5.2, RFC 8725 §3, RFC 9068 §4.
"""

from __future__ import annotations

from math import floor
from typing import Final, NamedTuple

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.key_source import Signer
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.jose.jws import JoseHeader, Jws, remember_header
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.diagnosis import Check, listed
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature

LONGEST_SECONDS: Final = 300.0
"""How long a verified JWT is cached at most. After that its signature is verified again."""

_SPREAD_FROM: Final = 0.8


class KeysNeeded(NamedTuple):
    """Newer keys may verify the signature of a JWT, and the known keys did not.

    Attributes:
        tried: The key set that was tried; None if there is no fresh one.
    """

    tried: JwkSet | None


def begin_jwt(jws: Jws, server: AuthorizationServer) -> CacheEntry | Problem | KeysNeeded:
    """Verify a token of `server` with the keys that are known.

    Args:
        jws: The parsed token. Its `iss` is the issuer identifier of `server`, or is missing if
            `server.is_unnamed`.
        server: The authorization server whose keys may have signed the token.

    Returns:
        The cache entry of the token, with its validity and its expiry. Or the problem. Or
        `KeysNeeded`; the caller must call `complete_jwt`.
    """
    header = jws.header
    if header.alg not in server.algorithms:
        allowed = listed(server.settings.algorithms)
        return _refused_by(server, Reason.UNSUPPORTED_ALGORITHM, "algorithm of the issuer", allowed)
    if header.typ not in server.types:  # RFC 9068 §4, RFC 8725 §3.11
        types = listed(sorted(typ or "(no typ)" for typ in server.types))
        return _refused_by(server, Reason.WRONG_TYPE, "type", types)
    wall, monotonic = server.clock.wall(), server.clock.monotonic()
    keys = server.keys.fresh_at(wall, monotonic)
    if keys is None:
        return KeysNeeded(None)
    validity = _signer(jws, keys, server)
    if validity is not None:
        return check_verified_claims(validity, header, jws.claims, server, wall, monotonic)
    if refetch_cannot_help(header, keys, server):
        return _not_signed_by(keys, header, server)
    return KeysNeeded(keys)


def complete_jwt(
    jws: Jws, server: AuthorizationServer, tried: JwkSet | None
) -> Flow[CacheEntry | Problem | Unreachable]:
    """Fetch the key set that is missing or may be outdated, and verify the token with it.

    Args:
        jws: As for `begin_jwt`.
        server: As for `begin_jwt`.
        tried: See `KeysNeeded`.
    """
    header, source = jws.header, server.keys
    keys, fetched = tried, False
    if keys is None:
        before = source.value
        obtained = yield from source.get()
        if isinstance(obtained, Unreachable):
            return obtained.about(issuer=server.issuer)
        keys, fetched = obtained, obtained is not before
    wall, monotonic = server.clock.wall(), server.clock.monotonic()
    validity = None if keys is tried else _signer(jws, keys, server)
    if validity is None and not refetch_cannot_help(header, keys, server):
        if fetched:
            # This request fetched the set, so another fetch would return the same keys.
            source.count_as_forced()
        else:
            newer = yield from source.refresh_for(keys)
            if isinstance(newer, Unreachable):
                return newer.about(issuer=server.issuer)
            if newer is not None:
                keys = newer
                wall, monotonic = server.clock.wall(), server.clock.monotonic()
                validity = _signer(jws, keys, server)
    if validity is None:
        return _not_signed_by(keys, header, server)
    return check_verified_claims(validity, header, jws.claims, server, wall, monotonic)


def _not_signed_by(keys: JwkSet, header: JoseHeader, server: AuthorizationServer) -> Problem:
    if keys.find(header.kid, header.alg):
        return _refused_by(server, Reason.BAD_SIGNATURE, "signature")
    return unknown_key(server)


def unknown_key(server: AuthorizationServer) -> Problem:
    """Return the problem of a token whose key the issuer does not publish."""
    return _refused_by(server, Reason.UNKNOWN_KEY, "key")


def _refused_by(
    server: AuthorizationServer, reason: Reason, check: Check, expected: str | None = None
) -> Problem:
    problem = before_signature(PROBLEMS[reason], hidden=server.is_found)
    return problem.about(issuer=server.issuer, expected=expected, check=check)


def _signer(jws: Jws, keys: JwkSet, server: AuthorizationServer) -> KeyValidity | None:
    """Return the validity of the key in `keys` that signed the token, or None if no key did."""
    header, last, tried = jws.header, server.keys.last_signer, None
    # Tokens with the same cached header probably have the same signer.
    if last is not None and last.header is header and last.keys is keys:
        if last.key.verifies(jws.signing_input, jws.signature):
            return last.validity
        tried = last.key
    candidates = keys.find(header.kid, header.alg)
    for key in candidates:
        # RFC 8725 §3.1: a key is used with one algorithm.
        signs = key is not tried and key.alg == header.alg
        if signs and key.verifies(jws.signing_input, jws.signature):
            if key is not candidates[0]:
                # The same key probably signed the next token, so it is tried first.
                keys.try_first(header.kid, key)
            remember_header(header, server.headers)
            validity = server.keys.validity_of(key)
            server.keys.last_signer = Signer(header, keys, key, validity)
            return validity
    return None


def check_verified_claims(
    validity: KeyValidity,
    header: JoseHeader,
    claims: JsonObject,
    server: AuthorizationServer,
    wall: float,
    monotonic: float,
) -> CacheEntry | Problem:
    """Check the claims of a token that was signed by the key of `validity`."""
    server.confirmed = True
    checks = server.checks
    outcome = checks.check(claims, wall, False, header.typ)  # keyword arguments take longer
    if not isinstance(outcome, AccessToken):
        return outcome.about(issuer=server.issuer)
    if server.signature_suffices:
        server.has_accepted = True
    # Whole seconds: all tokens of one second share the number.
    longest, ends = floor(wall) + LONGEST_SECONDS, claims["exp"] + checks.expiry_leeway_seconds
    if longest < ends:  # a call of `min` takes longer
        ends = longest
    ends_monotonic = floor(monotonic) + LONGEST_SECONDS
    keys_end, keys_end_monotonic = server.keys.good_until(wall, monotonic)
    # The fraction of the second spreads the expiries. Otherwise all tokens of one key set expire at
    # the same moment, and the guard verifies all of them again together.
    if keys_end < ends:
        spread = _SPREAD_FROM + (1 - _SPREAD_FROM) * (wall % 1)
        ends = min(keys_end, (wall + (keys_end - wall) * spread) // 1 + 1)
    if keys_end_monotonic < ends_monotonic:
        ends_monotonic = keys_end_monotonic
    return CacheEntry(outcome, checks.valid_from(claims), ends, ends_monotonic, validity)


def refetch_cannot_help(header: JoseHeader, tried: JwkSet, server: AuthorizationServer) -> bool:
    """Return whether a newer key set cannot help.

    It cannot if the set has the key and was fetched recently, so nothing suggests a replaced key.
    """
    if header.kid is None or not tried.find(header.kid, header.alg):
        return False
    # Another request may have fetched a newer set. `is_young` describes that set, not `tried`.
    return server.keys.is_young and server.keys.value is tried
