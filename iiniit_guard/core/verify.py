"""Verification of one token: find its issuer, then verify its signature or introspect it.

A JWT is verified in this order: header, key, signature, claims.

Spec: RFC 7515 §5.2, RFC 8725 §3, RFC 9068 §4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from iiniit_guard.core.cache.entry import CacheEntry, KeyValidity
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.jose.jwk import JwkSet
from iiniit_guard.core.jose.jws import (
    ALGORITHMS,
    WRONG_PARTS,
    JoseHeader,
    Jws,
    has_jws_parts,
    is_canonical,
    parse_jws,
    remember_header,
)
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.diagnosis import Check, Topic, listed
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.json_types import JsonObject
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature
from iiniit_guard.core.resource import ProtectedResource

LONGEST_SECONDS: Final = 300.0
"""How long a verified JWT is cached at most. After that its signature is verified again."""

_SPREAD_FROM: Final = 0.8

Ask: TypeAlias = Callable[..., Flow[AccessToken | Problem | Unreachable]]
"""`introspect` for one token. Its arguments are the issuer, `unread` and `verified`."""

_ALL_ALGORITHMS: Final = frozenset(ALGORITHMS)


def verify(
    token: str,
    header: JoseHeader | Problem | None,
    digest: bytes,
    resource: ProtectedResource,
    issuer: str | None = None,
    *,
    outdated: float | None = None,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Verify a token.

    Args:
        token: Its length has been checked, and its characters unless its header is valid.
        header: The result of `read_header`.
        digest: Its key in the caches.
        resource: The protected resource that the token must be issued for.
        issuer: The required issuer; None means that the token names it.
        outdated: As for `introspect`.
    """
    server = resource.only_server if issuer is None else (yield from resource.server_of(issuer))
    if header is None:
        ask = _asker(token, digest, resource, outdated)
        return (yield from _verify_opaque(token, server, issuer, resource, ask))
    if server is not None and server.settings.jwt == "introspect":
        ask = _asker(token, digest, resource, outdated)
        return (yield from _introspect_unread(token, header, server, resource, ask))
    jws = parse_jws(token, resource.algorithms, header)
    if isinstance(jws, Problem):
        return _refused(jws, resource)
    named, trusted, verified = jws.claims.get("iss"), None, None
    if isinstance(named, str) and (issuer is None or issuer == named):
        trusted = resource.named(named) or (yield from resource.server_of(named))
    elif server is not None and server.is_unnamed and "iss" not in jws.claims:
        trusted = server
    if trusted is None:
        return unknown_issuer(resource, named, None if named == issuer else issuer)
    if trusted.settings.jwt != "introspect":
        verified = yield from verify_jwt(jws, trusted)
        if trusted.status is not None and isinstance(verified, CacheEntry):
            verified = yield from trusted.status.check(verified, jws.claims)
            if isinstance(verified, Problem):
                resource.cache.drop(digest)
        if not isinstance(verified, CacheEntry):
            return verified
        if not trusted.is_trusted:  # withdrawn while its keys were being fetched
            return unknown_issuer(resource, named)
        if trusted.signature_suffices:
            resource.cache.keep(digest, verified, jws.payload)
            return verified.token
    ask = _asker(token, digest, resource, outdated)
    return (yield from ask(trusted, unread=jws.claims, verified=verified))


def _asker(token: str, digest: bytes, resource: ProtectedResource, outdated: float | None) -> Ask:
    """Return `introspect` for one token. A JWT whose signature suffices does not need it."""
    return partial(introspect, token, digest, cache=resource.cache, outdated=outdated)


def _verify_opaque(
    token: str,
    server: AuthorizationServer | None,
    issuer: str | None,
    resource: ProtectedResource,
    ask: Ask,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Introspect a token that no reader could parse as a JWS."""
    if issuer is None and (server is None or server.settings.jwt != "introspect"):
        server = resource.opaque_server_of(token)
    if server is not None and server.introspects:
        return (yield from ask(server))
    if issuer is not None and server is None:
        return unknown_issuer(resource, issuer)
    return unverified(Reason.MALFORMED_TOKEN, resource, topic="opaque_token")


def _introspect_unread(
    token: str,
    header: JoseHeader | Problem,
    server: AuthorizationServer,
    resource: ProtectedResource,
    ask: Ask,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Introspect a JWT whose signature the guard does not verify."""
    if not has_jws_parts(token):  # an endpoint may parse three of the parts as a revoked JWS
        return _refused(WRONG_PARTS, resource)
    if not is_canonical(token):
        # A server with a deny-list of token texts may know only another spelling.
        return unverified(Reason.MALFORMED_TOKEN, resource)
    jws = parse_jws(token, _ALL_ALGORITHMS, header)
    unread = jws.claims if isinstance(jws, Jws) else {}
    return (yield from ask(server, unread=unread))


def unknown_issuer(
    resource: ProtectedResource, received: object = None, expected: str | None = None
) -> Problem:
    """Return the problem of a token whose issuer is not trusted.

    Args:
        resource: The protected resource.
        received: The issuer that the token or the request names.
        expected: The required issuer, if it is not any of the issuers of the settings.
    """
    if expected is None and not resource.finds_issuers:
        expected = listed(server.issuer for server in resource.servers)
    problem = before_signature(PROBLEMS[Reason.UNKNOWN_ISSUER], hidden=resource.finds_issuers)
    named = None if received is None else listed((received,))
    return problem.about(received=named, expected=expected, check="issuer")


def unverified(
    reason: Reason, resource: ProtectedResource, *, topic: Topic | None = None
) -> Problem:
    """Return the problem of a token that no issuer has verified.

    Args:
        reason: Why the token is refused; not `UNKNOWN_ISSUER`.
        resource: The protected resource.
        topic: See `Diagnosis.topic`.
    """
    return _refused(PROBLEMS[reason].about(topic=topic, check="format"), resource)


def _refused(problem: Problem, resource: ProtectedResource) -> Problem:
    """Return the problem of a token before its issuer is known: it can only be the only one."""
    only, expected = resource.only_server, None
    if problem.reason is Reason.UNSUPPORTED_ALGORITHM:
        expected = listed(sorted(resource.algorithms))
    issuer = None if only is None else only.issuer
    hidden = before_signature(problem, hidden=resource.finds_issuers)
    return hidden.about(issuer=issuer, expected=expected)


def verify_jwt(jws: Jws, server: AuthorizationServer) -> Flow[CacheEntry | Problem | Unreachable]:
    """Verify a token whose `iss` names `server`.

    The key set is fetched if it is missing, and fetched again if a newer set may help.

    Args:
        jws: The parsed token. Its `iss` is the issuer identifier of `server`.
        server: The authorization server whose keys may have signed the token.

    Returns:
        The cache entry of the token, with its validity and its expiry.
    """
    header, source, clock = jws.header, server.keys, server.clock
    if header.alg not in server.algorithms:
        allowed = listed(server.settings.algorithms)
        return _refused_by(server, Reason.UNSUPPORTED_ALGORITHM, "algorithm of the issuer", allowed)
    if header.typ not in server.types:  # RFC 9068 §4, RFC 8725 §3.11
        types = listed(sorted(typ or "(no typ)" for typ in server.types))
        return _refused_by(server, Reason.WRONG_TYPE, "type", types)
    wall, monotonic = clock.wall(), clock.monotonic()
    keys, fetched = source.fresh_at(wall, monotonic), False
    if keys is None:
        before = source.value
        obtained = yield from source.get()
        if isinstance(obtained, Unreachable):
            return obtained.about(issuer=server.issuer)
        keys, fetched = obtained, obtained is not before
        wall, monotonic = clock.now()
    validity = _signer(jws, keys, server)
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
                wall, monotonic = clock.now()
                validity = _signer(jws, keys, server)
    if validity is None:
        candidates = keys.find(header.kid, header.alg)
        if candidates:
            return _refused_by(server, Reason.BAD_SIGNATURE, "signature")
        return _refused_by(server, Reason.UNKNOWN_KEY, "key")
    return check_verified_claims(validity, header, jws.claims, server, wall, monotonic)


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
                # The next token probably has the same signer. It is tried first.
                keys.try_first(header.kid, key)
            remember_header(header, server.headers)
            return server.keys.remember_signer(header, keys, key)
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
    outcome = checks.check(claims, wall, introspected=False, typ=header.typ)
    if isinstance(outcome, Problem):
        return outcome.about(issuer=server.issuer)
    if server.signature_suffices:
        server.has_accepted = True
    # Whole seconds: all tokens of one second share the number.
    ends = min(wall // 1 + LONGEST_SECONDS, claims["exp"] + checks.expiry_leeway_seconds)
    keys_end = server.keys.good_until(wall, monotonic)
    # Keep the fraction of the second: otherwise all tokens of one key set expire at the same moment
    # and are verified again together.
    if keys_end.wall < ends:
        spread = _SPREAD_FROM + (1 - _SPREAD_FROM) * (wall % 1)
        ends = min(keys_end.wall, (wall + (keys_end.wall - wall) * spread) // 1 + 1)
    ends_monotonic = min(monotonic // 1 + LONGEST_SECONDS, keys_end.monotonic)
    return CacheEntry(outcome, server.begins(claims), ends, ends_monotonic, validity)


def refetch_cannot_help(header: JoseHeader, tried: JwkSet, server: AuthorizationServer) -> bool:
    """Return whether a newer key set cannot help.

    It cannot if the set has the key and was fetched recently, so nothing suggests a replaced key.
    """
    if header.kid is None or not tried.find(header.kid, header.alg):
        return False
    # Another request may have fetched a newer set meanwhile. That set is young; `tried` was not.
    return server.keys.is_young and server.keys.value is tried
