"""The repeated decision about the token of a connection that is still open.

The token is checked like that of a new request. What one request proves once is not: a token that
is bound to a key was presented with its proof when the connection began.
"""

from __future__ import annotations

from typing import TypeAlias

from iiniit_guard.core.application import validate
from iiniit_guard.core.decide import Pending, verify_presented
from iiniit_guard.core.model.access_token import AccessToken
from iiniit_guard.core.model.flow import Flow, Unreachable
from iiniit_guard.core.model.policy import Policy
from iiniit_guard.core.model.problem import Problem
from iiniit_guard.core.presented import Presented
from iiniit_guard.core.resource import ProtectedResource

Rejudged: TypeAlias = AccessToken | Problem | Unreachable


def begin_again(
    resource: ProtectedResource,
    presented: Presented,
    requirement: Policy | Problem,
) -> Rejudged | Pending:
    """Decide again about a request that passed with a token, as far as that needs no I/O.

    Args:
        resource: The protected resource.
        presented: The credential of the request. A cache entry that expires at its `outdated` or
            earlier is not used.
        requirement: The policy to satisfy, or the refusal of a request that no rule matches.

    Returns:
        The result, or the argument of `decide.resume`.
    """
    flow = _judge_again(presented, resource, requirement)
    try:
        return Pending(flow, flow.send(None))
    except StopIteration as finished:
        result: Rejudged = finished.value
        return result


def _judge_again(
    presented: Presented,
    resource: ProtectedResource,
    requirement: Policy | Problem,
) -> Flow[Rejudged]:
    request = presented.request
    if isinstance(requirement, Problem):
        return requirement
    credential = resource.read_credential(request)
    presented.scheme = credential.scheme
    if isinstance(credential, Problem):
        return credential
    value = credential.value
    outcome: Rejudged = yield from verify_presented(value, presented, resource)
    if isinstance(outcome, AccessToken) and resource.settings.validators:
        outcome = yield from validate(outcome, request, resource)
    if isinstance(outcome, AccessToken):
        presented.token = outcome
        return requirement.check(outcome, resource.clock.wall) or outcome
    return outcome
