"""`iiniit-guard explain`: which binding the settings require."""

from __future__ import annotations

from iiniit_guard.cli.explain.explanation import explain
from iiniit_guard.cli.observed import observed
from iiniit_guard.core.model.policy import ANY_TOKEN
from iiniit_guard.testing import Issuer


def test_the_required_binding_is_named():
    issuer = Issuer()
    with issuer.guard(bound_tokens="certificate") as guard:
        settings = guard._engine.resource.settings
        resource, observer = observed(
            settings, may_call=True, transport=issuer.handle, wall=issuer.clock.wall
        )
        found = explain(issuer.token(), resource, observer, ANY_TOKEN)

    (step,) = [step for step in found.steps if step.status == "refused"]
    assert found.reason == "unbound_token"
    assert step.received == "no cnf"
    assert step.expected == "a token bound by x5t#S256, and a proof that the request carries"
