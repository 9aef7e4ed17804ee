"""The only decision about a request, in two halves: `begin` needs no I/O, `resume` does the rest.

`_judge` contains the checks in their order. The security of every framework adapter depends on it.
It is a flow. `begin` searches the cache and, after a miss, takes the first step of the flow. Most
flows end with that step. If the flow yields an effect, `begin` returns a `Pending`, which holds the
flow. `resume` continues the same flow to its end, so no check runs twice.

A request is refused unless a check allows it. A credential passes only in `_settle`, or on a cache
hit if the requirement is any valid token. A request without a credential passes only by a policy
that allows anonymous requests.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias, cast

from iiniit_guard.core.cache.tokens import CacheEntry, digest_of
from iiniit_guard.core.http.bearer import (
    BEARER,
    WHITE_SPACE,
    Credential,
    assertion_of,
    credential_of,
    has_query_token,
)
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow, Decision
from iiniit_guard.core.model.flow import Call, Effect, Flow, Unreachable
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import PROBLEMS, Problem, Reason
from iiniit_guard.core.model.request import Request, only_authorization
from iiniit_guard.core.resource import ProtectedResource, request_issuer
from iiniit_guard.core.verify import unverified, verify
from iiniit_guard.errors import UsageError

ANONYMOUS: Final = Principal("")
"""A request without any credential that its policy allows."""


class Presented:
    """The credential of one request, and the results of its decision for events and challenges.

    Attributes:
        authorization: The value of its only Authorization field; None without one, or with more
            than one.
        query: Undecoded.
        read: Returns the `Request`, which most decisions do not need.
        method: Its method, for events.
        host: The adapter's name, for events.
        digest: The key of its token in the caches; None until the key is computed.
        cache: How its token was found: `hit`, `miss`, or `none` if no token was checked.
        token: A verified token or principal that the policy refuses.
        scheme: The scheme of its credential, in lower case. The challenge of this scheme carries
            the error.
    """

    __slots__ = (
        "authorization",
        "cache",
        "digest",
        "host",
        "method",
        "query",
        "read",
        "scheme",
        "token",
    )

    def __init__(
        self,
        authorization: bytes | None,
        query: bytes,
        read: Callable[[], Request],
        method: str,
        host: str,
    ) -> None:
        self.authorization: bytes | None = authorization
        self.query: bytes = query
        self.read: Callable[[], Request] = read
        self.method: str = method
        self.host: str = host
        self.cache: str = "none"
        self.scheme: str = BEARER
        self.digest: bytes | None = None
        self.token: AccessToken | Principal | None = None

    @classmethod
    def of(cls, request: Request, host: str = "guard") -> Presented:
        """Return the `Presented` of `request`."""
        return cls(
            only_authorization(request.headers),
            request.query,
            lambda: request,
            request.method,
            host,
        )


class Pending(NamedTuple):
    """A decision that needs I/O: its flow, which has begun, and the first effect that it yielded.

    A discarded `Pending` closes its flow. Therefore nothing that the flow holds may refer to the
    `Pending`.
    """

    flow: Flow[Judged]
    effect: Effect


class Unfinished(NamedTuple):
    """A presented credential and the result of `begin`, if that is not a token that passes."""

    presented: Presented
    result: Begun


Judged: TypeAlias = AccessToken | Principal | Problem | Unreachable
Begun: TypeAlias = Judged | Pending


def begin(
    resource: ProtectedResource, presented: Presented, requirement: Policy | Problem = ANY_TOKEN
) -> AccessToken | Unfinished:
    """Decide about a request, as far as that needs no I/O.

    Args:
        resource: The protected resource.
        presented: The credential of the request.
        requirement: The policy to satisfy, or the refusal of a request that no rule matches.

    Returns:
        The token that passes. Otherwise the argument of `conclude`, or of `resume` first if I/O is
        needed.
    """
    if isinstance(requirement, Problem) and requirement.reason is not Reason.NO_RULE:
        return Unfinished(presented, requirement)
    authorization = presented.authorization
    # Fast path: a bearer token in its usual form, which alone decides, and no token in the query.
    # Its characters are checked only after a miss.
    if (
        authorization is None
        or authorization[:7] != b"Bearer "
        or not resource.has_fast_path
        or (presented.query and resource.heeds_query and has_query_token(presented.query))
        or len(authorization) > resource.longest_authorization
    ):
        encoded = None
    else:
        encoded = authorization[7:].rstrip(WHITE_SPACE)
        presented.digest = digest = sha256(encoded).digest()
        entry = resource.find(digest)
        if entry is not None:
            presented.cache = "hit"
            if requirement is ANY_TOKEN:
                return entry.token
            settled = _settle(entry.token, presented, resource, requirement)
            return settled if isinstance(settled, AccessToken) else Unfinished(presented, settled)
    flow = _judge(presented, resource, requirement, encoded)
    try:
        return Unfinished(presented, Pending(flow, flow.send(None)))
    except StopIteration as finished:
        result = cast("Judged", finished.value)
        return result if isinstance(result, AccessToken) else Unfinished(presented, result)


def resume(pending: Pending) -> Flow[Judged]:
    """Continue the decision of `begin` to its end."""
    flow, effect = pending
    try:
        while True:
            effect = flow.send((yield effect))
    except StopIteration as finished:
        return cast("Judged", finished.value)
    finally:
        flow.close()  # a request that ends early still runs the flow's finally blocks


def conclude(
    result: Judged, presented: Presented, resource: ProtectedResource, requirement: Policy | Problem
) -> Decision:
    """Return the decision for a result: an `Allow`, or the complete response of a refusal."""
    if isinstance(result, AccessToken):
        return Allow(result, None, presented.cache)
    if isinstance(result, Principal):
        return Allow(None, None if result is ANONYMOUS else result, presented.cache)
    request = presented.read()
    if isinstance(result, Unreachable):
        # An outage is a 503; a 401 would make clients fetch new tokens.
        return resource.refusal_writer.unavailable(result, request)
    policy = requirement if isinstance(requirement, Policy) else ANY_TOKEN
    return resource.refusal_writer.deny(
        result,
        request,
        policy,
        scheme=presented.scheme,
        token=presented.token,
        cache=presented.cache,
    )


def decide(
    presented: Presented, resource: ProtectedResource, requirement: Policy | Problem
) -> Flow[Decision]:
    """Decide about a request: `begin`, `resume` and `conclude` as one flow."""
    begun = begin(resource, presented, requirement)
    result = begun.result if isinstance(begun, Unfinished) else begun
    if isinstance(result, Pending):
        result = yield from resume(result)
    return conclude(result, presented, resource, requirement)


def find_cached(
    authorization: bytes, query: bytes, resource: ProtectedResource
) -> CacheEntry | None:
    """Return the cache entry of a request that needs only its token, or None.

    Called by a host that makes and counts its decisions itself.
    """
    if (
        authorization[:7] != b"Bearer "
        or not resource.has_fast_path
        or (query and resource.heeds_query and has_query_token(query))
    ):
        return None
    return resource.find(sha256(authorization[7:].rstrip(WHITE_SPACE)).digest())


def authorize(
    token: AccessToken | Principal, resource: ProtectedResource, policy: Policy
) -> Problem | None:
    """Return why a verified token does not satisfy the policy of a handler; None if it does."""
    return policy.check(token, resource.clock.wall)


def _settle(
    token: AccessToken | Principal,
    presented: Presented,
    resource: ProtectedResource,
    requirement: Policy | Problem,
) -> AccessToken | Principal | Problem:
    """Return a verified token or principal if it satisfies the policy, otherwise the problem.

    This is the only place that accepts a credential after a cache miss.
    """
    problem = (
        requirement if isinstance(requirement, Problem) else authorize(token, resource, requirement)
    )
    if problem is None:
        return token
    presented.token = token
    return problem


def _judge(
    presented: Presented,
    resource: ProtectedResource,
    requirement: Policy | Problem,
    encoded: bytes | None,
) -> Flow[AccessToken | Principal | Problem | Unreachable]:
    """Decide about a request whose token is not cached.

    `encoded` is its bearer token if `begin` searched the cache for it, otherwise None.
    """
    settings = resource.settings
    request = presented.read()
    if resource.takes_assertions:
        credential = assertion_of(request, settings.max_token_bytes)
    else:
        credential = credential_of(
            request,
            resource.schemes,
            settings.max_token_bytes,
            query_token=resource.query_token,
        )
    presented.scheme = credential.scheme
    if isinstance(credential, Problem):
        anonymous = (
            isinstance(requirement, Policy)
            and requirement.anonymous
            and credential.reason is Reason.NO_TOKEN
        )
        return ANONYMOUS if anonymous and _has_no_credential(request, resource) else credential
    if credential.scheme != BEARER:
        outcome: AccessToken | Principal | Problem | Unreachable = yield from _ask_alternative(
            credential, request, resource
        )
    else:
        issuer = None
        # The issuer must be known before any cache is searched.
        if settings.issuer_resolver is not None:
            issuer = yield from request_issuer(request, settings.issuer_resolver)
            if issuer is None:
                return unverified(Reason.UNKNOWN_ISSUER, resource)
        if presented.digest is None or encoded != credential.value.encode("ascii"):
            presented.digest = digest_of(credential.value, issuer)
        cached = yield from resource.get_confirmed(presented.digest)
        presented.cache = "miss" if cached is None else "hit"
        outcome = cached or (
            yield from verify(credential.value, presented.digest, resource, issuer)
        )
        if isinstance(outcome, AccessToken) and settings.validators:
            outcome = yield from _validate(outcome, request, resource)
    if isinstance(outcome, (Problem, Unreachable)):
        return outcome
    return _settle(outcome, presented, resource, requirement)


def _has_no_credential(request: Request, resource: ProtectedResource) -> bool:
    """Return whether a request without an accepted credential has no credential at all.

    A credential of another scheme is a credential too.
    """
    return resource.takes_assertions or not any(request.header_values(b"authorization"))


def _validate(
    token: AccessToken, request: Request, resource: ProtectedResource
) -> Flow[AccessToken | Problem]:
    for validator in resource.settings.validators:
        if (yield Call(validator, (token, request))) is not True:
            return PROBLEMS[Reason.REFUSED_BY_VALIDATOR]
    return token


def _ask_alternative(
    credential: Credential, request: Request, resource: ProtectedResource
) -> Flow[Principal | Problem]:
    """Call the application's function for a credential of another scheme.

    The scheme alone selects the function. No credential is tried by two functions.
    """
    scheme, function = resource.alternatives[credential.scheme]
    answer = yield Call(function, (credential.value, request))
    if answer is None:
        return PROBLEMS[Reason.UNKNOWN_CREDENTIAL]
    if not isinstance(answer, Principal) or answer.scheme != scheme:
        raise UsageError(f"alternatives: {scheme}: must be a Principal of this scheme, or None")
    return answer
