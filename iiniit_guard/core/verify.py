"""Verification of one token: find its issuer, then verify its signature or introspect it.

Spec: RFC 7515 §5.2, RFC 8725 §3, RFC 9068 §4.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from iiniit_guard.core.cache.entry import CacheEntry
from iiniit_guard.core.http.bearer import is_b64token
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.jose.jws import (
    ALGORITHMS,
    WRONG_PARTS,
    JoseHeader,
    Jws,
    has_jws_parts,
    is_canonical,
    parse_jws,
    read_header,
)
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.diagnosis import Topic, listed
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.json_types import JsonMapping
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.core.verify_jwt import KeysNeeded, begin_jwt, complete_jwt, unknown_key

Verified: TypeAlias = AccessToken | Problem | Unreachable
_ALL_ALGORITHMS: Final = frozenset(ALGORITHMS)
_REPLACED: Final = Unreachable(
    "waiting", "the settings of the issuer changed during the call"
).about(topic="replaced_issuer")


def verify(
    token: bytes,
    digest: bytes,
    resource: ProtectedResource,
    issuer: str | None = None,
    *,
    outdated: float | None = None,
) -> Flow[Verified]:
    """Verify a token.

    Args:
        token: Without the scheme.
        digest: Its key in the caches.
        resource: The protected resource that the token must be issued for.
        issuer: The required issuer; None means that the token names it.
        outdated: As for `introspect`.
    """
    server = resource.only_server if issuer is None else (yield from resource.server_of(issuer))
    begun = begin_verify(token, digest, resource, server, issuer, outdated=outdated)
    return begun if isinstance(begun, (AccessToken, Problem)) else (yield from begun)


def begin_verify(
    token: bytes,
    digest: bytes,
    resource: ProtectedResource,
    server: AuthorizationServer | None,
    issuer: str | None = None,
    outdated: float | None = None,
) -> AccessToken | Problem | Flow[Verified]:
    """Verify a token as far as that needs no I/O.

    Args:
        token: See `verify`.
        digest: See `verify`.
        resource: See `verify`.
        server: The required issuer, or the only one; None if the token must name it.
        issuer: See `verify`.
        outdated: See `verify`.

    Returns:
        The result, or the flow that completes the verification.
    """
    if len(token) > resource.settings.max_token_bytes:
        return PROBLEMS[Reason.TOKEN_TOO_LONG]
    header = read_header(token)
    if not isinstance(header, JoseHeader):
        # After a valid header, only the characters of a JWS are accepted.
        if not is_b64token(token):
            return PROBLEMS[Reason.MALFORMED_TOKEN]
        if header is None:
            return _verify_opaque(token, digest, server, issuer, resource, outdated)
    if server is not None and not server.verifies_jwts:
        return _introspect_unread(token, digest, header, server, resource, outdated)
    jws = parse_jws(token, resource.algorithms, header)
    if not isinstance(jws, Jws):
        return _refused(jws, resource)
    named, trusted = jws.claims.get("iss"), None
    if isinstance(named, str) and (issuer is None or issuer == named):
        trusted = resource.named(named)
        if trusted is None and resource.finds_issuers:
            return _verify_of_found(named, jws, token, digest, resource, outdated)
    elif server is not None and server.is_unnamed and "iss" not in jws.claims:
        trusted = server
    if trusted is None:
        return unknown_issuer(resource, named, None if named == issuer else issuer)
    return _begin_parsed(jws, token, digest, trusted, resource, outdated)


def _verify_of_found(
    named: str,
    jws: Jws,
    token: bytes,
    digest: bytes,
    resource: ProtectedResource,
    outdated: float | None,
) -> Flow[Verified]:
    """Verify a JWT whose issuer a callable must find."""
    trusted = yield from resource.server_of(named)
    if trusted is None:
        return unknown_issuer(resource, named)
    begun = _begin_parsed(jws, token, digest, trusted, resource, outdated)
    if isinstance(begun, (AccessToken, Problem)):
        return begun
    outcome = yield from begun
    return _replaced(trusted) if trusted.is_replaced else outcome


def _begin_parsed(
    jws: Jws,
    token: bytes,
    digest: bytes,
    trusted: AuthorizationServer,
    resource: ProtectedResource,
    outdated: float | None,
) -> AccessToken | Problem | Flow[Verified]:
    """Verify a JWT of a trusted issuer as far as that needs no I/O."""
    begun = begin_jwt(jws, trusted) if trusted.verifies_jwts else None
    if isinstance(begun, CacheEntry) and trusted.keys_suffice and trusted.is_trusted:
        resource.cache.keep(digest, begun, jws.payload)
        return begun.token
    if isinstance(begun, Problem):
        return begun
    return _complete(begun, jws, token, digest, trusted, resource, outdated)


def _complete(
    begun: CacheEntry | KeysNeeded | None,
    jws: Jws,
    token: bytes,
    digest: bytes,
    trusted: AuthorizationServer,
    resource: ProtectedResource,
    outdated: float | None,
) -> Flow[Verified]:
    """Complete what `_begin_parsed` began: fetch keys, check the status, introspect."""
    verified: CacheEntry | Problem | Unreachable | None
    if isinstance(begun, KeysNeeded):
        verified = yield from complete_jwt(jws, trusted, begun.tried)
    else:
        verified = begun
    if isinstance(verified, CacheEntry) and trusted.status is not None:
        verified = yield from trusted.status.check(verified, jws.claims)
        if isinstance(verified, Problem):
            resource.cache.drop(digest)
    if isinstance(verified, (Problem, Unreachable)):
        return verified
    outcome: Verified
    if verified is not None and (trusted.signature_suffices or not trusted.is_trusted):
        outcome = verified.token
    else:
        outcome = yield from _ask(
            token, digest, trusted, resource, outdated, unread=jws.claims, verified=verified
        )
    if verified is None or not isinstance(outcome, AccessToken):
        return outcome
    # During a call, the application may withdraw the issuer, or the issuer may withdraw its key.
    if not trusted.is_trusted:
        return unknown_issuer(resource, jws.claims.get("iss"))
    if not verified.validity.valid:
        return unknown_key(trusted)
    if trusted.signature_suffices:
        resource.cache.keep(digest, verified, jws.payload)
    return outcome


def _ask(
    token: bytes,
    digest: bytes,
    server: AuthorizationServer,
    resource: ProtectedResource,
    outdated: float | None,
    *,
    unread: JsonMapping,
    verified: CacheEntry | None = None,
) -> Flow[Verified]:
    """Introspect a token; `unread` and `verified` are as for `introspect`."""
    sent = token.decode("latin-1")  # its characters are checked before it is sent
    outcome = yield from introspect(
        sent, digest, server, resource.cache, unread=unread, verified=verified, outdated=outdated
    )
    # During the call, the application may withdraw the issuer.
    if server.is_replaced:
        return _replaced(server)
    if isinstance(outcome, AccessToken) and not server.is_trusted:
        return unknown_issuer(resource, server.issuer)
    return outcome


def _replaced(server: AuthorizationServer) -> Unreachable:
    """Return the outcome of a call during which the settings of the issuer changed.

    The token may be valid with the present settings, so it must be neither accepted nor refused.
    """
    return _REPLACED.about(issuer=server.issuer)


def _verify_opaque(
    token: bytes,
    digest: bytes,
    server: AuthorizationServer | None,
    issuer: str | None,
    resource: ProtectedResource,
    outdated: float | None,
) -> Flow[Verified]:
    """Introspect a token that no reader could parse as a JWS."""
    if issuer is None:
        server = resource.opaque_server_of(token.decode("ascii"))
    if server is not None and server.introspects:
        return (yield from _ask(token, digest, server, resource, outdated, unread={}))
    if issuer is not None and server is None:
        return unknown_issuer(resource, issuer)
    return unverified(Reason.MALFORMED_TOKEN, resource, topic="opaque_token")


def _introspect_unread(
    token: bytes,
    digest: bytes,
    header: JoseHeader | Problem,
    server: AuthorizationServer,
    resource: ProtectedResource,
    outdated: float | None,
) -> Flow[Verified]:
    """Introspect a JWT whose signature the guard does not verify."""
    if not has_jws_parts(token):  # an endpoint may parse three of the parts as a revoked JWS
        return _refused(WRONG_PARTS, resource)
    if not is_canonical(token):
        # A server with a deny-list of token texts may know only another spelling.
        return unverified(Reason.MALFORMED_TOKEN, resource)
    jws = parse_jws(token, _ALL_ALGORITHMS, header)
    unread = jws.claims if isinstance(jws, Jws) else {}
    return (yield from _ask(token, digest, server, resource, outdated, unread=unread))


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
