"""Verification of one token: find its issuer, then verify its signature or introspect it.

Spec: RFC 7515 §5.2, RFC 8725 §3, RFC 9068 §4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

from iiniit_guard.core.cache.entry import CacheEntry
from iiniit_guard.core.http.bearer import is_b64token
from iiniit_guard.core.issuer.authorization_server import AuthorizationServer
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.issuer.status_check import StatusCheck
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
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.core.verify_jwt import verify_jwt

Ask: TypeAlias = Callable[..., Flow[AccessToken | Problem | Unreachable]]
"""`introspect` for one token. Its arguments are the issuer, `unread` and `verified`."""

_ALL_ALGORITHMS: Final = frozenset(ALGORITHMS)


def verify(
    token: bytes,
    digest: bytes,
    resource: ProtectedResource,
    issuer: str | None = None,
    *,
    outdated: float | None = None,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Verify a token.

    Args:
        token: Its length has been checked.
        digest: Its key in the caches.
        resource: The protected resource that the token must be issued for.
        issuer: The required issuer; None means that the token names it.
        outdated: As for `introspect`.
    """
    header = read_header(token)
    # After a valid header, only the characters of a JWS are accepted.
    if not isinstance(header, JoseHeader) and not is_b64token(token):
        return PROBLEMS[Reason.MALFORMED_TOKEN]
    server = resource.only_server if issuer is None else (yield from resource.server_of(issuer))
    if header is None:
        ask = _asker(token, digest, resource, outdated)
        return (yield from _verify_opaque(token, server, issuer, resource, ask))
    if server is not None and not server.verifies_jwts:
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
    if trusted.verifies_jwts:
        verified = yield from verify_jwt(jws, trusted)
        if trusted.status is not None and isinstance(verified, CacheEntry):
            verified = yield from _check_status(trusted.status, verified, jws, digest, resource)
        if not isinstance(verified, CacheEntry):
            return verified
        if not trusted.is_trusted:  # withdrawn while its keys were being fetched
            return unknown_issuer(resource, named)
        if trusted.signature_suffices:
            resource.cache.keep(digest, verified, jws.payload)
            return verified.token
    ask = _asker(token, digest, resource, outdated)
    return (yield from ask(trusted, unread=jws.claims, verified=verified))


def _check_status(
    status: StatusCheck,
    verified: CacheEntry,
    jws: Jws,
    digest: bytes,
    resource: ProtectedResource,
) -> Flow[CacheEntry | Problem | Unreachable]:
    """Return the entry if no status list revokes the token, which otherwise leaves the cache."""
    outcome = yield from status.check(verified, jws.claims)
    if isinstance(outcome, Problem):
        resource.cache.drop(digest)
    return outcome


def _asker(token: bytes, digest: bytes, resource: ProtectedResource, outdated: float | None) -> Ask:
    """Return `introspect` for one token. A JWT whose signature suffices does not need it."""
    sent = token.decode("latin-1")  # its characters are checked before it is sent
    return partial(introspect, sent, digest, cache=resource.cache, outdated=outdated)


def _verify_opaque(
    token: bytes,
    server: AuthorizationServer | None,
    issuer: str | None,
    resource: ProtectedResource,
    ask: Ask,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Introspect a token that no reader could parse as a JWS."""
    if issuer is None and (server is None or server.verifies_jwts):
        server = resource.opaque_server_of(token.decode("ascii"))
    if server is not None and server.introspects:
        return (yield from ask(server))
    if issuer is not None and server is None:
        return unknown_issuer(resource, issuer)
    return unverified(Reason.MALFORMED_TOKEN, resource, topic="opaque_token")


def _introspect_unread(
    token: bytes,
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
