"""A protected resource whose decisions run step by step."""

from __future__ import annotations

from iiniit_guard.core.decide import Pending, Unfinished, begin, conclude, resume
from iiniit_guard.core.model.decision import Allow, Deny
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.core.presented import Presented
from tests.unit.core.stepping import KEY, Steps, bearer, key_set, make_clock, make_resource, mint


def decide(presented, resource, requirement):
    """Decide about a request: `begin`, `resume` and `conclude` as one flow."""
    begun = begin(resource, presented, requirement)
    result = begun.result if isinstance(begun, Unfinished) else begun
    if isinstance(result, Pending):
        result = yield from resume(result)
    return conclude(result, presented, resource, requirement)


class World:
    def __init__(self, **settings):
        self.clock = make_clock()
        self.resource = make_resource(self.clock, **settings)

    def decide(self, request, requirement=ANY_TOKEN):
        read = bearer(request) if isinstance(request, str) else request
        return Steps(decide(Presented.of(read), self.resource, requirement))

    def mint(self, **claims):
        return mint(self.clock, **claims)

    def learn(self, token):
        """Verify a JWT, and fetch the keys for it."""
        steps = self.decide(token)
        assert isinstance(steps.send(key_set(KEY)).result, Allow)
        return token


def reason_of(steps):
    assert isinstance(steps.result, Deny), steps.result
    return steps.result.reason
