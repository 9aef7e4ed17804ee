"""A repeated check of an open connection: it asks the issuer, and compares the policy again."""

from __future__ import annotations

import asyncio

from iiniit_guard.core.model.policy import make_policy
from iiniit_guard.testing import Issuer
from tests.unit.core.test_token_watch import begun


def test_a_check_before_the_deadline_does_not_use_the_cached_answer():
    issuer = Issuer()
    with issuer.guard(jwt="introspect") as guard:
        token = issuer.opaque_token()
        watch = begun(issuer, guard, token)
        issuer.revoke(token)
        issuer.clock.advance(50)
        assert watch.is_current()
        asyncio.run(watch.finish_async(watch.begin(), issuer.clock.clock.now()))
        assert watch.reason == "inactive"


def test_a_rule_that_now_demands_more_ends_it():
    class Changing:
        answer: object = make_policy()

        def policy_for(self, request):
            return self.answer

    issuer, rules = Issuer(), Changing()
    with issuer.guard() as guard:
        watch = begun(issuer, guard, issuer.token("user:read"), rules=rules)
        rules.answer = make_policy(["user:write"])
        issuer.clock.advance(300)
        assert not watch.permits()
        assert watch.reason == "missing_scope"
