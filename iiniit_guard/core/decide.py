"""The only decision about a request. `begin` runs without I/O, `resume` performs the rest.

The security of every framework adapter depends on this module. `begin` searches the cache and,
after a miss, verifies the bearer token as far as that needs no I/O. Most decisions end there.
`_judge` is the flow of all others, and contains the checks in their order. `begin` takes its first
step. If the flow yields an effect, `begin` returns a `Pending`, which holds the flow. `resume`
continues the same flow to its end, so no check runs twice.

A request is refused unless a check allows it. A credential passes only in `_settle`, or on the fast
path if the requirement is any valid token. A request without a credential passes only by a policy
that allows anonymous requests.
"""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from typing import Final, NamedTuple, TypeAlias

from iiniit_guard.core.application import ask_alternative, request_issuer, validate
from iiniit_guard.core.cache.entry import CacheEntry
from iiniit_guard.core.cache.tokens import digest_of
from iiniit_guard.core.confirmation import confirm
from iiniit_guard.core.dpop.nonces import Nonces
from iiniit_guard.core.dpop.presented_proof import PresentedProof
from iiniit_guard.core.http.bearer import (
    DPOP,
    TOKEN_SCHEMES,
    WHITE_SPACE,
    has_query_token,
    is_b64token,
)
from iiniit_guard.core.http.challenge import nonce_headers
from iiniit_guard.core.model.access_token import AccessToken, Principal
from iiniit_guard.core.model.decision import Allow, Decision
from iiniit_guard.core.model.flow import Effect, Flow, Unreachable
from iiniit_guard.core.model.policy import ANY_TOKEN, Policy
from iiniit_guard.core.model.problem import Problem, Reason
from iiniit_guard.core.model.request import Request
from iiniit_guard.core.presented import Presented
from iiniit_guard.core.resource import ProtectedResource
from iiniit_guard.core.verify import Verified, begin_verify, unknown_issuer, verify

_NO_RULE: Final = Reason.NO_RULE
ANONYMOUS: Final = Principal("")
"""A request without any credential that its policy allows."""


class Pending(NamedTuple):
    """A decision that needs I/O: its flow, which has begun, and the first effect that it yielded.

    A discarded `Pending` closes its flow. So nothing that the flow holds may refer to it.
    """

    flow: Flow[Judged]
    effect: Effect


class Unfinished(NamedTuple):
    """A presented credential and the result of `begin`, unless that is a token that passes."""

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
        The token that passes. Otherwise the argument of `resume` (if it is pending) or `conclude`.
    """
    any_token = requirement is ANY_TOKEN
    if not any_token and isinstance(requirement, Problem) and requirement.reason is not _NO_RULE:
        return Unfinished(presented, requirement)
    authorization = presented.authorization
    found: AccessToken | Problem | Flow[Verified] | None = None
    # Fast path: one bearer token in Authorization decides alone, and no token is in the query. The
    # characters of a JWS are checked only if it is refused.
    if (
        authorization is None
        or authorization[:7] != b"Bearer "
        or not resource.has_fast_path
        or (presented.query and resource.heeds_query and has_query_token(presented.query))
        or len(authorization) > resource.longest_authorization
    ):
        encoded = b""
    else:
        encoded = authorization[7:].rstrip(WHITE_SPACE)
        presented.digest = digest = sha256(encoded).digest()
        entry = resource.find(digest)
        if entry is None:
            if not resource.finds_issuers:
                presented.cache = "miss"
                found = begin_verify(encoded, digest, resource, resource.only_server)
            token = found if isinstance(found, AccessToken) else None
        else:
            presented.cache = "hit"
            found = token = entry.token
        if token is not None and token.confirmation is None:
            if any_token:
                return token
            settled = _settle(token, presented, resource, requirement)
            return settled if isinstance(settled, AccessToken) else Unfinished(presented, settled)
    flow = _judge(presented, resource, requirement, encoded, found)
    try:
        return Unfinished(presented, Pending(flow, flow.send(None)))
    except StopIteration as finished:
        result: Judged = finished.value
        # A nonce for the client needs an `Allow`, which `conclude` makes.
        if isinstance(result, AccessToken) and presented.nonce is None:
            return result
        return Unfinished(presented, result)


def resume(pending: Pending) -> Flow[Judged]:
    """Continue the decision of `begin` to its end."""
    flow, effect = pending
    try:
        while True:
            effect = flow.send((yield effect))
    except StopIteration as finished:
        result: Judged = finished.value
        return result
    finally:
        flow.close()  # a request that ends early still runs the flow's finally blocks


def conclude(
    result: Judged, presented: Presented, resource: ProtectedResource, requirement: Policy | Problem
) -> Decision:
    """Return the decision for a result: an `Allow`, or the complete response of a refusal."""
    if isinstance(result, AccessToken):
        nonce = presented.nonce
        headers = () if nonce is None else nonce_headers(nonce, presented.request)
        return Allow(result, None, presented.cache, headers)
    if isinstance(result, Principal):
        return Allow(None, None if result is ANONYMOUS else result, presented.cache)
    request = presented.request
    if isinstance(result, Unreachable):
        # An outage is a 503; a 401 would make clients fetch new tokens.
        return resource.refusal_writer.unavailable(result, request)
    policy = requirement if isinstance(requirement, Policy) else ANY_TOKEN
    deny = partial(resource.refusal_writer.deny, scheme=presented.scheme, token=presented.token)
    return deny(result, request, policy, cache=presented.cache, nonce=presented.nonce)


def find_cached(
    authorization: bytes, query: bytes, resource: ProtectedResource
) -> CacheEntry | None:
    """Return the cache entry of a request that needs only its token, or None (for the sidecar)."""
    if (
        authorization[:7] != b"Bearer "
        or not resource.has_fast_path
        or (query and resource.heeds_query and has_query_token(query))
    ):
        return None
    entry = resource.find(sha256(authorization[7:].rstrip(WHITE_SPACE)).digest())
    return entry if entry is not None and entry.token.confirmation is None else None


def _settle(
    token: AccessToken | Principal,
    presented: Presented,
    resource: ProtectedResource,
    requirement: Policy | Problem,
    proof: PresentedProof | None = None,
) -> AccessToken | Principal | Problem | Unreachable:
    """Return a verified token or principal if it satisfies the policy, otherwise the problem.

    This is the only place that accepts a credential after a cache miss.
    """
    if isinstance(requirement, Problem):
        problem: Problem | None = requirement
    else:
        problem = requirement.check(token, resource.clock.wall)
    if problem is not None:
        presented.token = token
        return problem
    if proof is None:
        return token
    # The last step: a request that is refused does not use up its proof.
    return resource.proofs.record(proof, presented.request) or token


def _judge(
    presented: Presented,
    resource: ProtectedResource,
    requirement: Policy | Problem,
    encoded: bytes,
    found: AccessToken | Problem | Flow[Verified] | None,
) -> Flow[Judged]:
    """Decide about a request. `found` is the result of the fast path for the token `encoded`."""
    proof: PresentedProof | None = None
    outcome: Judged | None = None
    if found is not None:
        outcome = found if isinstance(found, (AccessToken, Problem)) else (yield from found)
        if isinstance(outcome, Problem) and not is_b64token(encoded):
            # The field does not hold one token. `read_credential` returns the right result.
            presented.cache, outcome = "none", None
    if outcome is None:
        request = presented.request
        credential = resource.read_credential(request, presented.authorization)
        presented.digest, presented.scheme = b"", credential.scheme
        if isinstance(credential, Problem):
            return _without_credential(credential, request, resource, requirement)
        if credential.scheme == DPOP:  # its key and its replay are checked later
            begun = (
                resource.proofs.begin(credential.value, request)
                if (nonces := resource.proofs.nonces) is None
                else (yield from _begin_with_nonce(nonces, credential.value, presented, resource))
            )
            if not isinstance(begun, PresentedProof):
                return begun
            proof, presented.digest = begun, begun.digest or b""
        if credential.scheme in TOKEN_SCHEMES:
            outcome = yield from verify_presented(credential.value, presented, resource)
        else:
            outcome = yield from ask_alternative(credential, request, resource)
    if isinstance(outcome, AccessToken):
        if proof is not None or outcome.confirmation is not None:
            outcome = confirm(outcome, presented.request, resource, proof) or outcome
        if resource.settings.validators and isinstance(outcome, AccessToken):
            outcome = yield from validate(outcome, presented.request, resource)
    if isinstance(outcome, (Problem, Unreachable)):
        return outcome
    settled = _settle(outcome, presented, resource, requirement, proof)
    if proof is None or resource.proofs.shared is None or not isinstance(settled, AccessToken):
        return settled
    return (yield from resource.proofs.record_shared(proof, presented.request)) or settled


def _begin_with_nonce(
    nonces: Nonces, value: str, presented: Presented, resource: ProtectedResource
) -> Flow[PresentedProof | Problem | Unreachable]:
    """Check the DPoP proof of a request, if nonces are required."""
    begun = yield from resource.proofs.begin_with_nonce(nonces, value, presented.request)
    presented.nonce = resource.proofs.fresh_nonce(nonces, begun)
    return begun


def verify_presented(
    value: str, presented: Presented, resource: ProtectedResource
) -> Flow[AccessToken | Problem | Unreachable]:
    """Find the access token `value` in the cache, or verify it."""
    issuer, resolver = None, resource.settings.issuer_resolver
    # The issuer must be known before any cache is searched.
    if resolver is not None:
        issuer = yield from request_issuer(presented.request, resolver)
        if issuer is None:
            return unknown_issuer(resource)
        presented.digest = b""
    digest = presented.digest = presented.digest or digest_of(value, issuer)
    cached = resource.cache.find(digest)
    if cached is not None and resource.finds_issuers:
        # Withdraws the tokens of an issuer that is now unknown.
        yield from resource.server_of(cached.token.issuer)
        cached = resource.cache.find(digest)
    if cached is None or not cached.outlasts(presented.outdated):
        presented.cache, encoded = "miss", value.encode("ascii")
        return (yield from verify(encoded, digest, resource, issuer, outdated=presented.outdated))
    presented.cache = "hit"
    return cached.token


def _without_credential(
    problem: Problem,
    request: Request,
    resource: ProtectedResource,
    requirement: Policy | Problem,
) -> Principal | Problem:
    """Return `ANONYMOUS` if the policy allows it and there is no credential; else the problem.

    A credential of another scheme is a credential too.
    """
    allowed = isinstance(requirement, Policy) and requirement.anonymous
    if not allowed or problem.reason is not Reason.NO_TOKEN:
        return problem
    if not resource.finds_credential(request):
        return ANONYMOUS
    return problem
