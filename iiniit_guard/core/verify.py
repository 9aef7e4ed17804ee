"""Verification of one token: find its issuer, then verify or introspect it."""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.cache.tokens import CacheEntry
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.issuer.jwt import verify_jwt
from iiniit_guard.core.jose.jws import (
    ALGORITHMS,
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

_ALL_ALGORITHMS: Final = frozenset(ALGORITHMS)


def verify(
    token: str,
    digest: bytes,
    resource: ProtectedResource,
    issuer: str | None = None,
    *,
    outdated: float | None = None,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Verify a token from any source.

    Args:
        token: Its characters and its length have been checked.
        digest: Its key in the caches.
        resource: The protected resource that the token must be issued for.
        issuer: The required issuer; None means that the token names it.
        outdated: Ignore a cached entry that ends at this moment or earlier, by the monotonic clock,
            and call the server.
    """
    # The issuer that is known before the token is parsed: the only issuer, or the one that the
    # request named.
    server = resource.only_server if issuer is None else (yield from resource.server_of(issuer))
    header = read_header(token)
    if header is not None and not has_jws_parts(token):
        # A tolerant endpoint may parse three of the parts as a JWS that was revoked.
        return unverified(Reason.MALFORMED_TOKEN, resource, topic="encrypted_token")
    if server is not None and server.settings.jwt == "introspect":
        if header is not None and not is_canonical(token):
            # A server with a deny-list of token texts may know only another spelling.
            return unverified(Reason.MALFORMED_TOKEN, resource)
        unread = None if header is None else parse_jws(token, _ALL_ALGORITHMS, header)
        issued_at = unread.claims.get("iat") if isinstance(unread, Jws) else None
        return (
            yield from introspect(
                token, digest, server, resource.cache, issued_at=issued_at, outdated=outdated
            )
        )
    if header is None:
        asked = server if issuer is not None else resource.opaque_server_of(token)
        if asked is None or not asked.introspects:
            unknown = issuer is not None and server is None
            return (
                unverified(Reason.UNKNOWN_ISSUER, resource, received=issuer)
                if unknown
                else unverified(Reason.MALFORMED_TOKEN, resource, topic="opaque_token")
            )
        return (yield from introspect(token, digest, asked, resource.cache, outdated=outdated))
    # A malformed token is refused without a call to the server.
    jws = parse_jws(token, resource.algorithms, header)
    if isinstance(jws, Problem):
        return _refused(jws, resource)
    named = jws.claims.get("iss")
    if not isinstance(named, str) or (issuer is not None and named != issuer):
        return unverified(
            Reason.UNKNOWN_ISSUER, resource, received=listed((named,)), expected=issuer
        )
    trusted = resource.named(named) or (yield from resource.server_of(named))
    if trusted is None:
        return unverified(Reason.UNKNOWN_ISSUER, resource, received=listed((named,)))
    how, issued_at = trusted.settings.jwt, jws.claims.get("iat")
    if how == "introspect":
        return (
            yield from introspect(
                token, digest, trusted, resource.cache, issued_at=issued_at, outdated=outdated
            )
        )
    verified = yield from verify_jwt(jws, trusted)
    if not isinstance(verified, CacheEntry):
        return verified
    # The application withdrew the issuer while its keys were being fetched.
    if not trusted.is_trusted:
        return unverified(Reason.UNKNOWN_ISSUER, resource, received=named)
    if how == "verify":
        trusted.has_accepted = True
        resource.cache.keep(digest, verified, len(token))
        return verified.token
    return (
        yield from introspect(
            token,
            digest,
            trusted,
            resource.cache,
            issued_at=issued_at,
            verified=verified,
            outdated=outdated,
        )
    )


def unverified(
    reason: Reason,
    resource: ProtectedResource,
    *,
    topic: Topic | None = None,
    received: str | None = None,
    expected: str | None = None,
) -> Problem:
    """Return the problem of a token that no issuer has verified.

    Args:
        reason: Why the token is refused.
        resource: The protected resource.
        topic: See `Diagnosis.topic`.
        received: The issuer that the token or the request names.
        expected: The required issuer, if it is not any of the issuers of the settings.
    """
    if reason is Reason.UNKNOWN_ISSUER:
        if expected is None and not resource.finds_issuers:
            expected = listed(server.issuer for server in resource.servers)
        problem = before_signature(PROBLEMS[reason], hidden=resource.finds_issuers)
        return problem.about(received=received, expected=expected)
    return _refused(PROBLEMS[reason].about(topic=topic), resource)


def _refused(problem: Problem, resource: ProtectedResource) -> Problem:
    """Return the problem of a token before its issuer is known: it can only be the only one."""
    only = resource.only_server
    expected = (
        listed(sorted(resource.algorithms))
        if problem.reason is Reason.UNSUPPORTED_ALGORITHM
        else None
    )
    return before_signature(problem, hidden=resource.finds_issuers).about(
        issuer=None if only is None else only.issuer, expected=expected
    )
