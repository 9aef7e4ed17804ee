"""The order of the checks and nothing else: whoever has read this has read the security argument for every framework.

Whatever is not positively allowed is denied: a credential is let through by `decide` here and, for a bearer token in the usual form, by
`Usual.decide`, which asks the same functions (`rest_on`, `Policy.check`); nobody without one but by a policy for the anonymous.
"""

from __future__ import annotations

from typing import Final

from iiniit_guard.core.cache.tokens import CacheEntry, digest_of
from iiniit_guard.core.decision import Allow, Decision, Deny, Tried
from iiniit_guard.core.http.bearer import BEARER, Credential, assertion_of, credential_of
from iiniit_guard.core.issuer.introspection import introspect
from iiniit_guard.core.issuer.jwt import verify_jwt
from iiniit_guard.core.jose.jws import ALGORITHMS, JoseHeader, Jws, has_jws_parts, is_canonical, parse_jws, read_header
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.flow import Ask, Flow, Unreachable
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason, before_signature
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.resource import ProtectedResource, request_issuer
from iiniit_guard.errors import UsageError

_ALL_ALGORITHMS: Final = frozenset(ALGORITHMS)


def authenticate(request: Request, resource: ProtectedResource, wanted: Policy | Problem, tried: Tried | None = None) -> Flow[Decision]:
    """Decide about one request.

    Args:
        request: Its header holds the credential.
        resource: What is protected.
        wanted: The policy to satisfy, or the refusal of a request that no rule provides for.
        tried: As for `verify`.
    """
    deny = resource.answers.deny
    policy = wanted if isinstance(wanted, Policy) else ANY_TOKEN
    if isinstance(wanted, Problem) and wanted.reason is not Reason.NO_RULE:
        return deny(wanted, request, policy)
    settings = resource.settings
    if resource.takes_assertions:
        credential = assertion_of(request, settings.max_token_bytes)
    else:
        credential = credential_of(request, resource.schemes, settings.max_token_bytes, query_token=settings.insecure_query_token)
    if isinstance(credential, Problem):
        if credential.reason is Reason.NO_TOKEN and policy.anonymous and _is_anonymous(request, resource):
            return Allow(None)
        return deny(credential, request, policy, scheme=credential.scheme)
    cache = "none"
    outcome: AccessToken | Principal | Problem | Unreachable
    if credential.scheme == BEARER:
        issuer = None
        if settings.issuer_resolver is not None:  # settled before any cache is asked
            issuer = yield from request_issuer(request, settings.issuer_resolver)
            if issuer is None:
                return deny(_unverified(Reason.UNKNOWN_ISSUER, resource), request, policy)
        digest = digest_of(credential.value, issuer)
        token = yield from resource.recall_confirmed(digest)
        cache = "miss" if token is None else "hit"
        outcome = token or (yield from verify(credential.value, digest, resource, issuer, tried=tried))
        if isinstance(outcome, AccessToken):
            outcome = yield from _validate(outcome, request, resource)
    else:
        outcome = yield from _ask_alternative(credential, request, resource)
    if isinstance(outcome, Unreachable):
        return resource.answers.unavailable(outcome, request)  # our outage: a 401 would send clients for new tokens
    if isinstance(outcome, Problem):
        return deny(outcome, request, policy, scheme=credential.scheme, cache=cache)
    if isinstance(wanted, Problem):
        return deny(wanted, request, policy, scheme=credential.scheme, token=outcome, cache=cache)
    return decide(outcome, request, resource, policy, cache=cache)


def _is_anonymous(request: Request, resource: ProtectedResource) -> bool:
    """Return whether a request without an acceptable credential has none at all: one of another scheme is a credential too."""
    return resource.takes_assertions or not any(request.header_values(b"authorization"))


def decide(
    token: AccessToken | Principal, request: Request, resource: ProtectedResource, policy: Policy, *, cache: str = "none"
) -> Allow | Deny:
    """Compare a verified token with a policy."""
    problem = policy.check(token, resource.clock.wall())
    if problem is not None:
        scheme = token.scheme.lower() if isinstance(token, Principal) else BEARER
        return resource.answers.deny(problem, request, policy, scheme=scheme, token=token, cache=cache)
    return Allow(None, token, cache) if isinstance(token, Principal) else Allow(token, None, cache)


def verify(
    token: str,
    digest: bytes,
    resource: ProtectedResource,
    issuer: str | None = None,
    *,
    outdated: float | None = None,
    tried: Tried | None = None,
) -> Flow[AccessToken | Problem | Unreachable]:
    """Find out whether a token is good, wherever it came from.

    Args:
        token: Its characters and its length have been checked.
        digest: Its key in the caches.
        resource: Whom it must be meant for.
        issuer: Who must have issued it; None means that the token itself says so.
        outdated: An entry that ends at this moment or earlier, by the monotonic clock, is no answer: the server is asked anew.
        tried: What `Usual` returned, so that the token is parsed once.
    """
    # The issuer that is settled before the token is read: the only one, or the one that the request named.
    server = resource.only_server if issuer is None else (yield from resource.server_of(issuer))
    header = read_header(token)
    if header is not None and not (has_jws_parts(token) and is_canonical(token)):
        return _unverified(Reason.MALFORMED_TOKEN, resource)  # a tolerant endpoint may take three of the parts for a JWS that was revoked
    if server is not None and server.settings.jwt == "introspect":
        issued_at = None if header is None else _unverified_iat(token, header)
        return (yield from introspect(token, digest, server, resource.cache, issued_at=issued_at, outdated=outdated))
    if header is None:
        asked = server if issuer is not None else resource.opaque_server_of(token)
        if asked is None or not asked.introspects:
            unknown = issuer is not None and server is None
            return _unverified(Reason.UNKNOWN_ISSUER if unknown else Reason.MALFORMED_TOKEN, resource)
        return (yield from introspect(token, digest, asked, resource.cache, outdated=outdated))
    # Garbage is refused before it can cost a call.
    jws = parse_jws(token, resource.algorithms, header) if tried is None else tried.jws
    if isinstance(jws, Problem):
        return before_signature(jws, hidden=resource.finds_issuers)
    named = jws.claims.get("iss")
    if not isinstance(named, str) or (issuer is not None and named != issuer):
        return _unverified(Reason.UNKNOWN_ISSUER, resource)
    trusted = server if server is not None and server.issuer == named else (yield from resource.server_of(named))
    if trusted is None:
        return _unverified(Reason.UNKNOWN_ISSUER, resource)
    how, issued_at = trusted.settings.jwt, jws.claims.get("iat")
    if how == "introspect":
        return (yield from introspect(token, digest, trusted, resource.cache, issued_at=issued_at, outdated=outdated))
    verified = yield from verify_jwt(jws, trusted, None if tried is None else tried.keys)
    if not isinstance(verified, CacheEntry):
        return verified
    if not trusted.is_trusted:  # the application withdrew the issuer while its keys were fetched
        return _unverified(Reason.UNKNOWN_ISSUER, resource)
    if how == "verify":
        resource.cache.keep(digest, verified, len(token))
        return verified.token
    return (yield from introspect(token, digest, trusted, resource.cache, issued_at=issued_at, verified=verified, outdated=outdated))


def _unverified(reason: Reason, resource: ProtectedResource) -> Problem:
    return before_signature(PROBLEMS[reason], hidden=resource.finds_issuers)


def _unverified_iat(token: str, header: JoseHeader | Problem) -> object:
    """Read when a JWT says it was issued; it only decides how soon a refusal may be asked about again."""
    jws = parse_jws(token, _ALL_ALGORITHMS, header)
    return jws.claims.get("iat") if isinstance(jws, Jws) else None


def _validate(token: AccessToken, request: Request, resource: ProtectedResource) -> Flow[AccessToken | Problem]:
    for validator in resource.settings.validators:
        if (yield Ask(validator, (token, request))) is not True:
            return PROBLEMS[Reason.REFUSED_BY_VALIDATOR]
    return token


def _ask_alternative(credential: Credential, request: Request, resource: ProtectedResource) -> Flow[Principal | Problem]:
    """Let the application judge a credential of its own; its scheme alone decides that, and nothing is tried twice."""
    scheme, function = resource.alternatives[credential.scheme]
    answer = yield Ask(function, (credential.value, request))
    if answer is None:
        return PROBLEMS[Reason.UNKNOWN_CREDENTIAL]
    if not isinstance(answer, Principal) or answer.scheme != scheme:
        raise UsageError(f"alternatives: {scheme}: a Principal of this scheme is wanted, or None")
    return answer
